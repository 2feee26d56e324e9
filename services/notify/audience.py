"""What is told to whom: one table; pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from shared.events.ids import MemberId
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
from shared.events.notify import (
    Kind,
    WebhookDisabled,
)
from shared.events.pledges import PledgeExpired, PledgeMade
from shared.events.projects import (
    CompletionVerified,
    MilestoneRecorded,
    NeedAmended,
    NeedPosted,
    ProjectCancelled,
    ProjectCompleted,
    ProjectResumed,
    ProjectStarted,
    ProjectSuspended,
)
from shared.events.registry import Event
from shared.events.rounds import PledgePassedOver

Party = Literal[
    "authority",
    "partner",
    "other side",
    "silent",
    "donors",
    "monitor",
    "member",
    "association",
    "endorser",
    "ukrainian",
    "declarer",
    "twin",
]


class Row(NamedTuple):
    """What is said of one event: of which kind it is, which party gets which message, and whether
    it is urgent: then it is always told at once, quiet hours or not."""

    kind: Kind
    messages: Mapping[Party, str]
    urgent: bool = False


def _same(message: str, *parties: Party) -> dict[Party, str]:
    return dict.fromkeys(parties, message)


URGENT = True

AUDIENCE: dict[type[Event], Row] = {
    MemberApplied: Row(
        "membership", {"member": "application-received", "association": "application-to-endorse"}
    ),
    MemberAdmitted: Row("membership", _same("member-admitted", "member", "endorser")),
    MemberRejected: Row("membership", _same("member-rejected", "member")),
    MemberSuspended: Row("membership", _same("member-suspended", "member", "endorser"), URGENT),
    MemberReinstated: Row("membership", _same("member-reinstated", "member", "endorser")),
    MemberLeft: Row("membership", _same("member-left", "member", "endorser"), URGENT),
    PartnershipDeclared: Row(
        "partnerships", {"twin": "partnership-to-confirm", "declarer": "partnership-declared"}
    ),
    PartnershipConfirmed: Row(
        "partnerships", _same("partnership-confirmed", "ukrainian", "partner")
    ),
    PartnershipEnded: Row("partnerships", _same("partnership-ended", "ukrainian", "partner")),
    NeedPosted: Row("needs", _same("need-posted", "authority")),
    NeedAmended: Row("needs", _same("need-amended", "authority")),
    NeedCovered: Row("needs", _same("need-covered", "authority")),
    ProjectStarted: Row("projects", _same("project-started", "authority", "donors")),
    MilestoneRecorded: Row("projects", _same("milestone-recorded", "authority", "donors")),
    ProjectSuspended: Row("projects", _same("project-suspended", "authority", "donors"), URGENT),
    ProjectResumed: Row("projects", _same("project-resumed", "authority", "donors")),
    ProjectCancelled: Row("projects", _same("project-cancelled", "authority", "donors"), URGENT),
    ProjectCompleted: Row("projects", _same("project-completed", "authority", "donors")),
    CompletionVerified: Row(
        "projects", _same("completion-verified", "authority", "donors", "monitor")
    ),
    PledgeMade: Row("matches", _same("pledge-made", "partner")),
    PledgeExpired: Row("matches", _same("pledge-expired", "partner")),
    PledgePassedOver: Row("matches", _same("passed-over", "partner")),
    MatchProposed: Row("matches", _same("match-proposed", "authority", "partner"), URGENT),
    MatchAgreed: Row("matches", _same("match-agreed", "authority", "partner"), URGENT),
    MatchDeclined: Row("matches", _same("match-declined", "other side")),
    MatchLapsesSoon: Row("matches", _same("match-lapses-soon", "silent"), URGENT),
    MatchLapsed: Row("matches", _same("match-lapsed", "authority", "partner"), URGENT),
    MatchReleased: Row("matches", _same("match-released", "authority", "partner"), URGENT),
    MatchFlagged: Row("matches", _same("match-flagged", "authority", "partner")),
    MatchUnflagged: Row("matches", _same("match-unflagged", "authority", "partner")),
    ContributionDelivered: Row(
        "matches", _same("contribution-delivered", "authority", "partner"), URGENT
    ),
    WebhookDisabled: Row("operations", _same("webhook-disabled", "member"), URGENT),
}
"""What is told to whom: each event, its kind, the parties it is told to and the message each gets.

Whoever acted is told only by a message of RECEIPTS. Not here are: a need's withdrawal, since
whoever had a live match is told of its release; and that a need is no longer covered, which only
its owner can bring about, by amending it: `need-amended` says so (an agreed match ends only with
its need). What opens again when a proposal is declined, lapses or is released, those messages say.

Urgent is what asks for an answer by a day, ends what was agreed or awaited one, stops work, or is a
receipt of what binds both sides.
"""

RECEIPTS = frozenset(
    {
        "application-received",
        "member-admitted",
        "member-left",
        "partnership-declared",
        "partnership-confirmed",
        "need-posted",
        "need-amended",
        "pledge-made",
        "match-agreed",
        "contribution-delivered",
        "project-started",
        "project-cancelled",
        "project-completed",
        "completion-verified",
    }
)
"""Messages that the actor gets, too: of acts that bind it, or that it must be able to prove.

The acts: applying, endorsing, leaving, declaring and confirming a partnership, asking and asking
for more, pledging, the acceptance that makes a match agreed, confirming a delivery, beginning,
giving up and completing a project, verifying it. Declining, proposing by hand, suspending,
reinstating, ending a partnership, milestones, a project's suspension and resumption bind nobody.
"""

MESSAGES: dict[str, Row] = {
    message: row for row in AUDIENCE.values() for message in row.messages.values()
}
"""Each message's row."""


def messages_of(kind: Kind) -> list[str]:
    """The messages of a kind."""
    return [message for message, row in MESSAGES.items() if row.kind == kind]


_WHO: dict[Party, Callable[[Any, Sequence[MemberId]], Iterable[MemberId | None]]] = {
    "authority": lambda event, donors: [event.authority_id],
    "partner": lambda event, donors: [event.partner_id],
    "other side": lambda event, donors: [
        event.partner_id if event.side == "ukraine" else event.authority_id
    ],
    "silent": lambda event, donors: event.silent,
    "donors": lambda event, donors: donors,
    "monitor": lambda event, donors: [event.monitor_id],
    "member": lambda event, donors: [event.member_id],
    "association": lambda event, donors: event.associations,
    "endorser": lambda event, donors: [event.endorsed_by],
    "ukrainian": lambda event, donors: [event.ukrainian_id],
    "declarer": lambda event, donors: [event.declared_by],
    "twin": lambda event, donors: [
        event.partner_id if event.declared_by == event.ukrainian_id else event.ukrainian_id
    ],
}


class Told(NamedTuple):
    """One member that is told of one event, as which party, by which message."""

    recipient_id: MemberId
    party: Party
    message: str


def told(event: Event, donors: Sequence[MemberId] = (), actor: str | None = None) -> list[Told]:
    """Who is told of an event, each member once; `donors` are those of its need's project.

    `actor` is who acted, as the envelope says: `member:<id>` gets receipts only.
    """
    found: dict[MemberId, Told] = {}
    for party, message in AUDIENCE[type(event)].messages.items():
        for member in _WHO[party](event, donors):
            own_act = actor == f"member:{member}"
            if member is not None and (not own_act or message in RECEIPTS):
                found.setdefault(member, Told(member, party, message))
    return list(found.values())
