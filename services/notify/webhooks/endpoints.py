"""Where webhooks are and what their messages are signed with: beside the log, so that removing is
erasing. No URL and no secret is in an event, a log line, an error or a repr."""

import secrets
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pymongo import ReturnDocument

from services.notify.webhooks import signing
from shared.events.ids import WebhookId
from shared.mongo import Session, Store

ENDPOINTS = "endpoints"
"""`{_id: webhook_id, url, secret, old_secret, old_until, failed, failing_since}`: the secret that
signs, the one before it until its time is over, and for how long nothing has been taken."""


@dataclass(frozen=True)
class Endpoint:
    """Where one webhook is, and the secrets that sign today, the newest first."""

    url: str = field(repr=False)
    secrets: tuple[str, ...] = field(repr=False)


async def first(store: Store, session: Session, webhook_id: WebhookId, url: str) -> str:
    """A new webhook's secret, which is shown to nobody after this."""
    secret = signing.secret_of(secrets.token_bytes(signing.SECRET_BYTES))
    document = {"_id": webhook_id, "url": url, "secret": secret, "failed": 0}
    await store[ENDPOINTS].insert_one(document, session=session)
    return secret


async def rotate(store: Store, session: Session, webhook_id: WebhookId, old_until: datetime) -> str:
    """Another secret; the one before signs, too, until then, an earlier one no more."""
    secret = signing.secret_of(secrets.token_bytes(signing.SECRET_BYTES))
    before = await store[ENDPOINTS].find_one({"_id": webhook_id}, session=session)
    assert before is not None, "a webhook that is not removed has one"
    change = {"secret": secret, "old_secret": before["secret"], "old_until": old_until}
    await store[ENDPOINTS].update_one({"_id": webhook_id}, {"$set": change}, session=session)
    return secret


async def erase(store: Store, session: Session, webhook_id: WebhookId) -> None:
    """Erase a webhook's URL and secrets."""
    await store[ENDPOINTS].delete_one({"_id": webhook_id}, session=session)


async def look_up(store: Store, webhook_id: str, now: datetime) -> Endpoint | None:
    """Where a webhook is at this moment; a secret whose time is over is erased."""
    found = await store[ENDPOINTS].find_one({"_id": webhook_id})
    if found is None:
        return None
    old = found.get("old_secret")
    if old is not None and found["old_until"] <= now:
        await store[ENDPOINTS].update_one(
            {"_id": webhook_id, "old_secret": old}, {"$unset": {"old_secret": "", "old_until": ""}}
        )
        old = None
    return Endpoint(found["url"], (found["secret"], *([old] if old else [])))


async def urls(store: Store, webhook_ids: list[WebhookId]) -> dict[str, str]:
    """Where webhooks are, for their owner."""
    found = store[ENDPOINTS].find({"_id": {"$in": webhook_ids}}, {"url": 1})
    return {document["_id"]: document["url"] async for document in found}


async def took(store: Store, webhook_id: str) -> None:
    """Its server took a message: what failed before counts no more."""
    await store[ENDPOINTS].update_one(
        {"_id": webhook_id, "failed": {"$gt": 0}},
        {"$set": {"failed": 0}, "$unset": {"failing_since": ""}},
    )


async def failed(store: Store, webhook_id: str, now: datetime) -> tuple[int, float]:
    """Its server took a message not: how often in a row, and for how many seconds."""
    found: dict[str, Any] | None = await store[ENDPOINTS].find_one_and_update(
        {"_id": webhook_id}, {"$inc": {"failed": 1}}, return_document=ReturnDocument.AFTER
    )
    if found is None:
        return 0, 0.0
    if "failing_since" not in found:
        await store[ENDPOINTS].update_one({"_id": webhook_id}, {"$set": {"failing_since": now}})
    since: datetime = found.get("failing_since", now)
    return int(found["failed"]), (now - since).total_seconds()


async def forgive(store: Store, session: Session, webhook_id: WebhookId) -> None:
    """An enabled webhook begins anew."""
    change = {"$set": {"failed": 0}, "$unset": {"failing_since": ""}}
    await store[ENDPOINTS].update_one({"_id": webhook_id}, change, session=session)
