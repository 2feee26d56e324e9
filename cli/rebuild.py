"""`alliance rebuild`: a service's state again from the logs, held against the live one.

What the service set aside, and has not handled since, is folded into neither, and is counted.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from cli.places import Places
from cli.services import Known, known
from cli.topics import read_log
from shared.events import Envelope
from shared.log import DEAD_LETTERS, INBOX, LOG
from shared.mongo import Store
from shared.replay import Documents, in_order, replay, state_hash
from shared.worker import LEASES


class Busy(RuntimeError):
    """The service kept changing while it was read; there is no moment to compare."""


@dataclass
class Rebuilt:
    """What a rebuild found: hashes by collection, and the documents that differ."""

    service: str
    events: int
    hashes: dict[str, tuple[str, str]] = field(default_factory=dict)
    documents: dict[str, int] = field(default_factory=dict)
    different: list[str] = field(default_factory=list)
    waiting: int = 0
    """Foreign events that wait as dead letters: not handled, so not folded."""
    dropped: int = 0
    """Those that operators dropped: never handled, so not folded."""
    database: str = ""

    @property
    def equal(self) -> bool:
        """Whether every collection is the same, byte for byte."""
        return all(rebuilt == live for rebuilt, live in self.hashes.values())


async def rebuild(
    service: str, bootstrap: str, mongodb: str, keep: bool = False, attempts: int = 10
) -> Rebuilt:
    """`rebuild_at`, where broker and store ask nobody who they are, as on this machine."""
    return await rebuild_at(Places(bootstrap, mongodb), service, keep, attempts)


async def rebuild_at(
    places: Places, service: str, keep: bool = False, attempts: int = 10
) -> Rebuilt:
    """Fold the logs in Kafka into a fresh database and compare it with the live one.

    The database `<service>-rebuilt-<time>` is dropped afterwards unless `keep`. Raises Busy when
    the service is never still for as long as the comparison takes, LogBroken for a log with gaps.
    """
    what = known(service)
    live = places.store(service)
    fresh = places.store(service, f"{service}-rebuilt-{datetime.now(UTC):%Y%m%dT%H%M%S%f}")
    try:
        at = await moment(places, live, what, attempts)
        for collection, documents in at.folded.items():
            if documents:
                await fresh[collection].insert_many(list(documents.values()))
        found = Rebuilt(
            service,
            at.events,
            waiting=at.count(at.aside.waiting),
            dropped=at.count(at.aside.dropped),
            database=fresh.db.name if keep else "",
        )
        for collection, folded in at.folded.items():
            again: list[dict[str, Any]] = await fresh[collection].find().to_list(None)
            stored = at.states[collection]
            found.hashes[collection] = (state_hash(again), state_hash(stored.values()))
            found.documents[collection] = len(again)
            found.different += differences(collection, folded, stored)
        if not keep:
            await fresh.drop()
        return found
    finally:
        live.close()
        fresh.close()


@dataclass(frozen=True)
class Aside:
    """Foreign events that were not handled, by identity: letters that wait, and dropped ones."""

    waiting: frozenset[str]
    dropped: frozenset[str]


@dataclass(frozen=True)
class Moment:
    """A service at one moment: its logs, its states, and what the logs make of what it handled."""

    logs: dict[str, list[Envelope]]
    states: dict[str, Documents]
    folded: dict[str, Documents]
    events: int
    """How many were folded."""
    aside: Aside

    def count(self, identities: frozenset[str]) -> int:
        """How many events of the logs are among these."""
        return sum(e.identity in identities for log in self.logs.values() for e in log)


async def moment(
    places: Places, live: Store, what: Known, attempts: int, behind: bool = False
) -> Moment:
    """Read a service's logs and states while nothing changes.

    `behind`: what it has not handled yet may be there, and is not folded. Raises Busy, LogBroken.
    """
    service = what.name
    for attempt in range(attempts):
        if attempt:
            await asyncio.sleep(0.5)
        before = await _counters(live)
        logs = {
            owner: in_order(owner, await read_log(places.kafka, owner, places.security))
            for owner in what.owners
        }
        states = {
            c.name: {str(d["_id"]): d async for d in live[c.name].find()}
            for c in what.records.collections
        }
        inbox = {d["_id"]: "dropped" in d async for d in live[INBOX].find({}, {"dropped": 1})}
        dropped = frozenset(key for key, was_dropped in inbox.items() if was_dropped)
        letters = live[DEAD_LETTERS].find({"state": "waiting", "event": {"$exists": True}})
        waiting = frozenset([d["event"] async for d in letters]) - inbox.keys()
        own = len(logs.get(service, []))
        if before[:2] != (own, own) or await _counters(live) != before:
            continue
        if behind or _wanted(what, logs) - waiting <= inbox.keys():
            break
    else:
        raise Busy(
            f"{service} kept changing in {attempts} attempts, or waits: {before[0]} events are "
            f"recorded, {before[1]} published, {own} in Kafka; try when it is quieter"
        )
    done = inbox.keys() - dropped
    handled = {
        owner: [e for e in log if owner == service or e.identity in done]
        for owner, log in logs.items()
    }
    events = sum(map(len, handled.values()))
    return Moment(logs, states, replay(what.records, handled), events, Aside(waiting, dropped))


def _wanted(what: Known, logs: Mapping[str, list[Envelope]]) -> set[str]:
    """The foreign events that the service handles."""
    types = {event.ce_type() for event in what.on.events()}
    foreign = (e for owner, log in logs.items() if owner != what.name for e in log)
    return {e.identity for e in foreign if e.type in types}


async def _counters(live: Store) -> tuple[int, int, int]:
    """Events recorded, published, and handled: the same twice: nothing happened between."""
    relay = await live[LEASES].find_one({"_id": "relay"}) or {}
    recorded, handled = [await live[name].count_documents({}) for name in (LOG, INBOX)]
    return recorded, relay.get("published", 0), handled


def differences(collection: str, rebuilt: Documents, live: Documents) -> list[str]:
    """How the documents of a collection differ, a line for each that does."""
    found = []
    for key in sorted(rebuilt.keys() | live.keys()):
        if key not in live:
            found.append(f"{collection}/{key} is in the logs and not in the store")
        elif key not in rebuilt:
            found.append(f"{collection}/{key} is in the store and not in the logs")
        elif state_hash([rebuilt[key]]) != state_hash([live[key]]):
            fields = sorted(
                f
                for f in rebuilt[key].keys() | live[key].keys()
                if f != "lock" and rebuilt[key].get(f) != live[key].get(f)
            )
            found.append(f"{collection}/{key} differs in {', '.join(fields)}")
    return found
