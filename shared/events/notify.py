"""What notify publishes: what was decided to be told to whom, and what became of it."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from shared.events.facts import Language, Moment
from shared.events.ids import ContactRef, MemberId, NoticeId
from shared.events.registry import Event

Channel = Literal["email"]
FailureReason = Literal["no-address", "address-refused", "message-refused", "superseded", "gave-up"]


class NoticeQueued(Event, type="notice-queued", version=1, owner="notify", subject="notice_id"):
    """It was decided to tell one recipient about one event. Subject: the notice's id.

    No text and no address: `message` names the template, `about` the event it tells of. It is not
    sent before `not_before`.
    """

    notice_id: NoticeId
    recipient_id: MemberId
    contact_ref: ContactRef
    channel: Channel
    message: str
    about: Annotated[str, StringConstraints(min_length=1, max_length=100)]
    about_type: str
    thread: str
    not_before: Moment | None = None


class NoticeSent(Event, type="notice-sent", version=1, owner="notify", subject="notice_id"):
    """The mail server took the message. Subject: the notice's id.

    `uncertain` of the attempts ended without our knowing how: each may have brought the message,
    too, under the same `message_id`.
    """

    notice_id: NoticeId
    recipient_id: MemberId
    channel: Channel
    message: str
    language: Language
    message_id: str
    attempts: Annotated[int, Field(ge=1)]
    uncertain: Annotated[int, Field(ge=1)] | None = None


class NoticeFailed(Event, type="notice-failed", version=1, owner="notify", subject="notice_id"):
    """The message could not be handed over, and is not tried again. Subject: the notice's id."""

    notice_id: NoticeId
    recipient_id: MemberId
    channel: Channel
    message: str
    reason: FailureReason
    attempts: Annotated[int, Field(ge=0)]
