"""Commands on webhooks: load, decide, record. Their secrets are made by who answers."""

import asyncio
from datetime import timedelta
from typing import Annotated

from pydantic import Field

from services.notify import model as notices_model
from services.notify.commands import queue_mail
from services.notify.model import Notice
from services.notify.store import notices, recipients, webhooks
from services.notify.webhooks import addresses, endpoints, model
from services.notify.webhooks.addresses import Forbidden
from services.notify.webhooks.model import NoticeOpen, Webhook
from shared.actor import Command
from shared.errors import InvalidInput, NotYours
from shared.events.ids import MemberId, NoticeId, WebhookId
from shared.events.notify import DisabledCause, Kind, NoticeQueued, NoticeRequeued
from shared.uow import UnitOfWork

LOOK_UP_SECONDS = 3.0
PING = "ping"
"""The message of a test: it says that the webhook is there, and is tried once."""


class RegisterWebhook(Command):
    """Where a member's system wants to be told, https, and of what: all, if no kind is named.

    An operator says for which member.
    """

    url: str = Field(repr=False, json_schema_extra={"format": "uri", "maxLength": 2_000})
    kinds: Annotated[tuple[Kind, ...], Field(max_length=6)] = ()
    member_id: MemberId | None = None


class RotateSecret(Command):
    """For how long the secret before signs, too: a day, if nothing is said; 0 for not at all."""

    overlap_seconds: Annotated[int, Field(ge=0, le=30 * 86_400)] = 86_400


class ReplayNotice(Command):
    """Which notice is sent again, under the `webhook-id` that it had."""

    notice_id: NoticeId


async def register_webhook(
    command: RegisterWebhook, allow_loopback: bool, uow: UnitOfWork
) -> Webhook:
    """Record a new webhook; a member that names nobody asks for itself.

    A name that has no address yet is taken: it is judged each time before we connect.
    """
    member_id = command.member_id or uow.actor.member
    model.must_be_of(member_id, uow.actor)
    url = addresses.parsed(command.url, allow_loopback)
    await uow.require(recipients, member_id)
    try:
        async with asyncio.timeout(LOOK_UP_SECONDS):
            await addresses.judged(url, allow_loopback)
    except Forbidden:
        raise InvalidInput(
            "/url", "the URL leads to an address that is not public", allowed="https"
        ) from None
    except OSError:  # a timeout is one, too
        pass
    having = await uow.find(webhooks, {"member_id": member_id, "status": {"$ne": "removed"}})
    uow.lock(recipients, member_id)  # or two more at a time were one too many
    event = model.register(WebhookId.new(), member_id, command.kinds, len(having), uow.actor)
    return await uow.record(webhooks, event)


async def rotate_secret(webhook_id: WebhookId, command: RotateSecret, uow: UnitOfWork) -> Webhook:
    """Record that a webhook has a new secret."""
    webhook = await uow.target(webhooks, webhook_id)
    overlap = timedelta(seconds=command.overlap_seconds)
    return await uow.record(webhooks, model.rotate(webhook, overlap, uow.actor, uow.now))


async def enable_webhook(webhook_id: WebhookId, uow: UnitOfWork) -> Webhook:
    """Let a disabled webhook get notices again; what it missed may be replayed."""
    webhook = await uow.target(webhooks, webhook_id)
    enabled = await uow.record(webhooks, model.enable(webhook, uow.actor))
    await endpoints.forgive(uow.store, uow.session, webhook_id)
    return enabled


async def remove_webhook(webhook_id: WebhookId, uow: UnitOfWork) -> Webhook:
    """End a webhook, and erase its URL and secrets."""
    webhook = await uow.target(webhooks, webhook_id)
    removed = await uow.record(webhooks, model.remove(webhook, uow.actor))
    await endpoints.erase(uow.store, uow.session, webhook_id)
    return removed


async def ping_webhook(webhook_id: WebhookId, uow: UnitOfWork) -> Notice:
    """Queue a test that is sent at once, also to a disabled webhook; its attempt says what came of
    it."""
    webhook = await uow.target(webhooks, webhook_id)
    model.must_be_there(webhook, uow.actor)
    queued = NoticeQueued(
        notice_id=NoticeId.new(),
        recipient_id=webhook.member_id,
        webhook_id=webhook.id,
        channel="webhook",
        message=PING,
        about=uow.origin(webhooks, webhook.id).event_id,
        about_type="alliance.webhook-registered.v1",
        thread=webhook.id,
    )
    return await uow.record(notices, queued)


async def replay_notice(webhook_id: WebhookId, command: ReplayNotice, uow: UnitOfWork) -> Notice:
    """Send a notice again that was sent to this webhook, or could not be."""
    webhook = await uow.target(webhooks, webhook_id)
    model.must_be_there(webhook, uow.actor)
    notice = await uow.require(notices, command.notice_id)
    if notice.webhook_id != webhook_id:
        raise NotYours("notice {notice} is not this webhook's", notice=notice.id)
    if notice.status == "queued":
        raise NoticeOpen("notice {notice} is still being sent", notice=notice.id)
    return await uow.record(
        notices,
        NoticeRequeued(
            notice_id=notice.id,
            recipient_id=notice.recipient_id,
            channel=notice.channel,
            message=notice.message,
        ),
    )


async def disable_webhook(webhook_id: WebhookId, cause: DisabledCause, uow: UnitOfWork) -> None:
    """Stop sending to a webhook, and tell its owner by mail; one that is not enabled stays so."""
    webhook = await uow.require(webhooks, webhook_id)
    if webhook.status != "enabled":
        return
    event = model.disable(webhook, cause)
    await uow.record(webhooks, event)
    await queue_mail(
        await uow.require(recipients, webhook.member_id),
        {
            "message": "webhook-disabled",
            "about": uow.origin(webhooks, webhook_id).event_id,
            "about_type": event.ce_type(),
            "thread": notices_model.thread(event),
        },
        uow,
    )
