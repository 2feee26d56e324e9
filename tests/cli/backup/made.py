"""A small backup of a story that was never on a disk, and the parts of one, to be spoilt."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bson
import pyrage

from cli.backup.archive import Writing
from cli.backup.create import copy
from cli.backup.manifest import FIRST, FORMAT, MANIFEST, Collection, Manifest, Service, Topic
from cli.services import NAMES, known
from shared.events.envelope import Envelope
from shared.kafka import partition_of
from shared.log import INBOX, LOG, SEEN
from shared.replay import replay
from shared.worker import LEASES
from tests.cli.test_redecide import story
from tests.given import PARTITIONS

KEY = pyrage.x25519.Identity.generate()
OTHER_KEY = pyrage.x25519.Identity.generate()


@dataclass
class Parts:
    """What each service's store holds, by collection, and the manifest's other figures."""

    stores: dict[str, dict[str, list[dict[str, Any]]]]
    seen: dict[str, dict[str, int]]
    format: int = FORMAT
    change_manifest: Callable[[dict[str, Any]], None] = lambda said: None
    """Done to the manifest before it is written."""

    def write(self, out: Path) -> Path:
        """The backup of it."""
        return asyncio.run(_write(self, out))


def parts() -> Parts:
    """Of a story in which matching, projects and members have recorded something."""
    logs = {name: story().logs.get(name, []) for name in NAMES}
    stores: dict[str, dict[str, list[dict[str, Any]]]] = {}
    seen: dict[str, dict[str, int]] = {}
    for name in NAMES:
        what = known(name)
        read = {owner: logs[owner] for owner in what.owners}
        folded = replay(what.records, read)
        foreign = [e for owner in what.owners if owner != name for e in logs[owner]]
        seen[name] = _marks(foreign)
        stores[name] = {
            LOG: [_logged(e) for e in logs[name]],
            INBOX: [{"_id": e.identity} for e in foreign],
            SEEN: [{"_id": p, "position": n} for p, n in sorted(seen[name].items())],
            LEASES: [{"_id": "relay", "holder": "x", "beat": 3, "next": len(logs[name])}],
            **{c: list(documents.values()) for c, documents in folded.items()},
        }
    return Parts(stores, seen)


def _marks(events: list[Envelope]) -> dict[str, int]:
    found: dict[str, int] = {}
    for event in events:
        place = f"{event.source[1:]}/{partition_of(event.key(), PARTITIONS)}"
        found[place] = max(found.get(place, 0), event.sequence or 0)
    return found


def _logged(event: Envelope) -> dict[str, Any]:
    return {
        "_id": event.id,
        "type": event.type,
        "subject": event.subject,
        "subject_version": event.subject_version,
        "time": event.time,
        "actor": event.actor,
        "correlation_id": event.correlation_id,
        "causation_id": event.causation_id,
        "traceparent": event.traceparent,
        "data": event.data,
        "position": event.sequence,
        "leaf": event.leaf_hash(),
    }


async def _write(of: Parts, out: Path) -> Path:
    with Writing(out, [KEY.to_public()]) as writing:
        writing.add(FIRST, b'{"format":%d}' % of.format)
        collections: dict[str, dict[str, Collection]] = {}
        for last in (False, True):  # the logs come last
            for name, store in of.stores.items():
                folded = {c.name for c in known(name).records.collections}
                for collection, documents in store.items():
                    if (collection == LOG) is last:
                        collections.setdefault(name, {})[collection] = await copy(
                            writing,
                            f"{name}/{collection}",
                            _batches(documents),
                            collection in folded,
                        )
        members = list(writing.members)
        writing.members.clear()
        manifest = Manifest(
            format=FORMAT,
            cut_at="2026-03-05T12:00:00.000Z",
            made_at="2026-03-05T12:00:01.000Z",
            made_by="test",
            services={
                name: Service(
                    next=len(store[LOG]),
                    published=len(store[LOG]),
                    pending=0,
                    seen=of.seen[name],
                    collections=collections[name],
                )
                for name, store in of.stores.items()
            },
            topics={f"{name}.events": Topic(ends=(0,) * PARTITIONS, beside=0) for name in NAMES},
            members=tuple(members),
        ).model_dump(mode="json")
        of.change_manifest(manifest)
        writing.add(MANIFEST, Manifest.model_validate(manifest).model_dump_json().encode())
        writing.finish()
    return out


async def _batches(documents: list[dict[str, Any]]) -> AsyncIterator[bytes]:
    if documents:
        yield b"".join(bson.encode(d) for d in documents)
