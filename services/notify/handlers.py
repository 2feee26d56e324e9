"""What notify does when the others' events arrive: tell whom it concerns."""

from services.notify import commands
from shared.events.matches import (
    ContributionDelivered,
    MatchAgreed,
    MatchDeclined,
    MatchFlagged,
    MatchLapsed,
    MatchLapsesSoon,
    MatchProposed,
    MatchReleased,
    MatchUnflagged,
    NeedCovered,
)
from shared.events.members import (
    MemberAdmitted,
    MemberApplied,
    MemberLeft,
    MemberReinstated,
    MemberRejected,
    MemberSuspended,
    PartnershipConfirmed,
    PartnershipDeclared,
    PartnershipEnded,
)
from shared.events.pledges import PledgeExpired, PledgeMade, PledgeWithdrawn
from shared.events.projects import (
    CompletionVerified,
    MilestoneRecorded,
    NeedAmended,
    NeedPosted,
    NeedWithdrawn,
    ProjectCancelled,
    ProjectCompleted,
    ProjectResumed,
    ProjectStarted,
    ProjectSuspended,
)
from shared.events.rounds import PledgePassedOver
from shared.handlers import Handlers
from shared.uow import UnitOfWork

on = Handlers()


@on(MemberApplied)
async def on_member_applied(event: MemberApplied, uow: UnitOfWork) -> None:
    await commands.meet(event, uow)


@on(MemberAdmitted)
async def on_member_admitted(event: MemberAdmitted, uow: UnitOfWork) -> None:
    await commands.tell(event, uow)


@on(MemberRejected)
async def on_member_rejected(event: MemberRejected, uow: UnitOfWork) -> None:
    await commands.tell(event, uow)


@on(MemberSuspended)
async def on_member_suspended(event: MemberSuspended, uow: UnitOfWork) -> None:
    await commands.tell(event, uow)


@on(MemberReinstated)
async def on_member_reinstated(event: MemberReinstated, uow: UnitOfWork) -> None:
    await commands.tell(event, uow)


@on(MemberLeft)
async def on_member_left(event: MemberLeft, uow: UnitOfWork) -> None:
    await commands.tell(event, uow)


@on(PartnershipDeclared)
async def on_partnership_declared(event: PartnershipDeclared, uow: UnitOfWork) -> None:
    await commands.tell(event, uow)


@on(PartnershipConfirmed)
async def on_partnership_confirmed(event: PartnershipConfirmed, uow: UnitOfWork) -> None:
    await commands.tell(event, uow)


@on(PartnershipEnded)
async def on_partnership_ended(event: PartnershipEnded, uow: UnitOfWork) -> None:
    await commands.tell(event, uow)


@on(NeedPosted)
async def on_need_posted(event: NeedPosted, uow: UnitOfWork) -> None:
    await commands.tell(event, uow)


@on(NeedAmended)
async def on_need_amended(event: NeedAmended, uow: UnitOfWork) -> None:
    await commands.tell(event, uow)


@on(NeedWithdrawn)
async def on_need_withdrawn(event: NeedWithdrawn, uow: UnitOfWork) -> None:
    await commands.learn(event, uow)


@on(ProjectStarted)
async def on_project_started(event: ProjectStarted, uow: UnitOfWork) -> None:
    await commands.tell(event, uow)


@on(MilestoneRecorded)
async def on_milestone_recorded(event: MilestoneRecorded, uow: UnitOfWork) -> None:
    await commands.tell(event, uow)


@on(ProjectSuspended)
async def on_project_suspended(event: ProjectSuspended, uow: UnitOfWork) -> None:
    await commands.tell(event, uow)


@on(ProjectResumed)
async def on_project_resumed(event: ProjectResumed, uow: UnitOfWork) -> None:
    await commands.tell(event, uow)


@on(ProjectCancelled)
async def on_project_cancelled(event: ProjectCancelled, uow: UnitOfWork) -> None:
    await commands.tell(event, uow)


@on(ProjectCompleted)
async def on_project_completed(event: ProjectCompleted, uow: UnitOfWork) -> None:
    await commands.tell(event, uow)


@on(CompletionVerified)
async def on_completion_verified(event: CompletionVerified, uow: UnitOfWork) -> None:
    await commands.tell(event, uow)


@on(PledgeExpired)
async def on_pledge_expired(event: PledgeExpired, uow: UnitOfWork) -> None:
    await commands.tell(event, uow)


@on(PledgeWithdrawn)
async def on_pledge_withdrawn(event: PledgeWithdrawn, uow: UnitOfWork) -> None:
    await commands.learn(event, uow)


@on(PledgeMade)
async def on_pledge_made(event: PledgeMade, uow: UnitOfWork) -> None:
    await commands.tell(event, uow)


@on(MatchProposed)
async def on_match_proposed(event: MatchProposed, uow: UnitOfWork) -> None:
    await commands.tell(event, uow)


@on(MatchAgreed)
async def on_match_agreed(event: MatchAgreed, uow: UnitOfWork) -> None:
    await commands.tell(event, uow)


@on(MatchDeclined)
async def on_match_declined(event: MatchDeclined, uow: UnitOfWork) -> None:
    await commands.tell(event, uow)


@on(MatchLapsesSoon)
async def on_match_lapses_soon(event: MatchLapsesSoon, uow: UnitOfWork) -> None:
    await commands.tell(event, uow)


@on(MatchLapsed)
async def on_match_lapsed(event: MatchLapsed, uow: UnitOfWork) -> None:
    await commands.tell(event, uow)


@on(MatchReleased)
async def on_match_released(event: MatchReleased, uow: UnitOfWork) -> None:
    await commands.tell(event, uow)


@on(MatchFlagged)
async def on_match_flagged(event: MatchFlagged, uow: UnitOfWork) -> None:
    await commands.tell(event, uow)


@on(MatchUnflagged)
async def on_match_unflagged(event: MatchUnflagged, uow: UnitOfWork) -> None:
    await commands.tell(event, uow)


@on(ContributionDelivered)
async def on_contribution_delivered(event: ContributionDelivered, uow: UnitOfWork) -> None:
    await commands.tell(event, uow)


@on(NeedCovered)
async def on_need_covered(event: NeedCovered, uow: UnitOfWork) -> None:
    await commands.tell(event, uow)


@on(PledgePassedOver)
async def on_pledge_passed_over(event: PledgePassedOver, uow: UnitOfWork) -> None:
    await commands.tell(event, uow)
