"""Attempts to hand a notice over: each is noted before it is made, and closed by what came of it.

One that was noted and never closed fell to a crash: whether it arrived is not known. It counts as
uncertain, and the notice is handed over again under the same Message-ID. An attempt belongs to
one queueing of its notice, by the event's id. They are kept for 90 days.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple

from pymongo import IndexModel

from services.notify.delivery import Bundle, Parcel
from shared.events.ids import Id, NoticeId
from shared.events.notify import Channel
from shared.mongo import Session, Store

ATTEMPTS = "attempts"
"""`{_id, notice_id, queueing, number, at, channel, message_id, state, code}`."""

INDEXES = [
    IndexModel([("notice_id", 1), ("_id", 1)]),
    IndexModel("at", expireAfterSeconds=90 * 86_400),
]

Ending = Literal["taken", "failed", "uncertain"]


class AttemptId(Id):
    """Identifies one attempt."""

    __slots__ = ()


class SoFar(NamedTuple):
    """How often a notice was tried, and how many of these attempts may have brought it."""

    made: int = 0
    uncertain: int = 0


class Attempt(NamedTuple):
    """An attempt that is noted; `numbers` and `uncertain` by notice, with those before it."""

    ids: tuple[AttemptId, ...]
    numbers: dict[NoticeId, int]
    uncertain: dict[NoticeId, int]


async def so_far(store: Store, bundles: Iterable[Bundle]) -> dict[str, SoFar]:
    """What was tried before of each notice; those that were never tried are missing.

    None of these notices is under way: an attempt without an end is one whose process died.
    """
    queueing = {q.notice.id: q.entry.id for bundle in bundles for q in bundle}
    found: dict[str, SoFar] = {}
    cursor = store[ATTEMPTS].find({"notice_id": {"$in": list(queueing)}})
    for document in await cursor.to_list(None):
        notice_id = document["notice_id"]
        if document["queueing"] == queueing[notice_id]:
            made, uncertain = found.get(notice_id, SoFar())
            unknown = document["state"] in ("begun", "uncertain")
            found[notice_id] = SoFar(made + 1, uncertain + unknown)
    return found


async def note(
    store: Store, channel: Channel, parcels: Iterable[Parcel], before: dict[str, SoFar]
) -> list[Attempt]:
    """Note that each parcel is handed over now."""
    documents: list[dict[str, Any]] = []
    noted = []
    now = datetime.now(UTC)
    for parcel in parcels:
        ids, numbers, uncertain = [], {}, {}
        for queued in parcel.bundle:
            tried = before.get(queued.notice.id, SoFar())
            ids.append(AttemptId.new())
            numbers[queued.notice.id] = tried.made + 1
            uncertain[queued.notice.id] = tried.uncertain
            documents.append(
                {
                    "_id": ids[-1],
                    "notice_id": queued.notice.id,
                    "queueing": queued.entry.id,
                    "number": tried.made + 1,
                    "at": now,
                    "channel": channel,
                    "message_id": parcel.message_id,
                    "state": "begun",
                }
            )
        noted.append(Attempt(tuple(ids), numbers, uncertain))
    if documents:
        await store[ATTEMPTS].insert_many(documents)
    return noted


async def close(
    store: Store,
    ids: Iterable[AttemptId],
    ending: Ending,
    code: int | None = None,
    session: Session | None = None,
) -> None:
    """Note how attempts ended."""
    change: dict[str, Any] = {"state": ending} | ({"code": code} if code else {})
    await store[ATTEMPTS].update_many(
        {"_id": {"$in": list(ids)}}, {"$set": change}, session=session
    )


async def withdraw(store: Store, ids: Iterable[AttemptId]) -> None:
    """Forget attempts that were noted and then not made."""
    await store[ATTEMPTS].delete_many({"_id": {"$in": list(ids)}})
