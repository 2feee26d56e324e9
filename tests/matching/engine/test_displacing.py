"""What was proposed stands; a newly arrived pair of a higher tier takes what it needs of it."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.matching.engine import Ask, Offer, Problem, Solution, decide
from services.matching.engine.problem import Standing
from tests.given import patience
from tests.matching.engine.decided import Market
from tests.matching.engine.rounds import (
    AUTHORITIES,
    PARTNERS,
    SIMPLE,
    ask,
    offer,
    problem,
    problems,
    proposed,
    standing,
    who,
)

USED: dict[str, Any] = {"pledged": 100}
"""A pledge line of 100."""
FULL: dict[str, Any] = {"asked": 100}
"""A requirement line of 100."""


def gone(given: Problem) -> list[tuple[str, int, int]]:
    """(match, by which pledge, by which need) of what gives way, by numbers."""
    return [
        (d.match_id[-1], int(d.by_pledge_id[-12:]), int(d.by_need_id[-12:]) % 10**6)
        for d in decide(given).displaced
    ]


def one_proposal(urgency: Any = "critical", since: int = 5, **more: Any) -> Problem:
    """All of a pledge is proposed to a need, then a second need is posted."""
    o, a = offer(1, 0, **USED), ask(1, 0, **FULL)
    late = ask(2, 60, urgency=urgency, since=since)
    return problem([o], [a, late], standing=(standing(1, o, a, 100, 100, 3),), **more)


def test_newly_arrived_need_of_a_higher_tier_takes_what_it_needs() -> None:
    """60 of 100; the other 40 are for the next round, which gives them to who was displaced."""
    given = one_proposal()
    assert gone(given) == [("1", 1, 2)]
    found = decide(given)
    assert who(found) == [(1, 2, 60, 60)]
    again = decide(proposed(given, found))
    assert who(again) == [(1, 1, 40, 40)]
    assert again.displaced == ()


def test_newly_arrived_pledge_of_a_higher_tier_takes_the_place_of_another() -> None:
    """A twinned partner pledges: the need is covered by it instead."""
    o, a = offer(1, 0, **USED), ask(1, 0, **FULL)
    friend = offer(2, 100, since=5, partner_id=PARTNERS[1])
    twinned = {(AUTHORITIES[0], PARTNERS[1]): 0}
    given = problem([o, friend], [a], twinned=twinned, standing=(standing(1, o, a, 100, 100, 3),))
    assert gone(given) == [("1", 2, 1)]
    assert who(decide(given)) == [(2, 1, 100, 100)]


def test_partnership_makes_a_pair_newly_arrived() -> None:
    """Pledge and need were there before, and become partners after the proposal."""
    o, a, late = offer(1, 0, **USED), ask(1, 0, **FULL), ask(2, 60, authority_id=AUTHORITIES[1])
    stands = (standing(1, o, a, 100, 100, 3),)
    twins = (AUTHORITIES[1], PARTNERS[0])
    assert gone(problem([o], [a, late], twinned={twins: 4}, standing=stands)) == [("1", 1, 2)]
    assert gone(problem([o], [a, late], twinned={twins: 2}, standing=stands)) == []


@pytest.mark.parametrize(
    "given",
    [
        one_proposal("normal"),
        one_proposal("low"),
        one_proposal(since=2),
        one_proposal(since=3),
    ],
    ids=["same tier", "lower tier", "older", "at the same moment"],
)
def test_proposal_stands_where_nothing_of_a_higher_tier_has_newly_arrived(given: Problem) -> None:
    """People have been told."""
    assert gone(given) == []
    assert who(decide(given)) == []


def test_score_within_a_tier_displaces_nothing() -> None:
    """However much more a need that came later scores."""
    o, a = offer(1, 0, **USED), ask(1, 0, had=1000, **FULL)
    late = ask(2, 60, since=5, begun=1000, waiting=365, record=1000)
    assert gone(problem([o], [a, late], standing=(standing(1, o, a, 100, 100, 3),))) == []


def test_nothing_gives_way_where_free_amounts_suffice() -> None:
    """A second pledge has 60 left."""
    given = one_proposal()
    other = offer(2, 60)
    given = problem([*given.offers, other], list(given.asks), standing=given.standing)
    assert gone(given) == []
    assert who(decide(given)) == [(2, 2, 60, 60)]


def two_proposals(first: dict[str, Any], second: dict[str, Any], wanted: int) -> Problem:
    """50 and 50 of a pledge are proposed to two needs, then a critical one is posted."""
    o = offer(1, 0, **USED)
    a, b = ask(1, 0, asked=50, **first), ask(2, 0, asked=50, **second)
    late = ask(3, wanted, urgency="critical", since=9)
    stands = (standing(1, o, a, 50, 50, 3), standing(2, o, b, 50, 50, 4))
    return problem([o], [a, b, late], standing=stands)


def test_lowest_tier_gives_way_first_then_the_newest() -> None:
    """And no more than is needed."""
    assert gone(two_proposals({"urgency": "low"}, {}, 30)) == [("1", 1, 3)]
    assert gone(two_proposals({}, {"urgency": "low"}, 30)) == [("2", 1, 3)]
    assert gone(two_proposals({}, {}, 30)) == [("2", 1, 3)]
    assert gone(two_proposals({}, {}, 51)) == [("2", 1, 3), ("1", 1, 3)]
    assert gone(two_proposals({"urgency": "critical"}, {}, 100)) == [("2", 1, 3)]


def test_nothing_gives_way_for_what_cannot_be_had() -> None:
    """A pledge of 100 that is not divided below 80, for a need of 60."""
    o, a = offer(1, 0, minimum=80, **USED), ask(1, 0, **FULL)
    late = ask(2, 60, urgency="critical", since=5)
    assert gone(problem([o], [a, late], standing=(standing(1, o, a, 100, 100, 3),))) == []


def test_nothing_gives_way_for_what_rounding_would_refuse() -> None:
    """Five hryvnia cents are a euro cent and a quarter: a whole line of five does not fit four."""
    o, a = offer(1, 0, "UAH", pledged=5, indivisible=True), ask(1, 0, "UAH", asked=5)
    late = ask(2, 4, "UAH", urgency="critical", since=5)
    stands = (standing(1, o, a, 5, 5, 3),)
    given = problem([o], [a, late], rates=SIMPLE, standing=stands)
    assert decide(given).displaced == ()
    assert who(decide(given)) == []


def test_indivisible_line_is_taken_whole_from_who_had_it() -> None:
    """Also by a need that is larger."""
    o, a = offer(1, 0, indivisible=True, **USED), ask(1, 0, **FULL)
    late = ask(2, 160, urgency="critical", since=5)
    given = problem([o], [a, late], standing=(standing(1, o, a, 100, 100, 3),))
    assert who(decide(given)) == [(1, 2, 100, 100)]


@st.composite
def standings(draw: st.DrawFn) -> Problem:
    """A round's proposals stand, and then more pledges and needs arrive, perhaps partnerships."""
    first = draw(problems(most=4))
    found = decide(first)
    more = draw(problems(most=4))
    before = proposed(first, found, since=50)
    count = len(first.offers), len(first.asks)
    offers = [_later(o, count[0]) for o in more.offers]
    asks = [_later(a, count[1]) for a in more.asks]
    return problem(
        [*before.offers, *offers],
        [*before.asks, *asks],
        rates=first.rates,
        barred=first.barred,
        twinned={k: v * 10 for k, v in {**first.twinned, **more.twinned}.items()},
        standing=before.standing,
    )


def _later(line: Any, count: int) -> Any:
    number = count + line.place
    since = 100 + number
    if isinstance(line, Offer):
        made = offer(number, 1)
        return replace(line, pledge_id=made.pledge_id, place=number, since=since)
    return replace(line, need_id=ask(number, 1).need_id, place=number, since=since)


@patience(1000, 100)
@given(standings())
def test_proposals_give_way_to_newly_arrived_pairs_of_a_higher_tier_only(given: Problem) -> None:
    """Each for an award that touches it; with what is given back, neither side is exceeded; what
    one round takes from a proposal is not more than it held; and the market settles."""
    found = decide(given)

    offers = {o.pledge_id: o for o in given.offers}
    asks = {a.need_id: a for a in given.asks}
    stood = {s.match_id: s for s in given.standing}
    awarded = {(a.pledge_id, a.need_id): a for a in found.awards}
    assert len({d.match_id for d in found.displaced}) == len(found.displaced)
    for d in found.displaced:
        lost, won = stood[d.match_id], awarded[d.by_pledge_id, d.by_need_id]
        o, a = offers[won.pledge_id], asks[won.need_id]
        twinned = given.twinned.get((a.authority_id, o.partner_id), 0)
        assert won.tier > _tier(given, lost, offers, asks)
        assert max(o.since, a.since, twinned) > lost.since
        assert won.pledge_id == lost.pledge_id or won.need_id == lost.need_id
    after = proposed(given, found, since=10**6)
    assert min(o.available for o in after.offers) >= 0
    assert min(a.uncovered for a in after.asks) >= 0
    _is_written_in_order(given, found)
    for _ in range(20):
        if not found.awards:
            break
        given = proposed(given, found, since=10**6)
        found = decide(given)
        assert found.displaced == ()
    assert not found.awards


def _tier(given: Problem, lost: Standing, offers: dict[Any, Offer], asks: dict[Any, Ask]) -> int:
    market = Market(given, [], [], [], [])
    return market.tier(offers[lost.pledge_id], asks[lost.need_id])


def _is_written_in_order(given: Problem, found: Solution) -> None:
    """Each award fits when its turn comes, with what gives way for it."""
    stood = {s.match_id: s for s in given.standing}
    available = {o.pledge_id: o.available for o in given.offers}
    uncovered = {a.need_id: a.uncovered for a in given.asks}
    for award in found.awards:
        for d in found.displaced:
            if (d.by_pledge_id, d.by_need_id) == (award.pledge_id, award.need_id):
                available[stood[d.match_id].pledge_id] += stood[d.match_id].reserved
                uncovered[stood[d.match_id].need_id] += stood[d.match_id].covers
        available[award.pledge_id] -= award.reserved
        uncovered[award.need_id] -= award.covers
        assert available[award.pledge_id] >= 0
        assert uncovered[award.need_id] >= 0
