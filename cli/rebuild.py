"""`alliance rebuild`: a service's state again from the logs, held against the live one."""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from cli.services import known
from cli.topics import read_log
from shared.log import INBOX, LOG, Records
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
    database: str = ""

    @property
    def equal(self) -> bool:
        """Whether every collection is the same, byte for byte."""
        return all(rebuilt == live for rebuilt, live in self.hashes.values())


async def rebuild(
    service: str, bootstrap: str, mongodb: str, keep: bool = False, attempts: int = 10
) -> Rebuilt:
    """Fold the logs in Kafka into a fresh database and compare it with the live one.

    The database `<service>-rebuilt-<time>` is dropped afterwards unless `keep`. Raises Busy when
    the service is never still for as long as the comparison takes, LogBroken for a log with gaps.
    """
    what = known(service)
    live = Store(mongodb, service)
    fresh = Store(mongodb, f"{service}-rebuilt-{datetime.now(UTC):%Y%m%dT%H%M%S%f}")
    try:
        for _ in range(attempts):
            before = await _moment(live)
            logs = {
                owner: in_order(owner, await read_log(bootstrap, owner)) for owner in what.owners
            }
            states = await _states(live, what.records)
            own = len(logs.get(service, []))
            if before == await _moment(live) == (own, own) and await _all_handled(
                live, what.name, logs
            ):
                break
            await asyncio.sleep(0.5)
        else:
            raise Busy(f"{service} kept changing in {attempts} attempts; try when it is quieter")
        folded = replay(what.records, logs)
        for collection, documents in folded.items():
            if documents:
                await fresh[collection].insert_many(list(documents.values()))
        found = Rebuilt(
            service, sum(map(len, logs.values())), database=fresh.db.name if keep else ""
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


async def _all_handled(live: Store, service: str, logs: dict[str, Any]) -> bool:
    handled = {event.ce_type() for event in known(service).on.events()}
    wanted = {
        e.identity
        for owner, envelopes in logs.items()
        if owner != service
        for e in envelopes
        if e.type in handled
    }
    return wanted <= {d["_id"] async for d in live[INBOX].find({}, {"_id": 1})}


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
