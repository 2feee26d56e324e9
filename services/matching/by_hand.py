"""Proposing a match by hand: an operator, or one of the two sides, says which line serves which.

The checks are those of a round, but for one: a pair that was declined or has lapsed may be proposed
again, since somebody says why.
"""

from datetime import date

from services.matching import matches
from services.matching.engine import Exchange, exchange_of, least_of
from services.matching.knowledge import NotAdmitted, Requirement
from services.matching.matches import Coverage, Match
from services.matching.model import Balance, Pledge, Rates
from services.matching.store import all_matches, coverages, parties, pledges, rates, requirements
from shared.actor import Actor, Command
from shared.errors import InvalidInput, NotYours, Refused
from shared.events.facts import (
    Amount,
    FundingLine,
    LineNumber,
    Money,
    RequirementLine,
    Text,
)
from shared.events.ids import MatchId, MemberId, NeedId, PledgeId
from shared.events.matching import Explanation, MatchProposed
from shared.lines import is_whole, minor_units, of_minor_units, same_measure, unit_of
from shared.uow import UnitOfWork

RULE = "by-hand.v1"


class ProposeMatch(Command):
    """Which pledge line for which requirement line, and why; no amount means the most that fits."""

    pledge_id: PledgeId
    pledge_line: LineNumber
    need_id: NeedId
    need_line: LineNumber
    reserved: Amount | None = None
    reason: Text


class NotEligible(Refused):
    """The pledge line may not serve the requirement line; `reasons` has a code for each reason."""

    title = "The pledge line may not serve the requirement line"


class AlreadyMatched(Refused):
    """The two lines have a match that is proposed or agreed."""

    title = "There is a live match of these two lines"


class NothingFits(Refused):
    """Too little is available, or uncovered, for the least that the pledge's terms allow."""

    title = "No part of the pledge line fits"


async def propose_match(command: ProposeMatch, lapse_days: float, uow: UnitOfWork) -> Match:
    """Propose a match by hand, as an operator or as one of its two sides.

    Neither side has accepted it by that. Raises NotFound, NotYours, NotAdmitted, NotEligible,
    AlreadyMatched, NothingFits, InvalidInput.
    """
    pledge = await uow.require(pledges, command.pledge_id)
    need = await uow.require(requirements, command.need_id)
    proposed_by = _proposer(pledge, need, uow.actor)
    await _rest_on(pledge, need, uow)
    await _must_be_free(command, uow)
    balance, line = _lines(command, pledge, need)
    coverage = await uow.get(coverages, need.id) or Coverage(id=need.id)
    latest = await uow.find(rates, {}, limit=1, descending=True)
    exchange = _exchange(pledge, balance, need, line, latest[0] if latest else None, uow.now.date())
    uncovered = minor_units(line.amount) - coverage.line(line.line).taken
    reserved, covers = part_of(command.reserved, balance, uncovered, exchange)
    proposal = MatchProposed(
        match_id=MatchId.new(),
        pledge_id=pledge.id,
        pledge_line=balance.line.line,
        partner_id=pledge.partner_id,
        need_id=need.id,
        need_line=line.line,
        authority_id=need.authority_id,
        reserved=of_minor_units(reserved, balance.line.amount),
        covers=of_minor_units(covers, line.amount),
        rate=exchange.used,
        explanation=Explanation(rule=RULE, parts={}),
        lapses_at=matches.lapses_at(uow.now, lapse_days),
        proposed_by=proposed_by,
        reason=command.reason,
    )
    return await uow.record(all_matches, proposal)


def _proposer(pledge: Pledge, need: Requirement, actor: Actor) -> MemberId | None:
    """The side that proposes; None for an operator. Raises NotYours."""
    for side in (pledge.partner_id, need.authority_id):
        if actor.member_id == side:
            return side
    if "operator" in actor.roles:
        return None
    raise NotYours(
        "a match of pledge {pledge} and need {need} is proposed by {partner_id}, {authority_id} "
        "or an operator",
        pledge=pledge.id,
        need=need.id,
        partner_id=pledge.partner_id,
        authority_id=need.authority_id,
    )


async def _rest_on(pledge: Pledge, need: Requirement, uow: UnitOfWork) -> None:
    """The proposal rests on what the need asks and on both sides being members in good standing,
    which it does not change. Raises NotAdmitted."""
    await uow.lock(requirements, need.id)
    for side in sorted((pledge.partner_id, need.authority_id)):
        party = await uow.get(parties, side)
        if party is None:
            continue  # members' topic is behind
        if party.status != "admitted":
            raise NotAdmitted(
                "member {member} is {state}, not admitted", member=side, state=party.status
            )
        await uow.lock(parties, side)


async def _must_be_free(command: ProposeMatch, uow: UnitOfWork) -> None:
    pair = command.model_dump(include={"pledge_id", "pledge_line", "need_id", "need_line"})
    for match in await uow.find(all_matches, pair | {"live": True}):
        raise AlreadyMatched(
            "match {match} of these two lines is {state}", match=match.id, state=match.status
        )


def _lines(
    command: ProposeMatch, pledge: Pledge, need: Requirement
) -> tuple[Balance, RequirementLine]:
    balances = {b.line.line: b for b in pledge.balances}
    if command.pledge_line not in balances:
        raise InvalidInput(
            "/pledge_line", "the pledge has no such line", command.pledge_line, sorted(balances)
        )
    asked = {line.line: line for line in need.lines}
    if command.need_line not in asked:
        raise InvalidInput(
            "/need_line", "the need has no such line", command.need_line, sorted(asked)
        )
    return balances[command.pledge_line], asked[command.need_line]


def _exchange(
    pledge: Pledge,
    balance: Balance,
    need: Requirement,
    line: RequirementLine,
    known: Rates | None,
    today: date,
) -> Exchange:
    """How the pledge line counts for the requirement line. Raises NotEligible."""
    reasons = _why_not(pledge, need, today.isoformat())
    exchange = exchange_of(known, balance.line.amount, line.amount)
    both_money = isinstance(balance.line, FundingLine) and isinstance(line, FundingLine)
    if not both_money and not same_measure(balance.line, line):
        reasons.append("other-kind")
    elif exchange is None:
        reasons.append("no-rate")
    if reasons or exchange is None:
        raise NotEligible(
            "line {pledge_line} of pledge {pledge} may not serve line {need_line} of need {need}: "
            "{reasons}",
            pledge_line=balance.line.line,
            pledge=pledge.id,
            need_line=line.line,
            need=need.id,
            reasons=reasons,
        )
    return exchange


def _why_not(pledge: Pledge, need: Requirement, today: str) -> list[str]:
    """What of a pledge's status, validity and earmark does not allow this need."""
    earmark = pledge.earmark
    sectors = {need.sector, need.sector.partition(".")[0]}
    found = {
        "pledge-not-open": pledge.status != "open",
        "need-not-open": not need.open,
        "not-yet-valid": pledge.valid_from is not None and pledge.valid_from > today,
        "no-longer-valid": pledge.valid_until is not None and pledge.valid_until < today,
        "earmarked-for-another-need": earmark.need_id not in (None, need.id),
        "earmarked-for-another-authority": earmark.authority_id not in (None, need.authority_id),
        "earmarked-for-other-places": bool(earmark.territories)
        and not set(earmark.territories) & set(need.territory),
        "earmarked-for-other-sectors": bool(earmark.sectors) and not set(earmark.sectors) & sectors,
    }
    return [code for code, holds in found.items() if holds]


def part_of(
    asked: Amount | None, balance: Balance, uncovered: int, exchange: Exchange
) -> tuple[int, int]:
    """(reserved, covers) in smallest units: what is asked for, or the most that fits.

    Raises NothingFits, and InvalidInput with the least and the most that is allowed.
    """
    like, least = balance.line.amount, max(least_of(balance), 1)
    most, covers = exchange.reserve(balance.available, max(uncovered, 0))
    if covers <= 0 or most < least:
        raise NothingFits(
            "{available} is available and {allowed} of it would fit; the least is {least}",
            available=str(of_minor_units(balance.available, like)),
            allowed=str(of_minor_units(most, like)),
            least=str(of_minor_units(least, like)),
        )
    if asked is None:
        return most, covers
    if unit_of(asked) != unit_of(like):
        raise InvalidInput(
            "/reserved", "is not counted as the line is", unit_of(asked), [unit_of(like)]
        )
    if isinstance(asked, Money) and not is_whole(asked):
        raise InvalidInput("/reserved/amount", "has more decimals than its currency", str(asked))
    reserved = minor_units(asked)
    covers = min(uncovered, int(reserved * exchange.ratio))
    if not least <= reserved <= most or covers <= 0:
        raise InvalidInput(
            "/reserved",
            "is not between the least and the most that fits",
            str(asked),
            {
                "minimum": str(of_minor_units(least, like)),
                "maximum": str(of_minor_units(most, like)),
            },
        )
    return reserved, covers
