"""Each attempt to hand a notice to a webhook: noted before it is made, closed by what came of it.

One that was begun and never closed fell to a crash: whether it arrived is not known. The notice is
sent again, under the same `webhook-id`. One that was taken ends its notice, also where the process
died before it had recorded so.
"""

from datetime import datetime
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict
from pymongo import IndexModel

from shared.events.envelope import rfc3339
from shared.events.facts import Moment
from shared.events.ids import Id, NoticeId, WebhookId, event_id_after
from shared.mongo import Store

DELIVERIES = "deliveries"
KEPT_SECONDS = 90 * 86_400
INDEXES = [
    IndexModel([("webhook_id", 1), ("_id", 1)]),
    IndexModel([("notice_id", 1), ("_id", 1)]),
    IndexModel("begun", expireAfterSeconds=KEPT_SECONDS),
]

Outcome = Literal[
    "taken", "gone", "redirected", "busy", "refused", "no-answer", "no-address", "uncertain"
]
"""What came of an attempt: 2xx, 410, 3xx, 429 or 503, another code, none in time, no address that
a webhook may have, or nobody knows, since we broke down in between."""


class AttemptId(Id):
    """Identifies one attempt."""

    __slots__ = ()


class Attempt(BaseModel):
    """One attempt to hand a notice to a webhook; it is under way where it has no outcome."""

    model_config = ConfigDict(frozen=True)

    id: AttemptId
    notice_id: NoticeId
    message: str
    begun: Moment
    outcome: Outcome | None = None
    code: int | None = None
    milliseconds: int | None = None
    again_after: Moment | None = None


class SoFar(NamedTuple):
    """How often a notice was tried, how many of these attempts may have brought it, whether the
    last one did, and when the next is due."""

    made: int
    uncertain: int
    taken: bool
    due: datetime | None


async def begin(
    store: Store, webhook_id: str, notice_id: str, message: str, now: datetime, after: str
) -> AttemptId:
    """Note that an attempt is made now; its id is above the event's that it comes `after`."""
    attempt = AttemptId(event_id_after(after))
    await store[DELIVERIES].insert_one(
        {
            "_id": attempt,
            "webhook_id": webhook_id,
            "notice_id": notice_id,
            "message": message,
            "begun": now,
        }
    )
    return attempt


async def end(
    store: Store,
    attempt: AttemptId,
    outcome: Outcome,
    code: int | None,
    milliseconds: int,
    due: datetime | None,
) -> None:
    """Note what came of an attempt, and when the next one is due."""
    found = {"outcome": outcome, "code": code, "milliseconds": milliseconds, "due": due}
    await store[DELIVERIES].update_one({"_id": attempt}, {"$set": found})


async def give_up_on_open_ones(store: Store) -> int:
    """Mark what a process before this one began and did not close; how many."""
    done = await store[DELIVERIES].update_many(
        {"outcome": None}, {"$set": {"outcome": "uncertain"}}
    )
    return done.modified_count


async def so_far(store: Store, notice_id: str, after: str) -> SoFar:
    """What was tried of a notice since an event."""
    query = {"notice_id": notice_id, "_id": {"$gt": after}}
    shown = {"due": 1, "outcome": 1}
    found = await store[DELIVERIES].find(query, shown).sort("_id", 1).to_list(None)
    last = found[-1] if found else {}
    return SoFar(
        made=len(found),
        uncertain=sum(attempt.get("outcome") == "uncertain" for attempt in found),
        taken=last.get("outcome") == "taken",
        due=last.get("due"),
    )


async def listed(
    store: Store, webhook_id: WebhookId, before: str | None, limit: int
) -> list[Attempt]:
    """The last attempts of a webhook, the newest first."""
    query: dict[str, Any] = {"webhook_id": webhook_id}
    if before:
        query["_id"] = {"$lt": before}
    found = store[DELIVERIES].find(query).sort("_id", -1).limit(limit)
    return [_attempt(document) async for document in found]


def _attempt(document: dict[str, Any]) -> Attempt:
    due = document.get("due")
    return Attempt(
        id=document["_id"],
        notice_id=document["notice_id"],
        message=document["message"],
        begun=rfc3339(document["begun"]),
        outcome=document.get("outcome"),
        code=document.get("code"),
        milliseconds=document.get("milliseconds"),
        again_after=rfc3339(due) if due else None,
    )
