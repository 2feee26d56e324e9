"""Notices and what becomes of them, and what they tell of; pure."""

from typing import ClassVar, Literal
from uuid import NAMESPACE_URL, uuid5

from shared.events.facts import Language, LocalisedText, Moment, Side, Text
from shared.events.ids import (
    ContactRef,
    MatchId,
    MemberId,
    NeedId,
    NoticeId,
    PartnershipId,
    PledgeId,
    WebhookId,
)
from shared.events.members import (
    MemberAdmitted,
    MemberApplied,
    MemberRejected,
)
from shared.events.notify import (
    Channel,
    FailureReason,
    NoticeFailed,
    NoticeQueued,
    NoticeRequeued,
    NoticeSent,
    NoticeWithheld,
)
from shared.events.pledges import PledgeExpired, PledgeMade, PledgeWithdrawn
from shared.events.projects import (
    NeedPosted,
    NeedWithdrawn,
    ProjectCancelled,
    ProjectCompleted,
    ProjectStarted,
)
from shared.events.registry import Event
from shared.log import State


class Recipient(State):
    """What notify knows of a member."""

    what: ClassVar[str] = "recipient"

    id: MemberId
    side: Side
    names: LocalisedText
    contact_ref: ContactRef | None = None
    applying: bool = True


class Partnership(State):
    """How a partnership stands."""

    what: ClassVar[str] = "partnership"

    id: PartnershipId
    status: Literal["declared", "confirmed", "ended"]


class Need(State):
    """What notify knows of a need; `donors` once its project has started."""

    what: ClassVar[str] = "need"

    id: NeedId
    authority_id: MemberId
    title: LocalisedText
    donors: tuple[MemberId, ...] = ()
    status: Literal["open", "started", "withdrawn", "cancelled", "completed"] = "open"


class Pledge(State):
    """What notify knows of a pledge."""

    what: ClassVar[str] = "pledge"

    id: PledgeId
    partner_id: MemberId
    title: LocalisedText
    status: Literal["open", "withdrawn", "expired"] = "open"


class Match(State):
    """How a match stands."""

    what: ClassVar[str] = "match"

    id: MatchId
    status: Literal["proposed", "agreed", "declined", "lapsed", "released"]


class Notice(State):
    """One message to one recipient about one event, and what became of it.

    A withheld one is of a kind that its recipient wants no mail of, or its recipient has no
    contact: it is in the feed only.
    """

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
    not_before: Moment | None = None
    digest: bool = False
    repeats: NoticeId | None = None
    repeated_because: Text | None = None
    status: Literal["queued", "withheld", "sent", "failed"] = "queued"
    language: Language | None = None
    message_id: str | None = None
    attempts: int | None = None
    uncertain: int | None = None
    reason: FailureReason | None = None

    @property
    def to(self) -> str:
        """What its destination is known by: the reference to a contact, or a webhook's id."""
        return self.contact_ref or self.webhook_id or ""


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


_MOOT: dict[str, tuple[str, ...]] = {
    "match-proposed": ("declined", "lapsed", "released"),
    "match-agreed": ("declined", "lapsed", "released"),
    "match-lapses-soon": ("agreed", "declined", "lapsed", "released"),
    "pledge-made": ("withdrawn", "expired"),
    "passed-over": ("withdrawn", "expired"),
    "need-posted": ("withdrawn", "cancelled", "completed"),
    "need-amended": ("withdrawn", "cancelled", "completed"),
    "need-covered": ("started", "withdrawn", "cancelled", "completed"),
    "partnership-to-confirm": ("confirmed", "ended"),
    "partnership-declared": ("confirmed", "ended"),
}
"""In which states of what it tells of a message asks for, or promises, what is past."""

_WITH_PLEDGE = ("match-proposed", "match-lapses-soon")


def superseded(notice: Notice, *standing: State | None) -> bool:
    """Whether the news has been overtaken, given how the things it tells of stand now.

    Nobody is asked to accept, confirm or deliver what has ended, or promised what will not come. A
    proposal whose pledge is withdrawn or whose need is gone is moot, even where the match's own
    end has not been read yet. All other news stays news.
    """
    for thing in standing:
        match thing:
            case Match() | Partnership():
                past = thing.status in _MOOT.get(notice.message, ())
            case Pledge() | Need() if notice.message in _WITH_PLEDGE:
                past = thing.status not in ("open", "started")
            case Pledge() if notice.message in ("pledge-made", "passed-over"):
                past = thing.status in _MOOT[notice.message]
            case Need() if notice.message.startswith("need-"):
                past = thing.status in _MOOT[notice.message]
            case Recipient():
                past = notice.message == "application-to-endorse" and not thing.applying
            case _:
                past = False
        if past:
            return True
    return False


def evolve_notice(notice: Notice | None, event: object) -> Notice:
    """The notice after one of its events."""
    match notice, event:
        case None, NoticeQueued() as e:
            return Notice(id=e.notice_id, **e.model_dump(exclude={"notice_id"}))
        case None, NoticeWithheld() as e:
            decided = e.model_dump(exclude={"notice_id"})
            return Notice(id=e.notice_id, **decided, status="withheld")
        case Notice(status="queued"), NoticeSent() as e:
            sent = {"language": e.language, "message_id": e.message_id}
            made = {"attempts": e.attempts, "uncertain": e.uncertain}
            return notice.model_copy(update={"status": "sent", **sent, **made})
        case Notice(status="queued"), NoticeFailed() as e:
            failed = {"reason": e.reason, "attempts": e.attempts}
            return notice.model_copy(update={"status": "failed", **failed})
        case Notice(status="sent" | "failed"), NoticeRequeued():
            outcome = dict.fromkeys(("language", "message_id", "attempts", "reason"))
            return notice.model_copy(update={"status": "queued", **outcome})
    raise TypeError(f"{event!r} cannot follow {notice!r}")


def evolve_recipient(recipient: Recipient | None, event: object) -> Recipient:
    """The member as it applied, last; until that is decided it is `applying`."""
    match recipient, event:
        case _, MemberApplied() as e:
            return Recipient(id=e.member_id, side=e.side, names=e.names, contact_ref=e.contact_ref)
        case Recipient(), MemberAdmitted() | MemberRejected():
            return recipient.model_copy(update={"applying": False})
    raise TypeError(f"{event!r} cannot follow {recipient!r}")


def evolve_partnership(partnership: Partnership | None, event: Event) -> Partnership:
    """The partnership after one of its events: `partnership-ended` makes it ended, and so on."""
    status = event.type.removeprefix("partnership-")
    return Partnership.model_validate({"id": event.subject, "status": status})


def evolve_need(need: Need | None, event: object) -> Need:
    """The need after one of its events."""
    match need, event:
        case None, NeedPosted() as e:
            return Need(id=e.need_id, authority_id=e.authority_id, title=e.title)
        case Need(), ProjectStarted() as e:
            return need.model_copy(update={"donors": e.donors, "status": "started"})
        case Need(), NeedWithdrawn():
            return need.model_copy(update={"status": "withdrawn"})
        case Need(), ProjectCancelled():
            return need.model_copy(update={"status": "cancelled"})
        case Need(), ProjectCompleted():
            return need.model_copy(update={"status": "completed"})
    raise TypeError(f"{event!r} cannot follow {need!r}")


def evolve_pledge(pledge: Pledge | None, event: object) -> Pledge:
    """The pledge after one of its events."""
    match pledge, event:
        case None, PledgeMade() as e:
            return Pledge(id=e.pledge_id, partner_id=e.partner_id, title=e.title)
        case Pledge(), PledgeWithdrawn():
            return pledge.model_copy(update={"status": "withdrawn"})
        case Pledge(), PledgeExpired():
            return pledge.model_copy(update={"status": "expired"})
    raise TypeError(f"{event!r} cannot follow {pledge!r}")


def evolve_match(match: Match | None, event: Event) -> Match:
    """The match after one of its events: `match-agreed` makes it agreed, and so on."""
    return Match.model_validate({"id": event.subject, "status": event.type.removeprefix("match-")})
