"""What matching does about others' events."""

from services.matching import commands
from shared.events.members import (
    MemberAdmitted,
    MemberApplied,
    MemberRejected,
    PartnershipDeclared,
)
from shared.events.projects import NeedAmended, NeedPosted, NeedWithdrawn, ProjectCompleted
from shared.handlers import Handlers
from shared.uow import UnitOfWork

on = Handlers()


@on(MemberApplied, MemberAdmitted, MemberRejected, PartnershipDeclared)
async def on_member(
    event: MemberApplied | MemberAdmitted | MemberRejected | PartnershipDeclared, uow: UnitOfWork
) -> None:
    """Know who may pledge, and who is twinned."""
    await uow.learn(event)


@on(NeedPosted)
async def on_need_posted(event: NeedPosted, uow: UnitOfWork) -> None:
    """Know what is asked."""
    await uow.learn(event)


@on(NeedAmended)
async def on_need_amended(event: NeedAmended, uow: UnitOfWork) -> None:
    """Release what no longer fits."""
    await commands.amend_requirement(event, uow)


@on(NeedWithdrawn, ProjectCompleted)
async def on_need_closed(event: NeedWithdrawn | ProjectCompleted, uow: UnitOfWork) -> None:
    """Release what is not wanted any more."""
    await commands.close_requirement(event, uow)
