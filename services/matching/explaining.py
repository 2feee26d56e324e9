"""Why a match was proposed: as data, and as sentences for people; pure but for `explain`."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

from pydantic import Field

from services.matching.engine import rule
from services.matching.engine.solution import LossCode
from services.matching.knowledge import Requirement
from services.matching.matches import Match, Round
from services.matching.model import Pledge, Rates
from services.matching.sentences import (
    BINDING,
    LOSSES,
    PARTS,
    TIERS,
    Names,
    Said,
    Sentences,
    Words,
    amount,
    listed,
    number,
    say,
    sentences,
)
from services.matching.store import pledges, rates, requirements, rounds
from shared.events.facts import DecimalRate
from shared.events.ids import MemberId, RatesId, RoundId
from shared.events.matches import Alternative, Explanation
from shared.events.rounds import Digest
from shared.events.seen import Seen
from shared.log import State
from shared.reading import Reader


class TierStep(State):
    """How high a match's pair is on one step of the ladder: `level` from 0 to `highest`."""

    name: str
    level: int
    highest: int | None = None
    means: str = ""


class ScorePart(State):
    """One part of a pair's score within its tier: points, of `most`."""

    name: str
    points: int
    most: int | None = None
    means: str = ""


class UsedRates(State):
    """The recorded rates of the round or match; `per_eur` are those its money was counted by."""

    rates_id: RatesId
    date: str | None = None
    source: str | None = None
    per_eur: dict[str, DecimalRate] = Field(default_factory=dict)


class OfRound(State):
    """The round that proposed the match: what it had seen, and the hashes of what it decided.

    `seen` are the positions of the logs; who folds these events and decides again by the same rule
    gets the same hashes.
    """

    round_id: RoundId
    rule: str
    day: str
    seen: Seen
    problem_hash: Digest
    solution_hash: Digest


class ByHand(State):
    """Who proposed a match by hand and why; an operator, where no member is named."""

    proposed_by: MemberId | None = None
    reason: str = ""


class Explained(State):
    """Why a match was proposed. `base` is what every pair scores; with the points of `parts` it
    adds up to `score`. `alternatives` are other pledge lines for the same requirement line,
    `other_needs` other requirement lines for the same pledge line: the best of those that lost.
    """

    rule: str
    tier: tuple[TierStep, ...] = ()
    score: int | None = None
    base: int | None = None
    parts: tuple[ScorePart, ...] = ()
    binding: tuple[str, ...] = ()
    alternatives: tuple[Alternative, ...] = ()
    other_needs: tuple[Alternative, ...] = ()
    round: OfRound | None = None
    rates: UsedRates | None = None
    by_hand: ByHand | None = None
    sentences: Sentences


async def explain(match: Match, read: Reader) -> Explained:
    """Why a match was proposed, with the names of all it won against."""
    known = await names_for(read, [match.explanation], match.pledge_id, match.need_id)
    decided = await read.all(rounds, {"_id": match.round_id}) if match.round_id else []
    of_round = decided[0] if decided else None
    rates_id = match.rate.rates_id if match.rate else None
    if rates_id is None and of_round and of_round.decision:
        rates_id = of_round.decision.rates_id
    recorded = await read.all(rates, {"_id": rates_id}) if rates_id else []
    return explained(match, of_round, recorded[0] if recorded else None, known)


async def names_for(read: Reader, explanations: Iterable[Explanation], *ids: str) -> Names:
    """What the pledges and needs of these ids, and of all that lost, are called."""
    lost = [a for e in explanations for a in (*e.alternatives, *e.other_needs)]
    wanted = sorted({*ids, *(a.pledge_id for a in lost), *(a.need_id for a in lost)})
    found: list[Pledge] = await read.all(pledges, {"_id": {"$in": wanted}})
    asked: list[Requirement] = await read.all(requirements, {"_id": {"$in": wanted}})
    return Names({p.id: p for p in found}, {n.id: n for n in asked})


def explained(
    match: Match, of_round: Round | None, recorded: Rates | None, names: Names
) -> Explained:
    """A match's explanation, whole; pure."""
    why = match.explanation
    used = _used_rates(match, recorded, names)
    decided = _of_round(of_round)
    by_hand = None
    if match.round_id is None:
        by_hand = ByHand(proposed_by=match.proposed_by, reason=match.reason or "")
    said: list[Words] = [
        *_pair(match, names),
        *_origin(match, decided, by_hand),
        *reasons_for(why, names),
        *_rested_on(decided, used),
    ]
    return Explained(
        rule=why.rule,
        tier=_tier(why.tier),
        score=why.score,
        base=None if why.score is None else why.score - sum(why.parts.values()),
        parts=_parts(why.parts),
        binding=why.binding,
        alternatives=why.alternatives,
        other_needs=why.other_needs,
        round=decided,
        rates=used,
        by_hand=by_hand,
        sentences=sentences(said),
    )


def _tier(levels: Mapping[str, int]) -> tuple[TierStep, ...]:
    known = {t.name: t for t in rule.TIERS}
    return tuple(
        TierStep(
            name=name,
            level=level,
            highest=known[name].levels - 1 if name in known else None,
            means=known[name].means if name in known else "",
        )
        for name, level in levels.items()
    )


def _parts(points: Mapping[str, int]) -> tuple[ScorePart, ...]:
    known = {p.name: p for p in rule.PARTS}
    return tuple(
        ScorePart(
            name=name,
            points=given,
            most=known[name].most if name in known else None,
            means=known[name].means if name in known else "",
        )
        for name, given in points.items()
    )


def _of_round(found: Round | None) -> OfRound | None:
    if found is None or found.decision is None:
        return None
    kept = OfRound.model_fields.keys() - {"round_id"}
    facts: dict[str, Any] = {name: getattr(found.decision, name) for name in kept}
    return OfRound(round_id=found.id, **facts)


def _used_rates(match: Match, recorded: Rates | None, names: Names) -> UsedRates | None:
    if recorded is None:
        return None
    used: dict[str, DecimalRate] = {}
    if match.rate is not None:
        asked = names.needs.get(match.need_id)
        line = next((n for n in asked.lines if n.line == match.need_line), None) if asked else None
        for money in (match.reserved, match.covers, match.unit_value, line and line.amount):
            currency = getattr(money, "currency", None)
            if currency in recorded.per_eur:
                used[currency] = recorded.per_eur[currency]
    return UsedRates(rates_id=recorded.id, date=recorded.date, source=recorded.source, per_eur=used)


def _pair(match: Match, names: Names) -> Iterator[Said]:
    yield say(
        "{reserved} of line {pledge_line} of the pledge {pledge} go to line {need_line} of the "
        "need {need} and cover {covers} of it.",
        reserved=amount(match.reserved),
        pledge_line=match.pledge_line,
        pledge=names.pledge(match.pledge_id),
        need_line=match.need_line,
        need=names.need(match.need_id),
        covers=amount(match.covers),
    )
    if match.unit_value is not None:
        yield say(
            "Money is given for what was asked in kind: the need counts one unit as {value}.",
            value=amount(match.unit_value),
        )


def _origin(match: Match, decided: OfRound | None, by_hand: ByHand | None) -> Iterator[Said]:
    if by_hand is not None and by_hand.proposed_by is None:
        yield say("An operator proposed it by hand: {reason}", reason=by_hand.reason)
    elif by_hand is not None and by_hand.proposed_by == match.partner_id:
        yield say("The partner proposed it by hand: {reason}", reason=by_hand.reason)
    elif by_hand is not None:
        yield say("The authority proposed it by hand: {reason}", reason=by_hand.reason)
    elif decided is not None:
        yield say(
            "The round {round} of {day} proposed it by the rule {rule}.",
            round=decided.round_id,
            day=decided.day,
            rule=decided.rule,
        )


def reasons_for(why: Explanation, names: Names) -> Iterator[Words]:
    """Why a pair won, step by step, and what lost to it."""
    for step in why.tier.items():
        if step in TIERS:
            yield TIERS[step]
    if why.score is not None:
        yield say(
            "Within that tier it scores {score} points for each unit: {base} as every pair, and "
            "{parts}.",
            score=number(why.score),
            base=number(why.score - sum(why.parts.values())),
            parts=listed(_points(name, points) for name, points in why.parts.items()),
        )
    for code in why.binding:
        if code in BINDING:
            yield BINDING[code]
    for other in why.alternatives:
        yield say(
            "The pledge {pledge}, line {pledge_line}, could have served it and did not: {why}.",
            pledge=names.pledge(other.pledge_id),
            pledge_line=other.pledge_line,
            why=loss(other.reason, other.margin),
        )
    for other in why.other_needs:
        yield say(
            "The need {need}, line {need_line}, could have had it and did not: {why}.",
            need=names.need(other.need_id),
            need_line=other.need_line,
            why=loss(other.reason, other.margin),
        )


def _points(name: str, points: int) -> Said:
    return say("{points} for {part}", points=number(points), part=PARTS.get(name, Said(name)))


def loss(code: str, margin: int = 0) -> Words:
    """Why a pair lost, and by how much where that is the reason."""
    known = LOSSES.get(cast(LossCode, code), Said(code))
    if not margin:
        return known
    return say("{why}, by {margin} points a unit", why=known, margin=number(margin))


def _rested_on(decided: OfRound | None, used: UsedRates | None) -> Iterator[Said]:
    if used is not None and used.per_eur:
        yield say(
            "Money was counted by the rates of {date} ({source}): for one euro {rates}.",
            date=used.date,
            source=used.source,
            rates=", ".join(f"{rate:f} {code}" for code, rate in used.per_eur.items()),
        )
    if decided is not None:
        foreign = [f"{p.owner}/{p.partition}: {p.position}" for p in decided.seen.foreign]
        yield say(
            "The round had seen matching's own log up to position {own}, and of the others' "
            "{foreign}.",
            own=decided.seen.own_through,
            foreign=", ".join(foreign) or "–",
        )
        yield say(
            "Who decides again on the same events by the same rule gets the problem {problem} "
            "and the solution {solution}.",
            problem=decided.problem_hash[:12],
            solution=decided.solution_hash[:12],
        )
