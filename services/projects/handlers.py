"""What projects does about others' events."""

from services.projects import commands
from shared.events.matches import ContributionDelivered, MatchAgreed, MatchReleased
from shared.events.members import (
    MemberAdmitted,
    MemberApplied,
    MemberLeft,
    MemberReinstated,
    MemberRejected,
    MemberSuspended,
)
from shared.events.registry import Event
from shared.handlers import Handlers
from shared.uow import UnitOfWork

on = Handlers()


@on(MemberApplied, MemberAdmitted, MemberRejected, MemberSuspended, MemberReinstated)
async def on_member(event: Event, uow: UnitOfWork) -> None:
    """Know who may post needs and who may verify."""
    await uow.learn(event)


@on(MemberLeft)
async def on_member_left(event: MemberLeft, uow: UnitOfWork) -> None:
    """Ask no more for who is gone."""
    await commands.withdraw_needs(event, uow)


@on(MatchAgreed)
async def on_match_agreed(event: MatchAgreed, uow: UnitOfWork) -> None:
    """Know who is committed to which need, and keep the need as large as that."""
    await commands.honour_agreement(event, uow)


@on(ContributionDelivered)
async def on_contribution_delivered(event: ContributionDelivered, uow: UnitOfWork) -> None:
    """Know what has arrived."""
    await uow.learn(event)


@on(MatchReleased)
async def on_match_released(event: MatchReleased, uow: UnitOfWork) -> None:
    """Know who is committed no more."""
    await uow.learn(event)
