"""The cut: one moment of every store, such that the moments are one past of the whole system.

A service's moment is a snapshot of its store. Moments fit together when no service has handled
an event that its owner's moment does not hold with its position. The snapshots are opened one
right after the other, those first whose events fewest others read, and then looked at: where one
is ahead of another, all are opened anew. Nothing is paused (docs/decisions/0018).
"""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime

from cli.backup.archive import BackupRefused
from cli.services import known
from shared.log import LOG, PARKED, SEEN
from shared.mongo import Session, Store
from shared.worker import LEASES

ATTEMPTS = 50


@dataclass(frozen=True)
class Moment:
    """What one service had recorded, published and handled; `parked` names the events behind
    which subjects wait, by owner."""

    next: int
    published: int
    seen: Mapping[str, int]
    parked: Mapping[str, frozenset[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Cut:
    """The moments of all services, and the sessions in which the stores are read as of them."""

    at: datetime
    moments: Mapping[str, Moment]
    sessions: Mapping[str, Session]
    attempts: int


def in_turn(services: Sequence[str]) -> list[str]:
    """The services, those first whose events fewest others handle."""
    topics = [topic for name in services for topic in known(name).on.topics()]
    return sorted(services, key=lambda name: topics.count(f"{name}.events"))


async def open_cut(stores: Mapping[str, Store], stack: AsyncExitStack) -> Cut:
    """Open the snapshots; they are closed with `stack`. Raises BackupRefused."""
    ahead = ""
    for attempt in range(1, ATTEMPTS + 1):
        async with AsyncExitStack() as opened:
            moments, sessions = {}, {}
            at = datetime.now(UTC)
            for name in in_turn(list(stores)):
                sessions[name] = await opened.enter_async_context(stores[name].snapshot())
                moments[name] = await _moment(stores[name], sessions[name])
            ahead = who_is_ahead(moments) or await _unknown_parked(stores, moments, sessions)
            if not ahead:
                await stack.enter_async_context(opened.pop_all())
                return Cut(at, moments, sessions, attempt)
        await asyncio.sleep(0.01 * attempt)
    raise BackupRefused(f"in {ATTEMPTS} attempts there was no common moment: {ahead}")


def who_is_ahead(moments: Mapping[str, Moment]) -> str:
    """Which service has handled what its owner has not recorded yet; "" where none has."""
    for name, moment in moments.items():
        for partition, position in moment.seen.items():
            owner = partition.rpartition("/")[0]
            if owner in moments and position >= moments[owner].next:
                return (
                    f"{name} has handled {owner}'s event {position}, "
                    f"and {owner} has recorded {moments[owner].next}"
                )
    return ""


async def _moment(store: Store, session: Session) -> Moment:
    relay = await store[LEASES].find_one({"_id": "relay"}, session=session) or {}
    marks = await store[SEEN].find({}, session=session).to_list(None)
    parked: dict[str, set[str]] = {}
    async for document in store[PARKED].find({}, session=session):
        owner = document["_id"].partition(" ")[0].removeprefix("/")
        parked.setdefault(owner, set()).add(document["behind"])
    return Moment(
        relay.get("next", 0),
        relay.get("published", 0),
        {m["_id"]: m["position"] for m in marks},
        {owner: frozenset(ids) for owner, ids in parked.items()},
    )


async def _unknown_parked(
    stores: Mapping[str, Store], moments: Mapping[str, Moment], sessions: Mapping[str, Session]
) -> str:
    """A subject can wait behind an event that was never marked as handled."""
    for name, moment in moments.items():
        for owner, ids in moment.parked.items():
            if owner not in stores:
                continue
            query = {"_id": {"$in": sorted(ids)}, "position": {"$ne": None}}
            found = stores[owner][LOG].find(query, {"_id": 1}, session=sessions[owner])
            if missing := ids - {d["_id"] for d in await found.to_list(None)}:
                return f"{name} has set aside {owner}'s event {min(missing)}, which is not there"
    return ""
