"""Why a match, and why others lost to it: by code, and by how much."""

from typing import Any

from services.matching.engine import Award, Lost, decide
from services.matching.engine.rule import BASE
from tests.matching.engine.rounds import PARTNERS, SIMPLE, ask, offer, problem


def the_one(offers: list[Any], asks: list[Any], **more: Any) -> Award:
    """The only award."""
    (award,) = decide(problem(offers, asks, **more)).awards
    return award


def why(lost: tuple[Lost, ...]) -> list[tuple[int, int, str, int]]:
    """(pledge, need, code, margin) of what lost."""
    return [(int(x.pledge_id[-12:]), int(x.need_id[-12:]) % 10**6, x.code, x.margin) for x in lost]


def test_parts_of_a_score_add_up_to_it() -> None:
    """Half begun, a fifth had, 73 days, records of 500: 200 + 240 + 40 + 24 + 25."""
    award = the_one([offer(1, 10)], [ask(1, 10, begun=500, had=200, waiting=73)])
    assert award.parts == {
        "begun": 200,
        "fairness": 240,
        "waiting": 40,
        "authority-record": 24,
        "partner-record": 25,
    }
    assert award.score == BASE + sum(award.parts.values())


def test_another_need_of_the_same_tier_lost_by_its_score() -> None:
    """It has waited less: by 20 points a unit."""
    award = the_one([offer(1, 10)], [ask(1, 10), ask(2, 10, waiting=37)])
    assert award.need_id[-1] == "2"
    assert why(award.other_needs) == [(1, 1, "lower-score", 20)]


def test_another_need_of_a_lower_tier_lost_whatever_it_scores() -> None:
    """Urgency comes before everything within a tier."""
    award = the_one([offer(1, 10)], [ask(1, 10, begun=1000), ask(2, 10, urgency="high")])
    assert why(award.other_needs) == [(1, 1, "lower-tier", 0)]


def test_another_pledge_of_the_same_score_was_later() -> None:
    """It was made after the one that serves."""
    award = the_one([offer(1, 10), offer(2, 10)], [ask(1, 10)])
    assert award.pledge_id[-1] == "1"
    assert why(award.other_pledges) == [(2, 1, "later", 0)]


def test_another_pledge_whose_partner_keeps_its_word_less_lost_by_that() -> None:
    """All of its matches lapsed: 50 points a unit."""
    award = the_one([offer(1, 10, record=0), offer(2, 10, record=1000)], [ask(1, 10)])
    assert why(award.other_pledges) == [(1, 1, "lower-score", 50)]


def test_another_pledge_was_used_for_others_or_another_need_covered_by_others() -> None:
    """Two pledges and two needs: each pledge could have served the other's need."""
    first, second = decide(problem([offer(1, 10), offer(2, 10)], [ask(1, 10), ask(2, 10)])).awards
    assert why(first.other_pledges) == [(2, 1, "used-for-others", 0)]
    assert why(first.other_needs) == [(1, 2, "covered-by-others", 0)]
    assert why(second.other_pledges) == [(1, 2, "used-for-others", 0)]


def test_whole_line_that_does_not_fit_what_is_left_says_so() -> None:
    """The first is as good, and earlier, but too large."""
    award = the_one([offer(2, 10), offer(1, 10, minimum=7)], [ask(1, 6), ask(2, 4)][:1])
    assert award.pledge_id[-1] == "2"
    assert why(award.other_pledges) == [(1, 1, "does-not-fit", 0)]


def test_what_bounded_an_award_is_named() -> None:
    """The line is covered, the pledge used up, both, or a least amount or whole line kept."""
    assert the_one([offer(1, 10)], [ask(1, 6)]).binding == ("covers-the-line",)
    assert the_one([offer(1, 6)], [ask(1, 10)]).binding == ("uses-up-the-pledge-line",)
    whole = the_one([offer(1, 6, indivisible=True)], [ask(1, 10)])
    assert whole.binding == ("uses-up-the-pledge-line", "indivisible")
    least = the_one([offer(1, 10, minimum=6)], [ask(1, 6)])
    assert least.binding == ("covers-the-line", "minimum")


def test_at_most_three_alternatives_are_named_and_all_who_got_nothing_are_told() -> None:
    """An explanation stays short."""
    found = decide(problem([offer(n, 10) for n in range(1, 8)], [ask(1, 10)]))
    (award,) = found.awards
    assert [x.pledge_id[-1] for x in award.other_pledges] == ["2", "3", "4"]
    assert [p.pledge_id[-1] for p in found.passed_over] == ["2", "3", "4", "5", "6", "7"]


def test_who_could_not_serve_was_not_passed_over() -> None:
    """Another earmark, no rate, nothing available, or something got: nothing was lost."""
    others = [
        offer(2, 10, sectors=("health",)),
        offer(3, 10, "JPY"),
        offer(4, 0),
        offer(5, 1, "UAH", partner_id=PARTNERS[1]),
    ]
    found = decide(problem([offer(1, 10), *others], [ask(1, 10)], rates=SIMPLE))
    assert found.passed_over == ()
    assert found.awards[0].other_pledges == ()


def test_nobody_is_passed_over_for_a_line_that_is_not_covered() -> None:
    """A pledge that is too large for what is left may serve it in time."""
    found = decide(problem([offer(1, 5), offer(2, 10, indivisible=True)], [ask(1, 9)]))
    assert found.passed_over == ()
