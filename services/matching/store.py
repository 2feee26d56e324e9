"""Collections of matching, and which event changes which document."""

from pymongo import IndexModel

from services.matching import histories as history
from services.matching import knowledge, matches, model
from services.matching.coverage import Coverage, evolve_coverage
from services.matching.histories import History
from services.matching.knowledge import Party, Requirement, Twinning
from services.matching.matches import Match, Round
from services.matching.model import Pledge, Rates
from shared.events.matches import (
    ContributionDelivered,
    MatchAccepted,
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
from shared.events.pledges import PledgeAmended, PledgeExpired, PledgeMade, PledgeWithdrawn
from shared.events.projects import (
    NeedAmended,
    NeedPosted,
    NeedWithdrawn,
    ProjectCancelled,
    ProjectCompleted,
    ProjectResumed,
    ProjectSuspended,
)
from shared.events.rounds import (
    MatchingRoundCompleted,
    MatchingRoundRequested,
    PledgePassedOver,
    RatesSet,
)
from shared.log import Folded, Records

pledges = Folded(
    "pledges",
    Pledge,
    model.evolve_pledge,
    {
        PledgeMade: "pledge_id",
        PledgeAmended: "pledge_id",
        PledgeWithdrawn: "pledge_id",
        PledgeExpired: "pledge_id",
        PledgePassedOver: "pledge_id",
        MatchProposed: "pledge_id",
        MatchDeclined: "pledge_id",
        MatchLapsed: "pledge_id",
        MatchReleased: "pledge_id",
        ContributionDelivered: "pledge_id",
    },
    [IndexModel([("status", 1), ("_id", 1)]), IndexModel([("partner_id", 1), ("_id", 1)])],
    begins=(PledgeMade,),
)

all_matches = Folded(
    "matches",
    Match,
    matches.evolve_match,
    {
        MatchProposed: "match_id",
        MatchAccepted: "match_id",
        MatchAgreed: "match_id",
        MatchDeclined: "match_id",
        MatchLapsesSoon: "match_id",
        MatchLapsed: "match_id",
        MatchReleased: "match_id",
        MatchFlagged: "match_id",
        MatchUnflagged: "match_id",
        ContributionDelivered: "match_id",
    },
    [
        IndexModel(
            [("pledge_id", 1), ("pledge_line", 1), ("need_id", 1), ("need_line", 1)],
            name="one live match per pair of lines",
            unique=True,
            partialFilterExpression={"live": True},
        ),
        IndexModel(
            [("lapses_at", 1), ("reminded", 1)], partialFilterExpression={"status": "proposed"}
        ),
        IndexModel([("need_id", 1), ("_id", 1)]),
        IndexModel([("pledge_id", 1), ("_id", 1)]),
        IndexModel([("partner_id", 1), ("_id", 1)]),
        IndexModel([("authority_id", 1), ("_id", 1)]),
    ],
    begins=(MatchProposed,),
)

coverages = Folded(
    "coverages",
    Coverage,
    evolve_coverage,
    {
        MatchProposed: "need_id",
        MatchAgreed: "need_id",
        MatchDeclined: "need_id",
        MatchLapsed: "need_id",
        MatchReleased: "need_id",
        ContributionDelivered: "need_id",
        NeedCovered: "need_id",
    },
)

histories = Folded(
    "histories",
    History,
    history.evolve_history,
    {
        ContributionDelivered: history.delivered_by,
        MatchDeclined: "declined_by",
        MatchLapsed: history.lapsed_by,
    },
    start=history.begin,
)

rates = Folded("rates", Rates, model.evolve_rates, {RatesSet: "rates_id"}, begins=(RatesSet,))

rounds = Folded(
    "rounds",
    Round,
    matches.evolve_round,
    {MatchingRoundRequested: "round_id", MatchingRoundCompleted: "round_id"},
    [IndexModel([("status", 1), ("_id", 1)])],
    begins=(MatchingRoundRequested,),
)

parties = Folded(
    "parties",
    Party,
    knowledge.evolve_party,
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
    [IndexModel([("status", 1), ("_id", 1)])],
)

twinnings = Folded(
    "twinnings",
    Twinning,
    knowledge.evolve_twinning,
    dict.fromkeys((PartnershipDeclared, PartnershipConfirmed, PartnershipEnded), "partnership_id"),
)

requirements = Folded(
    "requirements",
    Requirement,
    knowledge.evolve_requirement,
    {
        NeedPosted: "need_id",
        NeedAmended: "need_id",
        NeedWithdrawn: "need_id",
        ProjectSuspended: "need_id",
        ProjectResumed: "need_id",
        ProjectCancelled: "need_id",
        ProjectCompleted: "need_id",
    },
    [IndexModel([("open", 1), ("_id", 1)])],
)

RECORDS = Records(
    "matching",
    pledges,
    all_matches,
    coverages,
    histories,
    rates,
    rounds,
    parties,
    twinnings,
    requirements,
)
