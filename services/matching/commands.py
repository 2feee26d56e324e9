"""Commands of matching: load, decide, commit."""

from typing import Annotated, Any

from pydantic import Field

from services.matching import matches, model
from services.matching.coverage import Coverage
from services.matching.knowledge import NotAdmitted, Requirement
from services.matching.matches import Match
from services.matching.model import Pledge, Rates
from services.matching.store import (
    all_matches,
    coverages,
    parties,
    pledges,
    rates,
    requirements,
)
from shared.actor import Command
from shared.codelists import currencies
from shared.days import asked_day
from shared.errors import InvalidInput
from shared.events.facts import (
    Amount,
    CurrencyCode,
    DateText,
    DecimalRate,
    LocalisedText,
    Text,
)
from shared.events.ids import MatchId, MemberId, PledgeId, RatesId
from shared.events.matches import Amendments, NeedCovered, ReleaseCause
from shared.events.pledges import Earmark, PledgeLines, PledgeMade
from shared.events.projects import (
    NeedAmended,
    NeedWithdrawn,
    ProjectCancelled,
    ProjectCompleted,
)
from shared.events.rounds import RatesSet
from shared.lines import minor_units
from shared.uow import UnitOfWork

EXPIRE_AT_ONCE = 100
"""Most pledges that expire in one transaction."""


class MakePledge(Command):
    """What a partner offers, for what, until when."""

    title: LocalisedText
    lines: PledgeLines
    earmark: Earmark = Earmark()
    conditions: Text | None = None
    valid_from: DateText | None = None
    valid_until: DateText | None = None


class AmendPledge(Command):
    """What the lines hold now, whole, and why."""

    lines: PledgeLines
    reason: Text


class Because(Command):
    """Why something is withdrawn or declined."""

    reason: Text


class Deliver(Command):
    """What arrived of a match, in the pledge's currency or unit; no amount means all the rest."""

    amount: Amount | None = None
    date: DateText
    scope: Text


class SetRates(Command):
    """Units of each currency for one euro, of which day, from where."""

    date: DateText
    source: Text
    per_eur: Annotated[dict[CurrencyCode, DecimalRate], Field(min_length=1, max_length=300)]


async def make_pledge(command: MakePledge, uow: UnitOfWork) -> Pledge:
    """Offer something."""
    return await uow.record(pledges, await pledge_of(command, uow.actor.member, uow))


async def pledge_of(command: MakePledge, partner_id: MemberId, uow: UnitOfWork) -> PledgeMade:
    """What a partner offers, if it may. Raises NotFound, NotAPartner, InvalidInput."""
    partner = await uow.require(parties, partner_id)
    pledge = PledgeMade(
        pledge_id=PledgeId.new(),
        partner_id=partner.id,
        title=command.title,
        lines=command.lines,
        earmark=command.earmark,
        conditions=command.conditions,
        valid_from=command.valid_from,
        valid_until=command.valid_until,
    )
    await _check_earmark(command.earmark, uow)
    return model.make(pledge, partner, uow.now.date())


async def _check_earmark(earmark: Earmark, uow: UnitOfWork) -> None:
    """What a pledge is for exists, as far as matching knows. Raises InvalidInput."""
    if earmark.need_id and not await uow.get(requirements, earmark.need_id):
        raise InvalidInput("/earmark/need_id", "there is no such need", earmark.need_id)
    if earmark.authority_id:
        authority = await uow.get(parties, earmark.authority_id)
        if authority is None or authority.side != "ukraine":
            raise InvalidInput(
                "/earmark/authority_id", "this is no Ukrainian member", earmark.authority_id
            )


async def amend_pledge(pledge_id: PledgeId, command: AmendPledge, uow: UnitOfWork) -> Pledge:
    """Change what a pledge of the caller's holds; proposals that no longer fit are released."""
    pledge = await uow.target(pledges, pledge_id)
    await _must_be_admitted(uow)
    live = await _live(uow, pledge_id=pledge_id)
    agreed: dict[int, int] = {}
    for match in live:
        if match.status == "agreed":
            rest = minor_units(match.reserved) - match.delivered
            agreed[match.pledge_line] = agreed.get(match.pledge_line, 0) + rest
    event = model.amend(pledge, uow.actor.member, command.lines, agreed, command.reason)
    for line in command.lines:
        proposals = [m for m in live if m.status == "proposed" and m.pledge_line == line.line]
        if proposals:
            balance = pledge.balance(line.line)
            excess = balance.pledged - balance.available - minor_units(line.amount)
            for released in matches.release_until(
                proposals, excess, "pledge-amended", command.reason, covers=False
            ):
                await uow.record(all_matches, released)
    return await uow.record(pledges, event)


async def withdraw_pledge(pledge_id: PledgeId, command: Because, uow: UnitOfWork) -> Pledge:
    """Take back what is not agreed of a pledge of the caller's; its proposals are released."""
    pledge = await uow.target(pledges, pledge_id)
    model.withdraw(pledge, uow.actor.member, command.reason)
    await _release_proposals(pledge_id, "pledge-withdrawn", command.reason, uow)
    pledge = await uow.require(pledges, pledge_id)
    return await uow.record(pledges, model.withdraw(pledge, uow.actor.member, command.reason))


async def expire_pledges(uow: UnitOfWork) -> int:
    """End the pledges whose last day has passed; their proposals are released. How many."""
    today = uow.now.date()
    query = {"status": "open", "valid_until": {"$lt": today.isoformat()}}
    due = await uow.find(pledges, query, limit=EXPIRE_AT_ONCE)
    for pledge in due:
        why = "the pledge's last day has passed"
        await _release_proposals(pledge.id, "pledge-expired", why, uow)
        for event in model.expire(await uow.require(pledges, pledge.id), today):
            await uow.record(pledges, event)
    return len(due)


async def accept_match(match_id: MatchId, uow: UnitOfWork) -> Match:
    """Say yes to a proposal, as one of its two sides."""
    match = await uow.target(all_matches, match_id)
    events = matches.accept(match, uow.actor.member)
    await _must_be_admitted(uow)
    need = await uow.require(requirements, match.need_id)
    before = (await uow.require(coverages, need.id)).complete(need)
    accepted = await uow.record(all_matches, *events)
    await _tell_if_covered(need, before, uow)
    return accepted


async def decline_match(match_id: MatchId, command: Because, uow: UnitOfWork) -> Match:
    """Say no to a proposal, as one of its two sides."""
    match = await uow.target(all_matches, match_id)
    amended = await amendments_of(match, uow)
    event = matches.decline(match, uow.actor.member, command.reason, amended)
    return await uow.record(all_matches, event)


async def amendments_of(match: Match, uow: UnitOfWork) -> Amendments:
    """How often a match's pledge and need have been amended by now."""
    pledge = await uow.require(pledges, match.pledge_id)
    return matches.amendments(pledge, await uow.require(requirements, match.need_id))


async def deliver(match_id: MatchId, command: Deliver, uow: UnitOfWork) -> Match:
    """Confirm that all or part of an agreed match has arrived, as the need's authority."""
    match = await uow.target(all_matches, match_id)
    asked_day(command.date, "/date", latest=uow.now.date())
    event = matches.deliver(match, uow.actor.member, command.amount, command.date, command.scope)
    return await uow.record(all_matches, event)


async def set_rates(command: SetRates, uow: UnitOfWork) -> Rates:
    """Record exchange rates, as an operator."""
    asked_day(command.date, "/date", latest=uow.now.date())
    model.check_rates(command.per_eur, tuple(currencies()))
    event = RatesSet(
        rates_id=RatesId.new(),
        date=command.date,
        source=command.source,
        per_eur=command.per_eur,
    )
    return await uow.record(rates, event)


async def amend_requirement(event: NeedAmended, uow: UnitOfWork) -> None:
    """Learn a need's new lines; proposals that no longer fit are released, newest first."""
    before = await uow.require(requirements, event.need_id)
    coverage = await uow.get(coverages, event.need_id) or Coverage(id=event.need_id)
    await uow.learn(event)
    need = await uow.require(requirements, event.need_id)
    asked = {line.line: minor_units(line.amount) for line in need.lines}
    proposals = await _live(uow, need_id=event.need_id, status="proposed")
    for number, line in coverage.lines.items():
        excess = line.taken - asked.get(int(number), 0)
        here = [m for m in proposals if m.need_line == int(number)]
        for released in matches.release_until(
            here, excess, "need-amended", event.reason, covers=True
        ):
            await uow.record(all_matches, released)
    if coverage.lines:
        await _tell_if_covered(need, coverage.complete(before), uow)


async def close_requirement(
    event: NeedWithdrawn | ProjectCancelled | ProjectCompleted, uow: UnitOfWork
) -> None:
    """Learn that a need is asked for no more.

    Withdrawn or given up: its matches are released, but what began to be delivered. Completed:
    its proposals are.
    """
    await uow.learn(event)
    for match in await _live(uow, need_id=event.need_id, delivered=0):
        if isinstance(event, NeedWithdrawn):
            released = matches.release(match, "need-withdrawn", event.reason)
        elif isinstance(event, ProjectCancelled):
            released = matches.release(match, "project-cancelled", event.reason)
        elif match.status == "proposed":
            released = matches.release(match, "project-completed", "the project is completed")
        else:
            continue
        await uow.record(all_matches, released)


async def _tell_if_covered(need: Requirement, before: bool, uow: UnitOfWork) -> None:
    """Record that every line is agreed or delivered in full, if that was not so `before`."""
    if not before and (await uow.require(coverages, need.id)).complete(need):
        event = NeedCovered(need_id=need.id, authority_id=need.authority_id)
        await uow.record(coverages, event)


async def _must_be_admitted(uow: UnitOfWork) -> None:
    """Whether the caller may commit itself, as far as it is known here. Raises NotAdmitted."""
    party = await uow.get(parties, uow.actor.member)
    if party is not None and party.status != "admitted":
        raise NotAdmitted(
            "member {member} is {state}, not admitted", member=party.id, state=party.status
        )


async def _release_proposals(
    pledge_id: PledgeId, cause: ReleaseCause, reason: str, uow: UnitOfWork
) -> None:
    for match in await _live(uow, pledge_id=pledge_id, status="proposed"):
        await uow.record(all_matches, matches.release(match, cause, reason))


async def _live(uow: UnitOfWork, **query: Any) -> list[Match]:
    return await uow.find(all_matches, {"live": True} | query)
