"""`alliance rebuild`: a service's state again from the logs, held against the live one.

What the service set aside, and has not handled since, is folded into neither, and is counted.
"""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from cli.backup.places import Places
from cli.services import known
from cli.topics import read_log
from shared.log import DEAD_LETTERS, INBOX, LOG, Records
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
        for _ in range(attempts):
            before = await _moment(live)
            logs = {
                owner: in_order(owner, await read_log(places.kafka, owner, places.security))
                for owner in what.owners
            }
            states = await _states(live, what.records)
            aside = await _set_aside(live)
            own = len(logs.get(service, []))
            if before == await _moment(live) == (own, own) and await _all_handled(
                live, what.name, logs, aside.waiting
            ):
                break
            await asyncio.sleep(0.5)
        else:
            raise Busy(f"{service} kept changing in {attempts} attempts; try when it is quieter")
        handled = {
            owner: [e for e in log if owner == service or e.identity not in aside.all]
            for owner, log in logs.items()
        }
        folded = replay(what.records, handled)
        for collection, documents in folded.items():
            if documents:
                await fresh[collection].insert_many(list(documents.values()))
        found = Rebuilt(
            service,
            sum(map(len, handled.values())),
            waiting=sum(e.identity in aside.waiting for log in logs.values() for e in log),
            dropped=sum(e.identity in aside.dropped for log in logs.values() for e in log),
            database=fresh.db.name if keep else "",
        )
        for collection in folded:
            again: list[dict[str, Any]] = await fresh[collection].find().to_list(None)
            found.hashes[collection] = (state_hash(again), state_hash(states[collection].values()))
            found.documents[collection] = len(again)
            found.different += _differences(collection, folded[collection], states[collection])
        if not keep:
            await fresh.drop()
        return found
    finally:
        live.close()
        fresh.close()


async def _moment(live: Store) -> tuple[int, int]:
    """(events recorded, events published): the same twice means that nothing happened between."""
    counters = await live[LEASES].find_one({"_id": "relay"}) or {}
    return await live[LOG].count_documents({}), counters.get("published", 0)


@dataclass(frozen=True)
class Aside:
    """Foreign events that were not handled, by identity: letters that wait, and dropped ones."""

    waiting: frozenset[str]
    dropped: frozenset[str]

    @property
    def all(self) -> frozenset[str]:
        """Both."""
        return self.waiting | self.dropped


async def _set_aside(live: Store) -> Aside:
    letters = live[DEAD_LETTERS].find({"state": "waiting", "event": {"$exists": True}})
    waiting = frozenset([d["event"] async for d in letters])
    dropped = frozenset([d["_id"] async for d in live[INBOX].find({"dropped": True})])
    handled = live[INBOX].find({"_id": {"$in": sorted(waiting)}, "dropped": {"$exists": False}})
    return Aside(waiting - {d["_id"] async for d in handled} - dropped, dropped)


async def _all_handled(
    live: Store, service: str, logs: dict[str, Any], waiting: frozenset[str]
) -> bool:
    handled = {event.ce_type() for event in known(service).on.events()}
    wanted = {
        e.identity
        for owner, envelopes in logs.items()
        if owner != service
        for e in envelopes
        if e.type in handled
    }
    return wanted - waiting <= {d["_id"] async for d in live[INBOX].find({}, {"_id": 1})}


async def _states(live: Store, records: Records) -> dict[str, Documents]:
    return {
        c.name: {str(d["_id"]): d async for d in live[c.name].find()} for c in records.collections
    }


def _differences(collection: str, rebuilt: Documents, live: Documents) -> list[str]:
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
