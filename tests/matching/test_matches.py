"""From a proposal to a delivery: who says yes, who says no, what arrived."""

from typing import Any, get_args

import pytest
from hypothesis import given as for_any
from hypothesis import strategies as st

from services.matching import matches, model
from services.matching.matches import Match, MatchClosed
from shared.errors import InvalidInput, NotYours
from shared.events.facts import Amount
from shared.events.ids import MemberId
from shared.events.matches import MatchAccepted, MatchAgreed, MatchReleased, ReleaseCause
from shared.events.registry import Event
from shared.lines import minor_units, of_minor_units
from tests.given import funding, given, goods, money, patience
from tests.matching.samples import (
    CASCAIS,
    IRPIN,
    LITHUANIA,
    a_match,
    after,
    agreed,
    agreed_event,
    deliver,
    pledge_made,
    proposed,
    rates_set,
)

SIDES = [(CASCAIS, IRPIN), (IRPIN, CASCAIS)]
TRUCKS = goods(1, "truck", 3).amount
GIVEN_UP: tuple[ReleaseCause, ...] = ("need-withdrawn", "project-cancelled")
"""What ends an agreed match of which nothing has arrived."""


def delivered(match: Match) -> Match:
    """The match after all of it arrived."""
    return after(match, deliver(match))


def declined() -> Match:
    """A match that Irpin declined."""
    return after(a_match(), matches.decline(a_match(), IRPIN, "too late"))


def released() -> Match:
    """A match whose pledge was amended."""
    return after(a_match(), matches.release(a_match(), "pledge-amended", "less"))


ENDED = [delivered(agreed(a_match())), declined(), released()]


@pytest.mark.parametrize(("first", "second"), SIDES)
def test_match_is_agreed_when_both_sides_have_accepted(first: MemberId, second: MemberId) -> None:
    """One yes is not enough, whoever says it first; two are."""
    (accepted,) = matches.accept(a_match(), first)
    assert isinstance(accepted, MatchAccepted)
    waiting = after(a_match(), accepted)
    assert (waiting.status, waiting.live) == ("proposed", True)
    events = matches.accept(waiting, second)
    assert [type(e) for e in events] == [MatchAccepted, MatchAgreed]
    agreement = after(waiting, *events)
    assert (agreement.status, agreement.accepted) == ("agreed", ("partner", "ukraine"))


@pytest.mark.parametrize("by", [CASCAIS, IRPIN])
def test_side_accepts_once(by: MemberId) -> None:
    """A second yes of the same side is refused: it is not the other's."""
    waiting = after(a_match(), *matches.accept(a_match(), by))
    with pytest.raises(MatchClosed):
        matches.accept(waiting, by)


@pytest.mark.parametrize(("first", "second"), SIDES)
def test_side_may_decline_until_both_have_accepted(first: MemberId, second: MemberId) -> None:
    """Either may still say no after one yes, also the one that said it."""
    waiting = after(a_match(), *matches.accept(a_match(), first))
    for by in (first, second):
        match = after(waiting, matches.decline(waiting, by, "the council said no"))
        assert (match.status, match.live) == ("declined", False)


@pytest.mark.parametrize("by", [CASCAIS, IRPIN])
def test_agreed_match_is_neither_declined_nor_accepted_again(by: MemberId) -> None:
    """A commitment is a commitment."""
    with pytest.raises(MatchClosed):
        matches.decline(agreed(a_match()), by, "changed our mind")
    with pytest.raises(MatchClosed):
        matches.accept(agreed(a_match()), by)


@pytest.mark.parametrize("ended", ENDED, ids=lambda m: m.status)
def test_nothing_happens_to_a_match_that_has_ended(ended: Match) -> None:
    """Declined, then accepted, gave two offers elsewhere; here an end is an end."""
    assert not ended.live
    for by in (CASCAIS, IRPIN):
        with pytest.raises(MatchClosed):
            matches.accept(ended, by)
        with pytest.raises(MatchClosed):
            matches.decline(ended, by, "no")
    for cause in get_args(ReleaseCause):
        with pytest.raises(MatchClosed):
            matches.release(ended, cause, "no")
    with pytest.raises(MatchClosed):
        deliver(ended)


def test_only_its_two_sides_decide_on_a_match() -> None:
    """Lithuania neither accepts nor declines what is between Cascais and Irpin."""
    with pytest.raises(NotYours):
        matches.accept(a_match(), LITHUANIA)
    with pytest.raises(NotYours):
        matches.decline(a_match(), LITHUANIA, "not ours")
    with pytest.raises(NotYours):
        matches.deliver(agreed(a_match()), LITHUANIA, None, "2023-08-31", "windows")


def test_events_of_a_match_name_both_its_ends() -> None:
    """A reader needs no other event to place one."""
    match = a_match()
    for event in [*matches.accept(match, IRPIN), matches.decline(match, IRPIN, "no")]:
        assert (event.pledge_id, event.need_id) == (match.pledge_id, match.need_id)
        assert (event.reserved, event.covers) == (match.reserved, match.covers)


@pytest.mark.parametrize("cause", sorted({*get_args(ReleaseCause)} - {*GIVEN_UP}))
def test_agreed_match_is_not_released_because_an_end_changed(cause: ReleaseCause) -> None:
    """What is agreed stays."""
    with pytest.raises(MatchClosed):
        matches.release(agreed(a_match()), cause, "changed")


@pytest.mark.parametrize("cause", GIVEN_UP)
def test_agreed_match_is_released_where_its_need_is_withdrawn_or_its_project_given_up(
    cause: ReleaseCause,
) -> None:
    """The owner's word stands, and the event says that it had been agreed."""
    event = matches.release(agreed(a_match()), cause, "built elsewhere")
    assert event.was == "agreed"
    assert matches.release(a_match(), cause, "built elsewhere").was == "proposed"


@pytest.mark.parametrize("cause", get_args(ReleaseCause))
def test_match_of_which_a_part_arrived_is_not_released(cause: ReleaseCause) -> None:
    """What was delivered cannot be undone."""
    match = agreed(a_match())
    match = after(match, deliver(match, money("0.01")))
    with pytest.raises(MatchClosed):
        matches.release(match, cause, "built elsewhere")


def test_delivery_is_confirmed_by_the_authority_alone() -> None:
    """Organisations claimed work and never did it: who receives says what arrived."""
    with pytest.raises(NotYours):
        matches.deliver(agreed(a_match()), CASCAIS, None, "2023-08-31", "windows")


def test_proposal_cannot_be_delivered() -> None:
    """Only what is agreed arrives."""
    with pytest.raises(MatchClosed):
        deliver(a_match())


def test_delivery_without_an_amount_is_all_the_rest() -> None:
    """After a part, the rest; then the match is delivered and no longer live."""
    match = agreed(a_match())
    match = after(match, deliver(match, money("123456.78")))
    assert (match.status, match.live) == ("agreed", True)
    last = deliver(match)
    assert (last.delivered, last.rest) == (money("376543.22"), money("0.00"))
    match = after(match, last)
    assert (match.status, match.live, match.delivered) == ("delivered", False, 50_000_000)


@pytest.mark.parametrize("amount", [money("0.00"), money("500000.01"), TRUCKS])
def test_delivery_is_more_than_nothing_not_more_than_is_to_come_and_of_the_same_kind(
    amount: Amount,
) -> None:
    """Nothing, one cent too much, and trucks instead of money."""
    with pytest.raises(InvalidInput):
        deliver(agreed(a_match()), amount)


@pytest.mark.parametrize(
    ("reserved", "arrived"),
    [
        (money("500000.00"), money("1000.00", "UAH")),
        (money("500000.00"), money("100000", "JPY")),
        (TRUCKS, goods(1, "truck", 3, "tonne").amount),
    ],
)
def test_delivery_counts_in_the_currency_or_unit_of_the_match(
    reserved: Amount, arrived: Amount
) -> None:
    """1,000 hryvnias are not 1,000 euros, and three tonnes are not three trucks."""
    with pytest.raises(InvalidInput) as refused:
        deliver(agreed(a_match(reserved)), arrived)
    assert refused.value.facts["field"] == "/amount"


def test_part_of_what_was_agreed_in_a_currency_that_was_retired_since_may_arrive() -> None:
    """Amounts outlive currencies: kunas that were agreed arrive in kunas, or in none."""
    match = agreed(a_match(money("100.00", "HRK")))
    assert deliver(match, money("40.00", "HRK")).rest == money("60.00", "HRK")


def test_all_of_what_was_agreed_in_a_currency_that_was_retired_since_may_arrive() -> None:
    """It keeps its two decimals for ever."""
    match = agreed(a_match(money("100.00", "HRK")))
    assert minor_units(match.reserved) == 10_000
    assert deliver(match).delivered == money("100.00", "HRK")


def test_delivery_has_not_more_decimals_than_its_currency() -> None:
    """1.009 euros are no amount, rather than 1.00."""
    with pytest.raises(InvalidInput) as refused:
        deliver(agreed(a_match()), money("1.009"))
    assert refused.value.facts["field"] == "/amount/amount"


@st.composite
def parts_of_a_match(draw: st.DrawFn) -> tuple[Match, list[int]]:
    """An agreed match of any two amounts, and whole parts that add up to what it reserves."""
    reserved = draw(st.integers(1, 10**9))
    covers = draw(st.integers(1, 10**9))
    pledged, asked = draw(
        st.permutations([money("1.00", "EUR"), money("1.00", "UAH"), money("1", "JPY")])
    )[:2]
    cuts = sorted(draw(st.sets(st.integers(0, reserved - 1), max_size=6)) | {0})
    parts = [b - a for a, b in zip(cuts, [*cuts[1:], reserved], strict=True)]
    return agreed(a_match(of_minor_units(reserved, pledged), of_minor_units(covers, asked))), parts


@patience(200, 50)
@for_any(parts_of_a_match())
def test_partial_deliveries_add_up_to_the_whole_in_both_currencies(
    case: tuple[Match, list[int]],
) -> None:
    """However it is cut and rounded: no part covers more than its share, and nothing is lost."""
    match, parts = case
    whole, cover = minor_units(match.reserved), minor_units(match.covers)
    so_far = covered = 0
    for part in parts:
        event = deliver(match, of_minor_units(part, match.reserved))
        match = after(match, event)
        so_far += part
        covered += minor_units(event.delivered_covers)
        assert minor_units(event.rest) == whole - so_far
        assert covered * whole <= cover * so_far
        assert (match.status == "delivered") == (so_far == whole)
    assert (match.delivered, match.delivered_covers) == (whole, cover)


@patience(200, 50)
@for_any(
    st.lists(st.tuples(st.integers(1, 1000), st.integers(1, 1000)), max_size=8),
    st.integers(-10, 8000),
    st.booleans(),
    st.randoms(use_true_random=False),
)
def test_release_frees_enough_newest_first_and_not_one_more(
    amounts: list[tuple[int, int]], excess: int, covers: bool, order: Any
) -> None:
    """Whatever order the proposals come in: the newest go, until the excess is free."""
    proposals = [
        a_match(of_minor_units(r, money("1")), of_minor_units(c, money("1", "UAH")), number)
        for number, (r, c) in enumerate(amounts, start=1)
    ]
    order.shuffle(shuffled := list(proposals))
    events = matches.release_until(shuffled, excess, "need-amended", "less", covers=covers)
    freed = [minor_units(e.covers if covers else e.reserved) for e in events]
    newest = [m.id for m in reversed(proposals)]
    assert [e.match_id for e in events] == newest[: len(events)]
    everything = sum(pair[covers] for pair in amounts)
    assert sum(freed) >= min(excess, everything)
    assert not events or sum(freed[:-1]) < excess


def test_match_is_folded_from_its_own_events_only() -> None:
    """It begins with one proposal, and nothing else begins it or follows it."""
    ends: list[Event] = [
        *matches.accept(a_match(), IRPIN),
        agreed_event(a_match()),
        matches.decline(a_match(), IRPIN, "no"),
        matches.release(a_match(), "need-amended", "less"),
        deliver(agreed(a_match())),
    ]
    for event in ends:
        assert matches.evolve_match(a_match(), event).id == a_match().id
        with pytest.raises(TypeError):
            matches.evolve_match(None, event)
    for foreign in (proposed(), pledge_made(funding(1, "1.00")), rates_set(UAH="40")):
        with pytest.raises(TypeError):
            matches.evolve_match(a_match(), foreign)


def test_release_event_is_read_back_as_it_was() -> None:
    """`was` and `cause` survive the log: projects tells a commitment by them."""
    event = matches.release(agreed(a_match()), "need-withdrawn", "built elsewhere")
    assert MatchReleased.model_validate_json(event.data(), strict=True) == event
    assert (
        model.evolve_pledge(
            given(model.evolve_pledge, pledge_made(funding(1, "500000.00")), proposed()), event
        )
        .balance(1)
        .available
        == 50_000_000
    )
