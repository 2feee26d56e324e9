"""What notify publishes: what was decided to be told to whom, and what became of it."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from shared.events.facts import Language, Moment, Text
from shared.events.ids import ContactRef, MemberId, NoticeId
from shared.events.registry import Event, Fact

Channel = Literal["email"]
FailureReason = Literal[
    "no-address", "address-refused", "message-refused", "superseded", "unwanted", "gave-up"
]

Kind = Literal["membership", "partnerships", "needs", "projects", "matches", "operations"]
"""What messages are gathered under, for preferences and webhooks."""

Timing = Literal["immediate", "daily", "weekly", "off"]
"""When mail of a kind goes out: at once, in a digest of a day or of a week, or never."""

Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]

LocalTime = Annotated[
    str, StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$"), Field(examples=["22:00"])
]
"""A time of day in its reader's zone, HH:MM."""


class Timings(Fact):
    """When a member wants mail of each kind."""

    membership: Timing = "immediate"
    partnerships: Timing = "immediate"
    needs: Timing = "immediate"
    projects: Timing = "immediate"
    matches: Timing = "immediate"
    operations: Timing = "immediate"


class QuietHours(Fact):
    """The part of each day in which only what is urgent is mailed; it may pass midnight."""

    begin: LocalTime
    end: LocalTime


class NoticeQueued(Event, type="notice-queued", version=1, owner="notify", subject="notice_id"):
    """It was decided to tell one recipient about one event. Subject: the notice's id.

    No text and no address: `message` names the template, `about` the event it tells of.
    `not_before` is when it may be sent at the earliest, absent for at once; with `digest`, in one
    mail with all that is due to the recipient then. `repeats` is the notice that an operator had
    sent again, and why.
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
    digest: bool = False
    repeats: NoticeId | None = None
    repeated_because: Text | None = None


class NoticeWithheld(Event, type="notice-withheld", version=1, owner="notify", subject="notice_id"):
    """An event concerns a recipient that wants no mail of its kind: none is sent, and its feed
    has it. Subject: the notice's id."""

    notice_id: NoticeId
    recipient_id: MemberId
    contact_ref: ContactRef
    channel: Channel
    message: str
    about: Annotated[str, StringConstraints(min_length=1, max_length=100)]
    about_type: str
    thread: str


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


class PreferencesChanged(
    Event, type="preferences-changed", version=1, owner="notify", subject="member_id"
):
    """A member wants its mail at other times. Subject: the member's id.

    All that it wants, not only what is new. Hours and days are those of its contact's zone.
    """

    member_id: MemberId
    timings: Timings
    digest_hour: Annotated[int, Field(ge=0, le=23)]
    digest_weekday: Weekday
    quiet_hours: QuietHours | None = None
