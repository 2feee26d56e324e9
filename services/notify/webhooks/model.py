"""Webhooks: whose they are, for which kinds of messages, and whether they get any; pure."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import ClassVar, Literal

from shared.actor import Actor
from shared.errors import InvalidInput, NotYours, Refused
from shared.events.envelope import rfc3339
from shared.events.facts import Moment
from shared.events.ids import MemberId, WebhookId
from shared.events.notify import (
    DisabledCause,
    Kind,
    WebhookDisabled,
    WebhookEnabled,
    WebhookRegistered,
    WebhookRemoved,
    WebhookSecretRotated,
)
from shared.log import State

MOST_OF_A_MEMBER = 10
"""Webhooks that a member may have at a time: each gets every notice."""

DISABLED_BECAUSE: dict[DisabledCause, str] = {
    "gone": "its server answered 410: it is gone for good",
    "failing": "its server has taken nothing for long",
}


class Webhook(State):
    """Where a member's systems are told; `kinds` is empty where it gets all."""

    what: ClassVar[str] = "webhook"

    id: WebhookId
    member_id: MemberId
    kinds: tuple[Kind, ...] = ()
    status: Literal["enabled", "disabled", "removed"] = "enabled"
    cause: DisabledCause | None = None
    old_secret_valid_until: Moment | None = None


class WebhookRemovedAlready(Refused):
    """The webhook was removed."""

    title = "The webhook was removed"


class WebhookEnabledAlready(Refused):
    """The webhook is enabled as it is."""

    title = "The webhook is enabled"


class TooManyWebhooks(Refused):
    """The member has as many webhooks as one may have."""

    title = "Too many webhooks"


class NoticeOpen(Refused):
    """The notice is still being sent."""

    title = "The notice is still being sent"


def register(
    webhook_id: WebhookId, member_id: MemberId, kinds: Sequence[Kind], having: int, by: Actor
) -> WebhookRegistered:
    """Tell a member by a webhook, too. Raises NotYours, TooManyWebhooks, InvalidInput."""
    must_be_of(member_id, by)
    if len(set(kinds)) != len(kinds):
        raise InvalidInput("/kinds", "a kind is named twice", list(kinds))
    if having >= MOST_OF_A_MEMBER:
        raise TooManyWebhooks(
            "member {member} has {given} webhooks, allowed: {allowed}",
            member=member_id,
            given=having,
            allowed=MOST_OF_A_MEMBER,
        )
    return WebhookRegistered(webhook_id=webhook_id, member_id=member_id, kinds=tuple(kinds))


def rotate(webhook: Webhook, overlap: timedelta, by: Actor, now: datetime) -> WebhookSecretRotated:
    """Give a webhook a new secret; the one before signs, too, for an overlap.

    Raises NotYours, WebhookRemovedAlready.
    """
    must_be_there(webhook, by)
    return WebhookSecretRotated(
        webhook_id=webhook.id, member_id=webhook.member_id, old_valid_until=rfc3339(now + overlap)
    )


def disable(webhook: Webhook, cause: DisabledCause) -> WebhookDisabled:
    """Send a webhook nothing more, until its owner enables it."""
    return WebhookDisabled(
        webhook_id=webhook.id,
        member_id=webhook.member_id,
        cause=cause,
        reason=DISABLED_BECAUSE[cause],
    )


def enable(webhook: Webhook, by: Actor) -> WebhookEnabled:
    """Let a disabled webhook get notices again.

    Raises NotYours, WebhookRemovedAlready, WebhookEnabledAlready.
    """
    must_be_there(webhook, by)
    if webhook.status == "enabled":
        raise WebhookEnabledAlready("webhook {webhook} is enabled", webhook=webhook.id)
    return WebhookEnabled(webhook_id=webhook.id, member_id=webhook.member_id)


def remove(webhook: Webhook, by: Actor) -> WebhookRemoved:
    """End a webhook. Raises NotYours, WebhookRemovedAlready."""
    must_be_there(webhook, by)
    return WebhookRemoved(webhook_id=webhook.id, member_id=webhook.member_id)


def wants(webhook: Webhook, kind: Kind) -> bool:
    """Whether a webhook gets messages of this kind."""
    return webhook.status == "enabled" and (not webhook.kinds or kind in webhook.kinds)


def is_operator(by: Actor) -> bool:
    """Whether an operator acts, for no member."""
    return by.member_id is None and "operator" in by.roles


def must_be_of(member_id: MemberId | None, by: Actor) -> None:
    """A webhook is its own member's and the operators'. Raises NotYours."""
    if not is_operator(by) and (member_id is None or by.member_id != member_id):
        raise NotYours(
            "a webhook is its own member's and the operators', not {by}'s",
            by=by.name,
            owner=member_id,
        )


def must_be_there(webhook: Webhook, by: Actor) -> None:
    """Raises NotYours, WebhookRemovedAlready."""
    must_be_of(webhook.member_id, by)
    if webhook.status == "removed":
        raise WebhookRemovedAlready("webhook {webhook} was removed", webhook=webhook.id)


def evolve_webhook(webhook: Webhook | None, event: object) -> Webhook:
    """The webhook after one of its events."""
    match webhook, event:
        case None, WebhookRegistered() as e:
            return Webhook(id=e.webhook_id, member_id=e.member_id, kinds=e.kinds)
        case Webhook(status="enabled"), WebhookDisabled() as e:
            return webhook.model_copy(update={"status": "disabled", "cause": e.cause})
        case Webhook(status="disabled"), WebhookEnabled():
            return webhook.model_copy(update={"status": "enabled", "cause": None})
        case Webhook(status="enabled" | "disabled"), WebhookSecretRotated() as e:
            return webhook.model_copy(update={"old_secret_valid_until": e.old_valid_until})
        case Webhook(status="enabled" | "disabled"), WebhookRemoved():
            return webhook.model_copy(update={"status": "removed", "cause": None})
    raise TypeError(f"{event!r} cannot follow {webhook!r}")
