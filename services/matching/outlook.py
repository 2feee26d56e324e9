"""Why a need has no match yet, and the least change that would give it one; pure but for `look`."""

import asyncio
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from itertools import islice
from typing import Literal

from pydantic import Field

from services.matching import matches as match_rules
from services.matching.coverage import Coverage
from services.matching.engine import Ask, Offer, Pair
from services.matching.engine.eligibility import reasons
from services.matching.engine.problem import FUNDING, ReasonCode
from services.matching.engine.problem import Rates as EngineRates
from services.matching.knowledge import BARRED, Requirement
from services.matching.market import Market, ask_of, engine_rates, offer_of
from services.matching.sentences import (
    CHANGES,
    REASONS,
    Names,
    Sentences,
    Words,
    amount,
    listed,
    number,
    numbered,
    say,
    sentences,
)
from services.matching.store import (
    all_matches,
    coverages,
    parties,
    pledges,
    rates,
    requirements,
)
from shared.errors import NotFound
from shared.events.facts import Amount, LineNumber, RequirementLine
from shared.events.ids import MemberId, NeedId, PledgeId
from shared.lines import of_minor_units
from shared.log import State
from shared.reading import Reader

NEAREST = 3
"""Most ways named to make a requirement line matchable, each with a pledge line."""

ELSEWHERE: frozenset[ReasonCode] = frozenset({"other-kind", "other-category"})
"""Reasons that no change of a pledge takes away: it would be another pledge."""

Counts = dict[ReasonCode, int]


class Near(State):
    """A pledge line that nearly serves, and all that stands between; for `alike` pledge lines, it
    counted, the same does. `substituting`: money for what is asked in kind."""

    pledge_id: PledgeId
    pledge_line: LineNumber
    partner_id: MemberId
    available: Amount
    substituting: bool
    reasons: tuple[ReasonCode, ...]
    alike: int


class LineOutlook(State):
    """One requirement line: what of it is uncovered, and why open pledge lines do not serve it.

    `could_serve` counts those that may, whom the next round decides on; `reasons` counts each
    reason over all open pledge lines, `substituting` over those of money where goods or services
    are asked. A pledge line that fails for several reasons counts in each. `nearest` fail by the
    fewest, one for each way, and are of the kind and category that is asked.
    """

    line: LineNumber
    asked: Amount
    uncovered: Amount
    status: Literal["covered", "uncovered"]
    could_serve: int = 0
    reasons: Counts = Field(default_factory=dict)
    substituting: Counts = Field(default_factory=dict)
    nearest: tuple[Near, ...] = ()


class Outlook(State):
    """Why a need has no match yet, line by line; `pledge_lines` are the open ones looked at.

    Covered: each of its lines is proposed, agreed or delivered in full.
    """

    need_id: NeedId
    status: Literal["closed", "covered", "uncovered"]
    pledge_lines: int
    lines: tuple[LineOutlook, ...]
    sentences: Sentences


@dataclass(frozen=True)
class Judged:
    """A pair of lines, and every reason why not; none where it may be matched."""

    offer: Offer
    ask: Ask
    substituting: bool
    reasons: tuple[ReasonCode, ...]


def judged(
    pairs: Iterable[tuple[Offer, Ask]],
    today: str,
    by: EngineRates | None,
    barred: Container[Pair] = frozenset(),
) -> Iterator[Judged]:
    """Each pledge line against each requirement line: directly, and as money in its place."""
    for offer, ask in pairs:
        bars = (offer.pledge_id, offer.line, ask.need_id, ask.line) in barred
        for substituting in (False, True) if _may_replace(offer, ask) else (False,):
            why = reasons(offer, ask, today=today, rates=by, barred=bars, substituting=substituting)
            yield Judged(offer, ask, substituting, tuple(why))


def _may_replace(offer: Offer, ask: Ask) -> bool:
    return offer.measure == FUNDING and ask.measure != FUNDING


def counted(pairs: Iterable[Judged], *, substituting: bool) -> Counts:
    """How many pairs fail for each reason, the most frequent first."""
    found = Counter(code for p in pairs if p.substituting == substituting for code in p.reasons)
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))


async def look(need_id: NeedId, read: Reader) -> Outlook:
    """The outlook of a need; all that is long is done beside the event loop. Raises NotFound."""
    asked = await read.all(requirements, {"_id": need_id})
    if not asked:
        raise NotFound(Requirement.what, need_id)
    need = asked[0]
    offered = await read.all(pledges, {"status": "open"}) if need.open else []
    latest = await read.all(rates, {}, newest=1)
    market = Market(
        pledges={p.id: p for p in offered},
        needs={need_id: need},
        coverages={c.id: c for c in await read.all(coverages, {"_id": need_id})},
        matches=await read.all(all_matches, {"need_id": need_id}),
        parties={p.id: p for p in await read.all(parties, {"status": {"$in": list(BARRED)}})},
        rates=latest[0] if latest else None,
    )
    return await asyncio.to_thread(outlook, need, market, datetime.now(UTC).date())


def outlook(need: Requirement, market: Market, today: date) -> Outlook:
    """Why a need has no match yet, on a day, by what is known; pure."""
    coverage = market.coverage(need.id)
    asks = [_ask(need, line, coverage, market) for line in need.lines]
    if not need.open or all(a.uncovered <= 0 for a in asks):
        status: Literal["closed", "covered"] = "covered" if need.open else "closed"
        lines = tuple(_line(need, a, []) for a in asks)
        words = say("The need is covered: each of its lines is proposed, agreed or delivered.")
        if not need.open:
            words = say("The need is not open: nothing is matched for it.")
        return Outlook(
            need_id=need.id,
            status=status,
            pledge_lines=0,
            lines=lines,
            sentences=sentences([words]),
        )
    offers = [
        replace(offer_of(p, b), partner_status=_standing(market, p.partner_id))
        for p in market.pledges.values()
        for b in p.balances
    ]
    barred = _barred(need, market)
    by = engine_rates(market.rates)
    found = []
    for ask in asks:
        against = [(offer, ask) for offer in offers] if ask.uncovered > 0 else []
        pairs = list(judged(against, today.isoformat(), by, barred))
        found.append(_line(need, ask, pairs, market))
    return Outlook(
        need_id=need.id,
        status="uncovered",
        pledge_lines=len(offers),
        lines=tuple(found),
        sentences=sentences(_said(found, len(offers), Names(market.pledges, market.needs))),
    )


def _ask(need: Requirement, line: RequirementLine, coverage: Coverage, market: Market) -> Ask:
    found = ask_of(need, line, coverage)
    return replace(found, authority_status=_standing(market, need.authority_id))


def _standing(market: Market, member: MemberId) -> str:
    return "admitted" if market.good(member) else market.parties[member].status


def _barred(need: Requirement, market: Market) -> set[Pair]:
    """Pairs that are matched now, or were answered and neither side was amended since."""
    return {
        (m.pledge_id, m.pledge_line, m.need_id, m.need_line)
        for m in market.matches
        if m.pledge_id in market.pledges and match_rules.bars(m, market.pledges[m.pledge_id], need)
    }


def _line(
    need: Requirement, ask: Ask, pairs: Sequence[Judged], market: Market | None = None
) -> LineOutlook:
    like = next(n.amount for n in need.lines if n.line == ask.line)
    could = {(p.offer.pledge_id, p.offer.line) for p in pairs if not p.reasons}
    return LineOutlook(
        line=ask.line,
        asked=like,
        uncovered=of_minor_units(max(ask.uncovered, 0), like),
        status="uncovered" if ask.uncovered > 0 else "covered",
        could_serve=len(could),
        reasons=counted(pairs, substituting=False),
        substituting=counted(pairs, substituting=True),
        nearest=_nearest(pairs, market) if market and not could else (),
    )


def _nearest(pairs: Sequence[Judged], market: Market) -> tuple[Near, ...]:
    """Those that fail by the fewest reasons, one for each way: of as many, direct first, then as
    they were made."""
    close = [p for p in pairs if not ELSEWHERE & set(p.reasons)]
    close.sort(key=lambda p: (len(p.reasons), p.substituting, p.offer.pledge_id, p.offer.line))
    ways: dict[tuple[object, ...], list[Judged]] = {}
    for pair in close:
        ways.setdefault((pair.substituting, *pair.reasons), []).append(pair)
    return tuple(_near(alike, market) for alike in islice(ways.values(), NEAREST))


def _near(alike: Sequence[Judged], market: Market) -> Near:
    offer = alike[0].offer
    like = market.pledges[offer.pledge_id].balance(offer.line).line.amount
    return Near(
        pledge_id=offer.pledge_id,
        pledge_line=offer.line,
        partner_id=offer.partner_id,
        available=of_minor_units(offer.available, like),
        substituting=alike[0].substituting,
        reasons=alike[0].reasons,
        alike=len(alike),
    )


def tally(counts: Counts) -> Words:
    """Reasons in words, each with how many lines it stands for."""
    return listed(numbered(REASONS[code], many) for code, many in counts.items())


def _said(lines: Sequence[LineOutlook], looked_at: int, names: Names) -> Iterator[Words]:
    for line in lines:
        if line.status == "covered":
            yield say("Line {line} is covered.", line=line.line)
            continue
        yield say(
            "Of line {line}, {uncovered} of {asked} are uncovered.",
            line=line.line,
            uncovered=amount(line.uncovered),
            asked=amount(line.asked),
        )
        if line.could_serve:
            yield say(
                "Pledge lines that could serve it: {number}; the next round decides.",
                number=number(line.could_serve),
            )
            continue
        yield say("Open pledge lines looked at: {number}.", number=number(looked_at))
        if line.reasons:
            yield say("Why they do not serve it: {reasons}.", reasons=tally(line.reasons))
        if line.substituting:
            yield say(
                "Why money does not take its place: {reasons}.", reasons=tally(line.substituting)
            )
        yield from _least_change(line, names)


def _least_change(line: LineOutlook, names: Names) -> Iterator[Words]:
    if not line.nearest:
        yield say("The least change: a pledge of what line {line} asks for.", line=line.line)
    for near in line.nearest:
        yield say(
            "The least change, for line {pledge_line} of the pledge {pledge}: {changes}. Pledge "
            "lines of which this is true: {alike}.",
            alike=number(near.alike),
            pledge_line=near.pledge_line,
            pledge=names.pledge(near.pledge_id),
            changes=listed(CHANGES[code] for code in near.reasons),
        )
