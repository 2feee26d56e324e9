"""Notices: who is told what, and what becomes of it; pure."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar, Literal, NamedTuple
from uuid import NAMESPACE_URL, uuid5

from shared.events.facts import Language, LocalisedText, Side
from shared.events.ids import (
    ContactRef,
    MatchId,
    MemberId,
    NeedId,
    NoticeId,
    PledgeId,
    WebhookId,
)
from shared.events.matching import (
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
    PledgeExpired,
    PledgeMade,
    PledgePassedOver,
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
    Channel,
    FailureReason,
    Kind,
    NoticeFailed,
    NoticeQueued,
    NoticeRequeued,
    NoticeSent,
    WebhookDisabled,
)
from shared.events.projects import (
    CompletionVerified,
    MilestoneRecorded,
    NeedPosted,
    ProjectCancelled,
    ProjectCompleted,
    ProjectResumed,
    ProjectStarted,
    ProjectSuspended,
)
from shared.events.registry import Event
from shared.log import State

Party = Literal[
    "authority",
    "partner",
    "other side",
    "silent",
    "donors",
    "monitor",
    "member",
    "endorser",
    "ukrainian",
    "declarer",
    "twin",
]

AUDIENCE: dict[type[Event], tuple[tuple[Party, str], ...]] = {
    MemberAdmitted: (("member", "member-admitted"), ("endorser", "member-admitted")),
    MemberRejected: (("member", "member-rejected"),),
    MemberSuspended: (("member", "member-suspended"), ("endorser", "member-suspended")),
    MemberReinstated: (("member", "member-reinstated"), ("endorser", "member-reinstated")),
    MemberLeft: (("member", "member-left"), ("endorser", "member-left")),
    PartnershipDeclared: (
        ("twin", "partnership-to-confirm"),
        ("declarer", "partnership-declared"),
    ),
    PartnershipConfirmed: (
        ("ukrainian", "partnership-confirmed"),
        ("partner", "partnership-confirmed"),
    ),
    PartnershipEnded: (("ukrainian", "partnership-ended"), ("partner", "partnership-ended")),
    NeedPosted: (("authority", "need-posted"),),
    ProjectStarted: (("authority", "project-started"), ("donors", "project-started")),
    MilestoneRecorded: (("authority", "milestone-recorded"), ("donors", "milestone-recorded")),
    ProjectSuspended: (("authority", "project-suspended"), ("donors", "project-suspended")),
    ProjectResumed: (("authority", "project-resumed"), ("donors", "project-resumed")),
    ProjectCancelled: (("authority", "project-cancelled"), ("donors", "project-cancelled")),
    ProjectCompleted: (("authority", "project-completed"), ("donors", "project-completed")),
    CompletionVerified: (
        ("authority", "completion-verified"),
        ("donors", "completion-verified"),
        ("monitor", "completion-verified"),
    ),
    PledgeMade: (("partner", "pledge-made"),),
    PledgeExpired: (("partner", "pledge-expired"),),
    PledgePassedOver: (("partner", "passed-over"),),
    MatchProposed: (("authority", "match-proposed"), ("partner", "match-proposed")),
    MatchAgreed: (("authority", "match-agreed"), ("partner", "match-agreed")),
    MatchDeclined: (("other side", "match-declined"),),
    MatchLapsesSoon: (("silent", "match-lapses-soon"),),
    MatchLapsed: (("authority", "match-lapsed"), ("partner", "match-lapsed")),
    MatchReleased: (("authority", "match-released"), ("partner", "match-released")),
    MatchFlagged: (("authority", "match-flagged"), ("partner", "match-flagged")),
    MatchUnflagged: (("authority", "match-unflagged"), ("partner", "match-unflagged")),
    ContributionDelivered: (
        ("authority", "contribution-delivered"),
        ("partner", "contribution-delivered"),
    ),
    NeedCovered: (("authority", "need-covered"),),
    WebhookDisabled: (("member", "webhook-disabled"),),
}
"""What is told to whom: each event, the parties it is told to, and the message each gets.

Whoever acted is told only where it stands here, and then as a receipt. A need's withdrawal is
not here: whoever had a live match is told of its release.
"""

MESSAGES = tuple(dict.fromkeys(message for rows in AUDIENCE.values() for _, message in rows))

_KIND_OF_EVENT: dict[str, Kind] = {
    "member": "membership",
    "partnership": "partnerships",
    "need": "needs",
    "milestone": "projects",
    "project": "projects",
    "completion": "projects",
    "pledge": "matches",
    "match": "matches",
    "contribution": "matches",
    "webhook": "operations",
}
KIND_OF: dict[str, Kind] = {
    message: _KIND_OF_EVENT[event.type.partition("-")[0]]
    for event, rows in AUDIENCE.items()
    for _, message in rows
}
"""The kind of each message."""

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


class Recipient(State):
    """What notify knows of a member."""

    what: ClassVar[str] = "recipient"

    id: MemberId
    side: Side
    names: LocalisedText
    contact_ref: ContactRef | None = None


class Need(State):
    """What notify knows of a need; `donors` once its project has started."""

    what: ClassVar[str] = "need"

    id: NeedId
    authority_id: MemberId
    title: LocalisedText
    donors: tuple[MemberId, ...] = ()


class Pledge(State):
    """What notify knows of a pledge."""

    what: ClassVar[str] = "pledge"

    id: PledgeId
    partner_id: MemberId
    title: LocalisedText


class Match(State):
    """How a match stands."""

    what: ClassVar[str] = "match"

    id: MatchId
    status: Literal["proposed", "agreed", "declined", "lapsed", "released"]


class Notice(State):
    """One message to one recipient about one event, and what became of it."""

    what: ClassVar[str] = "notice"

    id: NoticeId
    recipient_id: MemberId
    contact_ref: ContactRef | None = None
    webhook_id: WebhookId | None = None
    channel: Channel
    message: str
    about: str
    about_type: str
    thread: str
    status: Literal["queued", "sent", "failed"] = "queued"
    language: Language | None = None
    message_id: str | None = None
    attempts: int | None = None
    reason: FailureReason | None = None


def audience(event: Event, donors: Sequence[MemberId] = ()) -> list[Told]:
    """Who is told of an event, each member once; `donors` are those of its need's project."""
    found: dict[MemberId, Told] = {}
    for party, message in AUDIENCE[type(event)]:
        for member in _WHO[party](event, donors):
            if member is not None:
                found.setdefault(member, Told(member, party, message))
    return list(found.values())


def thread(event: Event) -> str:
    """What messages about an event are gathered under: the need, else the pledge, else itself."""
    for name in ("need_id", "pledge_id"):
        if found := getattr(event, name, None):
            return str(found)
    return event.subject


def notice_id(about: str, recipient_id: str, message: str, destination: str = "") -> NoticeId:
    """The same decision has the same id, so that it can't be taken twice.

    `destination` is a webhook's id; mail has none.
    """
    decision = ":".join(filter(None, ("alliance", about, recipient_id, message, destination)))
    return NoticeId(str(uuid5(NAMESPACE_URL, decision)))


def superseded(notice: Notice, match: Match | None) -> bool:
    """Whether the news has been overtaken: nobody is asked to accept or deliver what has ended."""
    if match is None:
        return False
    if notice.message == "match-lapses-soon":
        return match.status != "proposed"
    ended = match.status in ("declined", "lapsed", "released")
    return notice.message in ("match-proposed", "match-agreed") and ended


def evolve_notice(notice: Notice | None, event: object) -> Notice:
    """The notice after one of its events."""
    match notice, event:
        case None, NoticeQueued() as e:
            return Notice(id=e.notice_id, **e.model_dump(exclude={"notice_id"}))
        case Notice(status="queued"), NoticeSent() as e:
            sent = {"language": e.language, "message_id": e.message_id, "attempts": e.attempts}
            return notice.model_copy(update={"status": "sent", **sent})
        case Notice(status="queued"), NoticeFailed() as e:
            failed = {"reason": e.reason, "attempts": e.attempts}
            return notice.model_copy(update={"status": "failed", **failed})
        case Notice(status="sent" | "failed"), NoticeRequeued():
            outcome = dict.fromkeys(("language", "message_id", "attempts", "reason"))
            return notice.model_copy(update={"status": "queued", **outcome})
    raise TypeError(f"{event!r} cannot follow {notice!r}")


def evolve_recipient(recipient: Recipient | None, e: MemberApplied) -> Recipient:
    """The member as it applied, last."""
    return Recipient(id=e.member_id, side=e.side, names=e.names, contact_ref=e.contact_ref)


def evolve_need(need: Need | None, event: object) -> Need:
    """The need after one of its events."""
    match need, event:
        case None, NeedPosted() as e:
            return Need(id=e.need_id, authority_id=e.authority_id, title=e.title)
        case Need(), ProjectStarted() as e:
            return need.model_copy(update={"donors": e.donors})
    raise TypeError(f"{event!r} cannot follow {need!r}")


def evolve_pledge(pledge: Pledge | None, e: PledgeMade) -> Pledge:
    """The pledge as it was made."""
    return Pledge(id=e.pledge_id, partner_id=e.partner_id, title=e.title)


def evolve_match(match: Match | None, event: Event) -> Match:
    """The match after one of its events: `match-agreed` makes it agreed, and so on."""
    return Match.model_validate({"id": event.subject, "status": event.type.removeprefix("match-")})
