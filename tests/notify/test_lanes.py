"""Lanes: whose turn it is, how much goes at once and how often, and what a failure holds up."""

from services.notify.lanes import LONGEST_PAUSE, Lane, Lanes


def lanes(**waiting: int) -> Lanes[str]:
    """Lanes with so much in each: 10 a second, 4 at once in each."""
    found: Lanes[str] = Lanes(rate=10, width=4)
    for name, number in waiting.items():
        found[name].waiting.extend(f"{name}{i}" for i in range(number))
    return found


def names(taken: list[tuple[Lane[str], str]]) -> list[str]:
    return [what for _, what in taken]


def test_each_lane_has_its_turn() -> None:
    """One that holds ten thousand is not before one that holds two, and none has five at once."""
    here = lanes(big=10_000, small=2)
    assert names(here.take(0.0, 8, 8)) == ["big0", "small0", "big1", "small1", "big2", "big3"]
    assert here.ready(0.0, 8) == 0


def test_the_next_turn_begins_with_whom_was_not_served_last() -> None:
    """With one hand, lanes alternate."""
    here = lanes(a=3, b=3)
    served = []
    for _ in range(4):
        [(lane, what)] = here.take(0.0, 1, 8)
        here.done(lane)
        served.append(what)
    assert served == ["a0", "b0", "a1", "b1"]


def test_a_lane_keeps_its_rate() -> None:
    """Ten a second: a second's worth at first, then one each tenth of a second."""
    here = lanes(a=100)
    gone = 0
    for tick in range(300):  # 3 s, by hundredths
        for lane, _ in here.take(tick / 100, 8, 8):
            here.done(lane)
            gone += 1
    assert 38 <= gone <= 40
    moment = here.next_at(3.0)
    assert moment is not None
    assert 3.0 <= moment <= 3.1


def test_no_answer_closes_the_lane_and_only_it() -> None:
    """What waited there goes back to the store; the others go on; after the pause it is tried by
    one at a time."""
    here = lanes(dead=5, well=5)
    taken = here.take(0.0, 2, 8)
    dead = next(lane for lane, what in taken if what == "dead0")
    here.done(dead)
    assert here.failed(dead, 0.0, 0.5, at_once=True) == ["dead1", "dead2", "dead3", "dead4"]
    dead.refs.add("contact")
    assert here.closed_refs(0.5) == ["contact"]
    assert names(here.take(0.5, 8, 8)) == ["well1", "well2", "well3"]
    dead.waiting.extend(["dead1", "dead2"])
    assert names(here.take(1.1, 8, 8)) == ["dead1"]


def test_a_mailbox_that_is_busy_does_not_close_its_domain_three_do() -> None:
    """A 450 may be about one mailbox; the third in a row is about more."""
    here = lanes(town=9)
    lane = here["town"]
    assert here.failed(lane, 0.0, 0.5, at_once=False) == []
    here.went_well(lane)
    assert [len(here.failed(lane, 0.0, 0.5, at_once=False)) for _ in range(3)] == [0, 0, 9]


def test_the_pause_grows_to_a_quarter_of_an_hour_and_ends_with_an_answer() -> None:
    """1, 2, 4 … seconds, at most 900, a quarter more or less; then as if nothing had been."""
    here = lanes(dead=0)
    lane = here["dead"]
    pauses = []
    for _ in range(12):
        lane.open_at = 0.0
        here.failed(lane, 0.0, 0.5, at_once=True)
        pauses.append(lane.open_at)
    assert pauses[:4] == [1, 2, 4, 8]
    assert pauses[-1] == LONGEST_PAUSE
    here.went_well(lane)
    assert not here.full("dead", 0.0)


def test_destinations_that_hang_never_have_more_than_half_of_the_hands() -> None:
    """Twenty of them, and one that works: it always finds a hand."""
    here = lanes(**{f"dead{i}": 3 for i in range(20)})
    for i in range(20):
        here[f"dead{i}"].failures = 1
    here["well"].waiting.extend(["mail"] * 3)
    assert here.ready(0.0, 8) == 4 + 3
    taken = names(here.take(0.0, 8, 8))
    assert len(taken) == 4 + 3
    assert taken.count("mail") == 3
    assert here.ready(0.0, 8) == 0


def test_a_lane_that_is_done_is_forgotten_and_one_in_trouble_is_not() -> None:
    """Memory holds no domain that was written to once."""
    here = lanes(a=1, b=1)
    taken = here.take(0.0, 2, 8)
    for lane, _ in taken:
        here.done(lane)
    here.failed(here["b"], 0.0, 0.5, at_once=True)
    here.forget_idle(10.0)
    assert len(here) == 1
    assert here.full("b", 0.1)
