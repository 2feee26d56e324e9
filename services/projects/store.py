"""Collections of projects, and which event changes which document."""

from pymongo import IndexModel

from services.projects import knowledge, model
from services.projects.knowledge import Authority, Commitment
from services.projects.model import Need
from services.projects.sites import SITES
from shared.events.matches import ContributionDelivered, MatchAgreed, MatchReleased
from shared.events.members import (
    MemberAdmitted,
    MemberApplied,
    MemberLeft,
    MemberReinstated,
    MemberRejected,
    MemberSuspended,
)
from shared.events.projects import (
    CompletionVerified,
    MilestoneRecorded,
    NeedAmended,
    NeedPosted,
    NeedWithdrawn,
    PreparationStarted,
    ProjectCancelled,
    ProjectCompleted,
    ProjectResumed,
    ProjectStarted,
    ProjectSuspended,
)
from shared.log import Folded, Records

needs = Folded(
    "needs",
    Need,
    model.evolve,
    {
        NeedPosted: "need_id",
        NeedAmended: "need_id",
        NeedWithdrawn: "need_id",
        PreparationStarted: "need_id",
        ProjectStarted: "need_id",
        MilestoneRecorded: "need_id",
        ProjectSuspended: "need_id",
        ProjectResumed: "need_id",
        ProjectCancelled: "need_id",
        ProjectCompleted: "need_id",
        CompletionVerified: "need_id",
    },
    [IndexModel([("authority_id", 1), ("_id", 1)]), IndexModel([("territory", 1), ("_id", 1)])],
    begins=(NeedPosted,),
)

authorities = Folded(
    "authorities",
    Authority,
    knowledge.evolve_authority,
    dict.fromkeys(
        (
            MemberApplied,
            MemberAdmitted,
            MemberRejected,
            MemberSuspended,
            MemberReinstated,
            MemberLeft,
        ),
        "member_id",
    ),
)


def _was_agreed(event: MatchReleased) -> list[str]:
    """Only a match that had been agreed was a commitment."""
    return [event.match_id] if event.was == "agreed" else []


commitments = Folded(
    "commitments",
    Commitment,
    knowledge.evolve_commitment,
    {MatchAgreed: "match_id", ContributionDelivered: "match_id", MatchReleased: _was_agreed},
    [IndexModel("need_id")],
)

RECORDS = Records("projects", needs, authorities, commitments, plain=(SITES,))
