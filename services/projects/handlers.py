"""What projects does about others' events."""

from shared.events.matching import ContributionDelivered, MatchAgreed
from shared.events.members import MemberAdmitted, MemberApplied, MemberRejected
from shared.inbox import Handlers
from shared.uow import UnitOfWork

on = Handlers()


@on(MemberApplied, MemberAdmitted, MemberRejected)
async def on_member(
    event: MemberApplied | MemberAdmitted | MemberRejected, uow: UnitOfWork
) -> None:
    """Know who may post needs and who may verify."""
    await uow.learn(event)


@on(MatchAgreed, ContributionDelivered)
async def on_match(event: MatchAgreed | ContributionDelivered, uow: UnitOfWork) -> None:
    """Know who is committed to which need."""
    await uow.learn(event)
