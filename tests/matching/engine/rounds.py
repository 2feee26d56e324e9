"""Problems of rounds for tests: lines from a few words, and small ones of every kind."""

from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from services.matching.engine import Ask, Award, Offer, Pair, Problem, Rates, Solution, Standing
from services.matching.engine.problem import Measure
from shared.events.facts import Urgency
from shared.events.ids import MatchId, MemberId, NeedId, PledgeId, RatesId
from tests.given import IRPIN_CHAIN, MYKOLAIV, an_id, numbered

TODAY = "2023-09-01"
PARTNERS = [an_id(MemberId, name) for name in ("Cascais", "Lithuania", "Celle")]
AUTHORITIES = [an_id(MemberId, name) for name in ("Irpin", "Borodianka", "Mykolaiv")]


def rates(**per_eur: int | tuple[int, int]) -> Rates:
    """Units of each currency for one euro, as a whole number or (numerator, denominator)."""
    ratios = {c: r if isinstance(r, tuple) else (r, 1) for c, r in per_eur.items()}
    return Rates(numbered(RatesId, 1), ratios)


SIMPLE = rates(UAH=4, KWD=(1, 2))
"""A cent is four kopiikas, or five fils."""

NEEDS = 10**6

SCALE = {"UAH": 4, "KWD": 5}
"""So that amounts are of a few cents in every currency."""


def need(number: int) -> NeedId:
    """The id of the `number`-th need: no pledge has it."""
    return numbered(NeedId, NEEDS + number)


def offer(number: int, available: int, unit: str = "EUR", **more: Any) -> Offer:
    """A pledge's first line, the `number`-th that was made; money where its unit is a currency."""
    facts: dict[str, Any] = {
        "pledge_id": numbered(PledgeId, number),
        "line": 1,
        "partner_id": PARTNERS[0],
        "place": number,
        "since": number,
        "measure": _measure(unit),
        "unit": unit,
        "pledged": available,
        "available": available,
    }
    return Offer(**facts | more)


def ask(number: int, uncovered: int, unit: str = "EUR", **more: Any) -> Ask:
    """A need's first line, the `number`-th that was posted."""
    facts: dict[str, Any] = {
        "need_id": need(number),
        "line": 1,
        "authority_id": AUTHORITIES[0],
        "place": number,
        "since": number,
        "measure": _measure(unit),
        "unit": unit,
        "asked": uncovered,
        "uncovered": uncovered,
        "territory": IRPIN_CHAIN,
        "sector": "education",
    }
    return Ask(**facts | more)


def _measure(unit: str) -> Measure:
    return Measure(
        "funding" if unit.isupper() else f"goods/{'truck' if unit == 'piece' else 'sand'}"
    )


def problem(offers: list[Offer], asks: list[Ask], **more: Any) -> Problem:
    """A round's problem on a day of 2023."""
    return Problem(tuple(offers), tuple(asks), **{"today": TODAY} | more)


def standing(match: int, o: Offer, a: Ask, reserved: int, covers: int, since: int) -> Standing:
    """A proposal of these two lines that nobody has accepted."""
    pair = (o.pledge_id, o.line, a.need_id, a.line)
    return Standing(numbered(MatchId, match), *pair, reserved, covers, since)


def pair(award: Award) -> Pair:
    """The pair of lines of an award."""
    return award.pledge_id, award.pledge_line, award.need_id, award.need_line


def who(solution: Solution) -> list[tuple[int, int, int, int]]:
    """(pledge, need, reserved, covers) of each award, pledges and needs by their numbers."""
    return [
        (int(a.pledge_id[-12:]), int(a.need_id[-12:]) - NEEDS, a.reserved, a.covers)
        for a in solution.awards
    ]


def proposed(given: Problem, found: Solution, since: int = 10**6) -> Problem:
    """The problem after a solution was proposed: awards stand, what gave way is free again."""
    available = {(o.pledge_id, o.line): o.available for o in given.offers}
    uncovered = {(a.need_id, a.line): a.uncovered for a in given.asks}
    gone = {d.match_id for d in found.displaced}
    for s in given.standing:
        if s.match_id in gone:
            available[s.pledge_id, s.pledge_line] += s.reserved
            uncovered[s.need_id, s.need_line] += s.covers
    new = []
    for number, a in enumerate(found.awards, 1000):
        available[a.pledge_id, a.pledge_line] -= a.reserved
        uncovered[a.need_id, a.need_line] -= a.covers
        new.append(Standing(numbered(MatchId, number), *pair(a), a.reserved, a.covers, since))
    return replace(
        given,
        offers=tuple(replace(o, available=available[o.pledge_id, o.line]) for o in given.offers),
        asks=tuple(replace(a, uncovered=uncovered[a.need_id, a.line]) for a in given.asks),
        standing=(*(s for s in given.standing if s.match_id not in gone), *new),
    )


URGENT: tuple[Urgency, ...] = ("low", "normal", "high", "critical")
EARMARKS: tuple[dict[str, Any], ...] = (
    {},
    {},
    {},
    {"need_id": need(1)},
    {"authority_id": AUTHORITIES[0]},
    {"territories": (MYKOLAIV,)},
    {"territories": (IRPIN_CHAIN[3], MYKOLAIV)},
    {"sectors": ("education",)},
    {"sectors": ("transport", "health"), "territories": IRPIN_CHAIN[2:3]},
)


@st.composite
def terms(draw: st.DrawFn, available: int) -> dict[str, Any]:
    """How a line may be divided."""
    kind = draw(st.sampled_from(("any", "any", "whole", "least")))
    if kind == "whole":
        return {"indivisible": True}
    return {"minimum": draw(st.integers(1, available))} if kind == "least" and available else {}


@st.composite
def offers(
    draw: st.DrawFn, number: int, units: tuple[str, ...], most: int, odd: bool = False
) -> Offer:
    """One line; `odd`: perhaps of a pledge that is not open, valid, or in good standing."""
    unit = draw(st.sampled_from(units))
    amount = draw(st.integers(0 if odd else 1, most * SCALE.get(unit, 1)))
    more = draw(terms(amount)) | draw(st.sampled_from(EARMARKS))
    if odd:
        more |= draw(st.sampled_from(({}, {}, {"status": "withdrawn"}, {"partner_status": "left"})))
        days = st.none() | st.sampled_from(("2023-08-31", TODAY, "2023-09-02"))
        more |= {"valid_from": draw(days), "valid_until": draw(days)}
        more |= {"pledged": amount + draw(st.integers(0, 1))}
    more |= {"partner_id": draw(st.sampled_from(PARTNERS))}
    more |= {"record": draw(st.sampled_from((500, 500, 0, 1000)))}
    return offer(number, amount, unit, **more)


@st.composite
def asks(
    draw: st.DrawFn,
    number: int,
    units: tuple[str, ...],
    most: int,
    odd: bool = False,
    values: tuple[str, ...] = (),
) -> Ask:
    """One line; goods perhaps with a unit value in one of the currencies `values`."""
    unit = draw(st.sampled_from(units))
    more: dict[str, Any] = {
        "authority_id": draw(st.sampled_from(AUTHORITIES)),
        "urgency": draw(st.sampled_from(URGENT[1:3] if not odd else URGENT)),
        "had": draw(st.sampled_from((0, 0, 500))),
        "waiting": draw(st.sampled_from((0, 0, 73))),
        "begun": draw(st.sampled_from((0, 0, 250))),
    }
    if odd:
        more |= draw(st.sampled_from(({}, {}, {"open": False}, {"authority_status": "suspended"})))
        more |= {"territory": draw(st.sampled_from((IRPIN_CHAIN, (MYKOLAIV,))))}
        more |= {"sector": draw(st.sampled_from(("education", "transport.road", "transport")))}
    if values and unit.islower():
        more |= {
            "unit_value": draw(st.integers(0, 4)),
            "value_currency": draw(st.sampled_from(values)),
        }
    amount = draw(st.integers(0 if odd else 1, most * SCALE.get(unit, 1)))
    return ask(number, amount, unit, **more)


@st.composite
def problems(
    draw: st.DrawFn,
    *,
    most: int = 6,
    units: tuple[str, ...] = ("EUR", "UAH", "KWD", "piece"),
    odd: bool = False,
    by: Rates | None = SIMPLE,
    size: int = 3,
) -> Problem:
    """Up to three pledge lines and three requirement lines, some pairs barred, some twinned."""
    values = tuple(u for u in units if u.isupper())
    given = [draw(offers(n, units, most, odd)) for n in range(1, draw(st.integers(1, size)) + 1)]
    wanted = [
        draw(asks(n, units, most, odd, values)) for n in range(1, draw(st.integers(1, size)) + 1)
    ]
    twinned = {
        (a, p): draw(st.integers(0, 9))
        for a in AUTHORITIES
        for p in PARTNERS
        if draw(st.integers(0, 5)) == 0
    }
    barred = frozenset(
        (o.pledge_id, o.line, a.need_id, a.line)
        for o in given
        for a in wanted
        if draw(st.integers(0, 5)) == 0
    )
    return problem(
        draw(st.permutations(given)),
        draw(st.permutations(wanted)),
        rates=by,
        twinned=twinned,
        barred=barred,
    )
