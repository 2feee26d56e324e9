"""What notify publishes: what was decided to be told to whom, and what became of it."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from shared.events.facts import Language, Moment, Text
from shared.events.ids import ContactRef, MemberId, NoticeId, WebhookId
from shared.events.registry import Event, Fact

Channel = Literal["email", "webhook"]
FailureReason = Literal[
    "no-address",
    "address-refused",
    "message-refused",
    "superseded",
    "unwanted",
    "gave-up",
    "webhook-closed",
    "unverified",
    "suspended-address",
]

ContactMail = Literal["verification", "address-suspended"]
"""Mails about an address: to whoever reads it, to verify it; to the operator, that it bounced."""

Kind = Literal["membership", "partnerships", "needs", "projects", "matches", "operations"]
"""What messages are gathered under, for preferences and webhooks."""

DisabledCause = Literal["gone", "failing"]
"""Why a webhook is disabled: its server answered 410, or has taken nothing for long."""

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
    `contact_ref` is where mail goes, `webhook_id` where a webhook's notice goes.
    `not_before` is when it may be sent at the earliest, absent for at once; with `digest`, in one
    mail with all that is due to the recipient then. `repeats` is the notice that an operator had
    sent again, and why.
    """

    notice_id: NoticeId
    recipient_id: MemberId
    contact_ref: ContactRef | None = None
    webhook_id: WebhookId | None = None
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
    """An event concerns a recipient that wants no mail of its kind, or that has no contact: none
    is sent, and its feed has it. Subject: the notice's id."""

    notice_id: NoticeId
    recipient_id: MemberId
    contact_ref: ContactRef | None = None
    channel: Channel
    message: str
    about: Annotated[str, StringConstraints(min_length=1, max_length=100)]
    about_type: str
    thread: str


class NoticeSent(Event, type="notice-sent", version=1, owner="notify", subject="notice_id"):
    """The mail server, or the webhook's, took the message. Subject: the notice's id.

    `message_id` is the mail's Message-ID, or the `webhook-id`; what a webhook gets has no language.
    `uncertain` of the attempts ended without our knowing how: each may have brought the message,
    too, under the same `message_id`.
    """

    notice_id: NoticeId
    recipient_id: MemberId
    channel: Channel
    message: str
    language: Language | None = None
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


class NoticeRequeued(Event, type="notice-requeued", version=1, owner="notify", subject="notice_id"):
    """A notice that was sent or has failed is sent again, since its recipient asked for it, under
    the id it had. Subject: the notice's id."""

    notice_id: NoticeId
    recipient_id: MemberId
    channel: Channel
    message: str


class OfWebhook(Event):
    """What every event of a webhook names: neither its URL nor its secrets."""

    webhook_id: WebhookId
    member_id: MemberId


class WebhookRegistered(
    OfWebhook, type="webhook-registered", version=1, owner="notify", subject="webhook_id"
):
    """A member is told by a webhook, too, of these kinds or, without any, of all. Subject: the
    webhook's id."""

    kinds: tuple[Kind, ...] = ()


class WebhookDisabled(
    OfWebhook, type="webhook-disabled", version=1, owner="notify", subject="webhook_id"
):
    """A webhook gets nothing more until its owner enables it, and why. Subject: the webhook's
    id."""

    cause: DisabledCause
    reason: Text


class WebhookEnabled(
    OfWebhook, type="webhook-enabled", version=1, owner="notify", subject="webhook_id"
):
    """A disabled webhook gets notices again. Subject: the webhook's id."""


class WebhookRemoved(
    OfWebhook, type="webhook-removed", version=1, owner="notify", subject="webhook_id"
):
    """A webhook is no more; its URL and secrets are erased. Subject: the webhook's id."""


class WebhookSecretRotated(
    OfWebhook, type="webhook-secret-rotated", version=1, owner="notify", subject="webhook_id"
):
    """A webhook has a new secret; the one before signs, too, until `old_valid_until`. Subject: the
    webhook's id."""

    old_valid_until: Moment


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


class OfAddress(Event):
    """What every event of an address names: whose and which it is, never the address itself."""

    contact_ref: ContactRef
    edition: Annotated[int, Field(ge=1)]


class ContactChanged(
    OfAddress, type="contact-changed", version=1, owner="notify", subject="contact_ref"
):
    """An address was written, the first one or another. Nothing but a mail that asks whether it is
    right goes there until it is verified. Subject: the contact's reference.

    `edition` counts the addresses that the contact has had.
    """


class VerificationAsked(
    OfAddress, type="verification-asked", version=1, owner="notify", subject="contact_ref"
):
    """Another mail by which an address is verified was asked for. Subject: the contact's
    reference."""

    number: Annotated[int, Field(ge=2)]


class ContactVerified(
    OfAddress, type="contact-verified", version=1, owner="notify", subject="contact_ref"
):
    """Somebody who reads the address has followed the link. Subject: the contact's reference."""


class ContactSuspended(
    OfAddress, type="contact-suspended", version=1, owner="notify", subject="contact_ref"
):
    """The mail server refused the address for good: nothing more is sent there until one is
    written anew. Subject: the contact's reference.

    `code` is the server's answer (RFC 5321, 5xx); `report` says that a mail tells the operator.
    """

    code: Annotated[int, Field(ge=500, le=599)]
    report: bool = False


class ContactMailSent(
    OfAddress, type="contact-mail-sent", version=1, owner="notify", subject="contact_ref"
):
    """The mail server took a mail about an address. Subject: the contact's reference."""

    mail: ContactMail
    number: Annotated[int, Field(ge=1)]
    message_id: str


class ContactMailFailed(
    OfAddress, type="contact-mail-failed", version=1, owner="notify", subject="contact_ref"
):
    """A mail about an address could not be handed over, and is not tried again. Subject: the
    contact's reference."""

    mail: ContactMail
    number: Annotated[int, Field(ge=1)]
    reason: Literal["address-refused", "message-refused", "gave-up"]


class ContactExported(
    Event, type="contact-exported", version=1, owner="notify", subject="contact_ref"
):
    """An operator was shown all that is kept of a person. Subject: the contact's reference."""

    contact_ref: ContactRef


class ContactErased(Event, type="contact-erased", version=1, owner="notify", subject="contact_ref"):
    """All that was kept of a person is erased. Subject: the contact's reference."""

    contact_ref: ContactRef
