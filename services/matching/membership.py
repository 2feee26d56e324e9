"""What becomes of a member's pledges and matches when it is suspended, reinstated, or leaves.

Nothing new is matched for who is suspended or gone (rounds.py). Its proposals are released; what
was agreed goes on, flagged until it is a member in good standing again. Who leaves offers nothing
any more: its open pledges are withdrawn, as its needs are by projects.
"""

from services.matching import matches, model
from services.matching.knowledge import BARRED, Party
from services.matching.matches import Match
from services.matching.store import all_matches, parties, pledges
from shared.events.matches import FlagCause
from shared.events.members import (
    MemberAdmitted,
    MemberLeft,
    MemberReinstated,
    MemberSuspended,
)
from shared.uow import UnitOfWork

GONE = "the partner has left the alliance"


async def suspend(event: MemberSuspended, uow: UnitOfWork) -> None:
    """Learn that a member is suspended: its proposals end, its agreed matches are flagged."""
    await uow.learn(event)
    await _end_or_flag(event, "member-suspended", uow)


async def leave(event: MemberLeft, uow: UnitOfWork) -> None:
    """Learn that a member is gone: the same, and its open pledges are withdrawn."""
    await uow.learn(event)
    await _end_or_flag(event, "member-left", uow)
    for pledge in await uow.find(pledges, {"partner_id": event.member_id, "status": "open"}):
        await uow.record(pledges, model.withdraw(pledge, event.member_id, GONE))


async def admit(event: MemberAdmitted | MemberReinstated, uow: UnitOfWork) -> None:
    """Learn that a member may act, and take the flags off its matches if it might not before."""
    before = await uow.require(parties, event.member_id)
    await uow.learn(event)
    if before.status in BARRED:
        for match in await _live_of(before, uow):
            for unflagged in matches.unflag(match, before.id, event.reason):
                await uow.record(all_matches, unflagged)


async def _end_or_flag(
    event: MemberSuspended | MemberLeft, cause: FlagCause, uow: UnitOfWork
) -> None:
    for match in await _live_of(await uow.require(parties, event.member_id), uow):
        if match.status == "proposed":
            await uow.record(all_matches, matches.release(match, cause, event.reason))
        else:
            await uow.record(all_matches, matches.flag(match, event.member_id, cause, event.reason))


async def _live_of(party: Party, uow: UnitOfWork) -> list[Match]:
    side = "authority_id" if party.side == "ukraine" else "partner_id"
    return await uow.find(all_matches, {side: party.id, "live": True})
