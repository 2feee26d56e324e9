"""HTTP of webhooks: each is its member's and the operators'.

A secret is in the answer that made it, and in no other place.
"""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response

from services.notify.model import Notice
from services.notify.settings import NotifySettings
from services.notify.store import webhooks
from services.notify.webhooks import attempts, commands, endpoints, model
from services.notify.webhooks.attempts import Attempt, AttemptId
from services.notify.webhooks.commands import RegisterWebhook, ReplayNotice, RotateSecret
from services.notify.webhooks.model import (
    NoticeOpen,
    TooManyWebhooks,
    Webhook,
    WebhookEnabledAlready,
    WebhookRemovedAlready,
)
from shared.auth import Unauthorized
from shared.errors import NotFound, NotYours
from shared.events.ids import MemberId, WebhookId
from shared.http import Act, Caller, Change, CommandRoute
from shared.openapi import refuses
from shared.reading import Lists, Reads
from shared.uow import UnitOfWork

router = APIRouter(route_class=CommandRoute, tags=["webhooks"])

SHOWN_ONCE = (
    "The secret is shown once, in the first answer to the request that made it; a repeated request "
    "or a dry run does not show it. Whoever missed it rotates the secret."
)


class WebhookWithUrl(Webhook):
    """A webhook and where it is, for its owner; a removed one is nowhere."""

    url: str | None = None


class WebhookWithSecret(Webhook):
    """A webhook with the secret that its messages are signed with."""

    secret: str | None = None
    note: Literal[SHOWN_ONCE] = SHOWN_ONCE  # type: ignore[valid-type]


@router.post("/webhooks", status_code=201, response_model_exclude_none=True)
@refuses(NotFound, NotYours, TooManyWebhooks)
async def register_webhook(
    body: RegisterWebhook, uow: Act, request: Request, response: Response
) -> WebhookWithSecret:
    """Have notices sent to an https URL of the member's, signed (Standard Webhooks)."""
    settings: NotifySettings = request.app.state.settings
    webhook = await commands.register_webhook(body, settings.webhooks_allow_loopback, uow)
    response.headers["Location"] = f"/webhooks/{webhook.id}"
    secret = await endpoints.first(uow.store, uow.session, webhook.id, body.url)
    return _with_secret(webhook, secret, uow, response)


@router.post("/webhooks/{webhook_id}/rotations", status_code=201, response_model_exclude_none=True)
@refuses(WebhookRemovedAlready)
async def rotate_webhook_secret(
    webhook_id: WebhookId, body: RotateSecret, uow: Change, response: Response
) -> WebhookWithSecret:
    """Give a webhook a new secret; the one before signs, too, for an overlap."""
    webhook = await commands.rotate_secret(webhook_id, body, uow)
    old_until = datetime.fromisoformat(webhook.old_secret_valid_until or "")
    secret = await endpoints.rotate(uow.store, uow.session, webhook_id, old_until)
    return _with_secret(webhook, secret, uow, response)


@router.post("/webhooks/{webhook_id}/pings", status_code=201)
@refuses(WebhookRemovedAlready)
async def ping_webhook(webhook_id: WebhookId, uow: Change) -> Notice:
    """Send a test at once and once only; the webhook's attempts say what came of it."""
    return await commands.ping_webhook(webhook_id, uow)


@router.post("/webhooks/{webhook_id}/enablings", status_code=201)
@refuses(WebhookRemovedAlready, WebhookEnabledAlready)
async def enable_webhook(webhook_id: WebhookId, uow: Change) -> Webhook:
    """Send to a disabled webhook again."""
    return await commands.enable_webhook(webhook_id, uow)


@router.post("/webhooks/{webhook_id}/removals", status_code=201)
@refuses(WebhookRemovedAlready)
async def remove_webhook(webhook_id: WebhookId, uow: Change) -> Webhook:
    """End a webhook; its URL and secrets are erased."""
    return await commands.remove_webhook(webhook_id, uow)


@router.post("/webhooks/{webhook_id}/replays", status_code=201)
@refuses(WebhookRemovedAlready, NoticeOpen)
async def replay_notice(webhook_id: WebhookId, body: ReplayNotice, uow: Change) -> Notice:
    """Send one of the webhook's notices again, under the `webhook-id` that it had."""
    return await commands.replay_notice(webhook_id, body, uow)


@router.get("/webhooks/{webhook_id}", response_model_exclude_none=True)
@refuses(Unauthorized, NotYours)
async def get_webhook(webhook_id: WebhookId, caller: Caller, read: Reads) -> WebhookWithUrl:
    """One webhook and its URL, for its member and operators."""
    webhook = await read.require(webhooks, webhook_id)
    model.must_be_of(webhook.member_id, caller)
    found = await endpoints.urls(read.store, [webhook_id])
    return WebhookWithUrl(**webhook.model_dump(), url=found.get(webhook_id))


@router.get("/webhooks", response_model_exclude_none=True)
@refuses(Unauthorized, NotYours)
async def list_webhooks(
    caller: Caller,
    page: Lists,
    read: Reads,
    member_id: MemberId | None = None,
    status: Literal["enabled", "disabled", "removed"] | None = None,
) -> list[WebhookWithUrl]:
    """Webhooks in the order they were registered, a member's own or (for operators) all."""
    if not model.is_operator(caller):
        member_id = member_id or caller.member
        model.must_be_of(member_id, caller)
    listed = await page.find(webhooks, {"member_id": member_id, "status": status})
    found = await endpoints.urls(read.store, [webhook.id for webhook in listed])
    return [WebhookWithUrl(**w.model_dump(), url=found.get(w.id)) for w in listed]


@router.get("/webhooks/{webhook_id}/attempts", response_model_exclude_none=True)
@refuses(Unauthorized, NotYours)
async def list_attempts(
    webhook_id: WebhookId,
    caller: Caller,
    read: Reads,
    response: Response,
    before: AttemptId | None = None,
    limit: Annotated[int, Query(ge=1, le=200, description="Most entries of a page.")] = 100,
) -> list[Attempt]:
    """Attempts to send to a webhook, the newest first; `before` is the last one's id of the page
    before."""
    webhook = await read.require(webhooks, webhook_id)
    model.must_be_of(webhook.member_id, caller)
    found = await attempts.listed(read.store, webhook_id, before, limit)
    if len(found) == limit:
        response.headers["Link"] = f'<?limit={limit}&before={found[-1].id}>; rel="next"'
    return found


def _with_secret(
    webhook: Webhook, secret: str, uow: UnitOfWork, response: Response
) -> WebhookWithSecret:
    response.headers["Cache-Control"] = "no-store"
    shown = WebhookWithSecret(**webhook.model_dump())
    uow.answer_again = shown.model_dump_json(exclude_none=True).encode()
    return shown.model_copy(update={"secret": secret})
