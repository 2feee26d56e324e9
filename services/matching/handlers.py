"""What matching does about others' events."""

from services.matching import commands, membership
from shared.events.members import (
    MemberAdmitted,
    MemberApplied,
    MemberLeft,
    MemberReinstated,
    MemberRejected,
    MemberSuspended,
    OfPartnership,
    PartnershipConfirmed,
    PartnershipDeclared,
    PartnershipEnded,
)
from shared.events.projects import (
    NeedAmended,
    NeedPosted,
    NeedWithdrawn,
    ProjectCancelled,
    ProjectCompleted,
    ProjectResumed,
    ProjectSuspended,
)
from shared.handlers import Handlers
from shared.uow import UnitOfWork

on = Handlers()


@on(MemberApplied, MemberRejected)
async def on_member(event: MemberApplied | MemberRejected, uow: UnitOfWork) -> None:
    """Know who asks to join."""
    await uow.learn(event)


@on(MemberAdmitted, MemberReinstated)
async def on_member_admitted(event: MemberAdmitted | MemberReinstated, uow: UnitOfWork) -> None:
    """Know who may pledge and accept, for the first time or again."""
    await membership.admit(event, uow)


@on(MemberSuspended)
async def on_member_suspended(event: MemberSuspended, uow: UnitOfWork) -> None:
    """Match nothing of a suspended member's, and say so where it is committed already."""
    await membership.suspend(event, uow)


@on(MemberLeft)
async def on_member_left(event: MemberLeft, uow: UnitOfWork) -> None:
    """Take back what is open of a member that is gone."""
    await membership.leave(event, uow)


@on(PartnershipDeclared, PartnershipConfirmed, PartnershipEnded)
async def on_partnership(event: OfPartnership, uow: UnitOfWork) -> None:
    """Know who is twinned."""
    await uow.learn(event)


@on(NeedPosted, ProjectSuspended, ProjectResumed)
async def on_need_posted(
    event: NeedPosted | ProjectSuspended | ProjectResumed, uow: UnitOfWork
) -> None:
    """Know what is asked, and whether it waits."""
    await uow.learn(event)


@on(NeedAmended)
async def on_need_amended(event: NeedAmended, uow: UnitOfWork) -> None:
    """Release what no longer fits."""
    await commands.amend_requirement(event, uow)


@on(NeedWithdrawn, ProjectCancelled, ProjectCompleted)
async def on_need_closed(
    event: NeedWithdrawn | ProjectCancelled | ProjectCompleted, uow: UnitOfWork
) -> None:
    """Release what is not wanted any more."""
    await commands.close_requirement(event, uow)
