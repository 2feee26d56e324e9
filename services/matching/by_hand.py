"""Proposing a match by hand: an operator, or one of the two sides, says which line serves which.

The checks are those of a round, but for one: a pair that was declined or has lapsed may be proposed
again, since somebody says why.
"""

from fractions import Fraction

from services.matching import matches
from services.matching.coverage import Coverage
from services.matching.engine.eligibility import most, reasons
from services.matching.engine.money import exchange, substitute
from services.matching.engine.problem import FUNDING, Ask, Offer
from services.matching.engine.problem import Rates as EngineRates
from services.matching.knowledge import NotAdmitted, Requirement
from services.matching.market import ask_of, engine_rates, offer_of, unit_value_of, used_rate
from services.matching.matches import Match
from services.matching.model import Balance, Pledge
from services.matching.store import all_matches, coverages, parties, pledges, rates, requirements
from shared.actor import Actor, Command
from shared.errors import InvalidInput, NotYours, Refused
from shared.events.facts import (
    Amount,
    LineNumber,
    Money,
    RequirementLine,
    Text,
)
from shared.events.ids import MatchId, MemberId, NeedId, PledgeId
from shared.events.matches import Explanation, MatchProposed
from shared.lines import is_whole, minor_units, of_minor_units, unit_of
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


async def propose_match(command: ProposeMatch, lapse_days: float, uow: UnitOfWork) -> Match:
    """Propose a match by hand, as an operator or as one of its two sides.

    Neither side has accepted it by that. Raises NotFound, NotYours, NotAdmitted, NotEligible,
    AlreadyMatched, InvalidInput.
    """
    pledge = await uow.require(pledges, command.pledge_id)
    need = await uow.require(requirements, command.need_id)
    proposed_by = _proposer(pledge, need, uow.actor)
    await _must_be_free(command, uow)
    balance, line = _lines(command, pledge, need)
    coverage = await uow.get(coverages, need.id) or Coverage(id=need.id)
    latest = await uow.find(rates, {}, limit=1, descending=True)
    known = latest[0] if latest else None
    offer, ask, by = offer_of(pledge, balance), ask_of(need, line, coverage), engine_rates(known)
    _must_be_eligible(offer, ask, by, uow.now.date().isoformat())
    reserved, covers = _part(command.reserved, balance.line.amount, offer, ask, by)
    await _rest_on(pledge, need, uow)
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
        rate=used_rate(known, offer, ask),
        unit_value=unit_value_of(need, line.line) if _instead(offer, ask) else None,
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
    uow.lock(requirements, need.id)
    for side in sorted((pledge.partner_id, need.authority_id)):
        party = await uow.get(parties, side)
        if party is None:
            continue  # members' topic is behind
        if party.status != "admitted":
            raise NotAdmitted(
                "member {member} is {state}, not admitted", member=side, state=party.status
            )
        uow.lock(parties, side)


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


def _must_be_eligible(offer: Offer, ask: Ask, by: EngineRates | None, today: str) -> None:
    why_not = reasons(offer, ask, today=today, rates=by, substituting=_instead(offer, ask))
    if why_not:
        raise NotEligible(
            "line {pledge_line} of pledge {pledge} may not serve line {need_line} of need {need}: "
            "{reasons}",
            pledge_line=offer.line,
            pledge=offer.pledge_id,
            need_line=ask.line,
            need=ask.need_id,
            reasons=", ".join(why_not),
        )


def _instead(offer: Offer, ask: Ask) -> bool:
    """Whether money is offered for what is asked in kind: it counts at the need's unit value."""
    return offer.measure == FUNDING and ask.measure != FUNDING


def _ratio(offer: Offer, ask: Ask, by: EngineRates | None) -> Fraction:
    """Smallest units of the need for one of the pledge, of a pair that is eligible."""
    if _instead(offer, ask):
        worth = substitute(offer, ask, by)
        assert worth is not None
        return 1 / worth
    found = exchange(offer.measure, offer.unit, ask.unit, by)
    assert found is not None
    return found.ratio


def _part(
    wanted: Amount | None, like: Amount, offer: Offer, ask: Ask, by: EngineRates | None
) -> tuple[int, int]:
    """(reserved, covers) in smallest units: what is wanted, or the most that fits.

    Raises InvalidInput with the least and the most that is allowed.
    """
    greatest, covers = most(offer, ask, by, _instead(offer, ask))
    if wanted is None:
        return greatest, covers
    if unit_of(wanted) != unit_of(like):
        raise InvalidInput(
            "/reserved", "is not counted as the line is", unit_of(wanted), [unit_of(like)]
        )
    if isinstance(wanted, Money) and not is_whole(wanted):
        raise InvalidInput("/reserved/amount", "has more decimals than its currency", str(wanted))
    reserved = minor_units(wanted)
    covers = min(ask.uncovered, int(reserved * _ratio(offer, ask, by)))
    least = offer.pledged if offer.indivisible else max(offer.minimum, 1)
    if not least <= reserved <= greatest or covers <= 0:
        raise InvalidInput(
            "/reserved",
            "is not between the least and the most that fits",
            str(wanted),
            {
                "minimum": str(of_minor_units(least, like)),
                "maximum": str(of_minor_units(greatest, like)),
            },
        )
    return reserved, covers
