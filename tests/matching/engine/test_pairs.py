"""Finding pairs by index finds what looking at every pair would find, with its tier and score."""

from hypothesis import given
from hypothesis import strategies as st

from services.matching.engine import Problem
from services.matching.engine.eligibility import reasons
from services.matching.engine.pairs import Pairs, Rows, find, together
from services.matching.engine.problem import Ask, Offer
from services.matching.engine.rule import BASE, levels_of, parts_of
from tests.given import patience
from tests.matching.engine.rounds import AUTHORITIES, PARTNERS, ask, offer, problem, problems, rates

OF_AMOUNTS = {
    "nothing-available",
    "nothing-uncovered",
    "below-minimum",
    "indivisible-too-large",
    "less-than-one-unit",
}
"""Reasons that change while a round is decided."""

UNITS = ("EUR", "UAH", "JPY", "XPF", "piece", "kilogram", "tonne", "litre", "cubic-metre")


def found_in(given: Problem, substituting: bool) -> tuple[Rows, Pairs]:
    """All pairs of a problem."""
    rows = Rows.of(given)
    every = range(len(rows.offers)), range(len(rows.asks))
    return rows, find(rows, every[0], list(every[1]), substituting)


def expected_tier(given: Problem, o: Offer, a: Ask) -> dict[str, int]:
    """How high a pair is on each step of the ladder, as docs/matching.md says it."""
    return {
        "earmarked-for-this-need": int(o.need_id == a.need_id),
        "partnership": int((a.authority_id, o.partner_id) in given.twinned),
        "place-and-sector": int(bool(o.territories or o.authority_id)) + int(bool(o.sectors)),
        "urgency": ["low", "normal", "high", "critical"].index(a.urgency),
    }


@patience(1000, 150)
@given(
    problems(odd=True, units=UNITS, by=rates(UAH=40, JPY=160), size=4)
    | problems(odd=True, units=UNITS[:5], by=None, size=4),
    st.booleans(),
)
def test_pairs_are_those_for_which_there_is_no_reason_why_not(
    given: Problem, substituting: bool
) -> None:
    """But for amounts; each once, with the tier, score and moment that it has by itself."""
    rows, pairs = found_in(given, substituting)

    found = set(zip(pairs.offer.tolist(), pairs.ask.tolist(), strict=True))

    assert len(found) == len(pairs)
    assert found == {
        (i, j)
        for i, o in enumerate(rows.offers)
        for j, a in enumerate(rows.asks)
        if OF_AMOUNTS.issuperset(
            reasons(
                o,
                a,
                today=given.today,
                rates=given.rates,
                barred=(o.pledge_id, o.line, a.need_id, a.line) in given.barred,
                substituting=substituting,
            )
        )
    }
    for i, j, tier, score, since in zip(
        *(getattr(pairs, name).tolist() for name in Pairs.__slots__), strict=True
    ):
        o, a = rows.offers[i], rows.asks[j]
        twinned = given.twinned.get((a.authority_id, o.partner_id), 0)
        assert levels_of(tier) == expected_tier(given, o, a)
        assert score == BASE + sum(parts_of(o, a).values())
        assert since == max(o.since, a.since, twinned)


def test_pair_arrives_with_the_last_of_its_pledge_its_need_and_their_partnership() -> None:
    """A partnership of others does not make it newer."""
    twinned = {(AUTHORITIES[0], PARTNERS[0]): 7, (AUTHORITIES[1], PARTNERS[0]): 9}
    _, pairs = found_in(problem([offer(1, 1)], [ask(5, 1)], twinned=twinned), False)
    assert pairs.since.tolist() == [7]


def test_partnership_of_members_without_lines_matters_to_nobody() -> None:
    """They are not in the problem."""
    twinned = {(AUTHORITIES[1], PARTNERS[1]): 7}
    _, pairs = found_in(problem([offer(1, 1)], [ask(1, 1)], twinned=twinned), False)
    assert levels_of(int(pairs.tier[0]))["partnership"] == 0


def test_several_sets_of_pairs_are_one_in_which_each_is_once() -> None:
    """What is free on both sides, and what arrived since, overlap."""
    _, pairs = found_in(problem([offer(1, 1), offer(2, 1)], [ask(1, 1), ask(2, 1)]), False)
    none = pairs.of(pairs.offer < 0)
    both = together(none, pairs, pairs.of(pairs.ask == 1))
    assert both.offer.tolist() == [0, 0, 1, 1]
    assert both.ask.tolist() == [0, 1, 0, 1]
    assert len(together(none, none)) == 0
