"""What matching does about others' events."""

from services.matching import commands
from shared.events.members import (
    MemberAdmitted,
    MemberApplied,
    MemberRejected,
    PartnershipDeclared,
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


@on(MemberApplied, MemberAdmitted, MemberRejected, PartnershipDeclared)
async def on_member(
    event: MemberApplied | MemberAdmitted | MemberRejected | PartnershipDeclared, uow: UnitOfWork
) -> None:
    """Know who may pledge, and who is twinned."""
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
