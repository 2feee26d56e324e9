"""`alliance backup create`: copies a cut of all stores, and the dead letters that belong to it."""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterable, AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from bson import decode_all
from pymongo.errors import OperationFailure

from cli.backup.archive import BackupRefused, Writing
from cli.backup.cut import Cut, Moment, open_cut
from cli.backup.layout import extras, pack, raw
from cli.backup.manifest import FIRST, FORMAT, MANIFEST, Collection, Manifest, Service, Topic
from cli.places import Places
from cli.services import NAMES, known
from cli.topics import ends, records
from shared.log import LOG, RESTORING
from shared.mongo import Store
from shared.replay import state_line

Say = Callable[[str], None]

PART = 4 * 2**20
"""Bytes after which a member of the tar ends and the next begins."""

TOPICS = [f"{name}.{kind}" for name in NAMES for kind in ("events", "dead-letters")]

_NO_SUCH_TRANSACTION = 251


@dataclass
class Copied:
    """What was copied of one collection so far; `add` takes whole documents, in their order."""

    folded: bool
    documents: int = 0
    sha256: Any = field(default_factory=hashlib.sha256)
    state: Any = field(default_factory=hashlib.sha256)

    def add(self, data: bytes) -> None:
        """Count and hash BSON documents."""
        self.sha256.update(data)
        found = decode_all(data)
        self.documents += len(found)
        if self.folded:
            for document in found:
                self.state.update(state_line(document))

    def collection(self) -> Collection:
        """For the manifest."""
        return Collection(
            documents=self.documents,
            sha256=self.sha256.hexdigest(),
            state=self.state.hexdigest() if self.folded else None,
        )


async def copy(
    writing: Writing, name: str, batches: AsyncIterable[bytes], folded: bool = False
) -> Collection:
    """Write a collection as members `<name>/000000.bson` and so on, of about PART bytes."""
    copied, part, number = Copied(folded), bytearray(), 0

    def write(data: bytes) -> None:
        writing.add(f"{name}/{number:06}.bson", data)
        copied.add(data)

    async for batch in batches:
        part += batch
        if len(part) >= PART:
            await asyncio.to_thread(write, bytes(part))
            part, number = bytearray(), number + 1
    if part:
        await asyncio.to_thread(write, bytes(part))
    return copied.collection()


async def create(places: Places, writing: Writing, say: Say) -> Manifest:
    """Write all members of a backup; `writing` is to be finished by the caller.

    Raises BackupRefused, and what the stores and the broker raise when they are away.
    """
    stores = {name: places.store(name) for name in NAMES}
    try:
        writing.add(FIRST, b'{"format":%d}' % FORMAT)
        collections: dict[str, dict[str, Collection]] = {name: {} for name in NAMES}
        async with AsyncExitStack() as stack:
            cut = await open_cut(stores, stack)
            at = await ends(places, TOPICS)
            say(f"the cut is at {_time(cut.at)}, found at attempt {cut.attempts}: " + _told(cut))
            for name, store in stores.items():
                collections[name] = await _copy_changing(writing, name, store, cut)
                say(f"{name}: {sum(c.documents for c in collections[name].values())} documents")
            waiting = {n: await _pending(s, cut, n) for n, s in stores.items()}
        services = {}
        for name, store in stores.items():
            log = _log(store, cut.moments[name].next, waiting[name])
            collections[name][LOG] = await copy(writing, f"{name}/{LOG}", log)
            say(f"{name}: {collections[name][LOG].documents} events")
            services[name] = _service(cut.moments[name], waiting[name], collections[name])
        topics = await _topics(places, cut, at, writing)
        manifest = Manifest(
            format=FORMAT,
            cut_at=_time(cut.at),
            made_at=_time(datetime.now(UTC)),
            made_by=this_version(),
            services=services,
            topics=topics,
            members=tuple(writing.members),
        )
        writing.add(MANIFEST, manifest.model_dump_json(indent=1).encode())
        return manifest
    finally:
        for store in stores.values():
            store.close()


def this_version() -> str:
    """Of the alliance that runs; a deployment's is that of its images."""
    if deployed := os.environ.get("ALLIANCE_VERSION"):
        return deployed
    try:
        return version("alliance")
    except PackageNotFoundError:
        return "unknown"


async def _copy_changing(
    writing: Writing, name: str, store: Store, cut: Cut
) -> dict[str, Collection]:
    """All but the log, as of the cut."""
    folded = {c.name for c in known(name).records.collections}
    names = [n for n in await store.db.list_collection_names() if not n.startswith("system.")]
    if RESTORING in names:
        raise BackupRefused(f"the store of {name} is being restored, or a restore did not end")
    found = {}
    for collection in sorted(set(names) - {LOG}):
        batches: Any = store[collection].find_raw_batches({}, session=cut.sessions[name])
        try:
            found[collection] = await copy(
                writing, f"{name}/{collection}", batches.sort("_id", 1), collection in folded
            )
        except OperationFailure as error:
            if error.code == _NO_SUCH_TRANSACTION:
                raise BackupRefused(
                    f"the store of {name} ended the snapshot before all was read: raise its "
                    "transactionLifetimeLimitSeconds for the time of the backup"
                ) from None
            raise
    return found


async def _pending(store: Store, cut: Cut, name: str) -> list[bytes]:
    query = {"pending": True}
    found = store[LOG].find_raw_batches(query, session=cut.sessions[name]).sort("_id", 1)
    return [batch async for batch in found]


async def _log(store: Store, end: int, pending: list[bytes]) -> AsyncIterator[bytes]:
    """An event that has its position never changes again, so the snapshot is not needed for it."""
    query = {"position": {"$gte": 0, "$lt": end, "$type": "number"}}
    async for batch in store[LOG].find_raw_batches(query).sort("position", 1):
        yield batch
    for batch in pending:
        yield batch


def _service(
    moment: Moment, pending: list[bytes], collections: Mapping[str, Collection]
) -> Service:
    return Service(
        next=moment.next,
        published=moment.published,
        pending=sum(len(decode_all(batch)) for batch in pending),
        seen=dict(moment.seen),
        collections=dict(sorted(collections.items())),
    )


async def _topics(
    places: Places, cut: Cut, at: Mapping[str, list[int]], writing: Writing
) -> dict[str, Topic]:
    """What the topics have beside the logs: extras of the events', all letters as of the cut."""
    found = {}
    for name in NAMES:
        events, letters = f"{name}.events", f"{name}.dead-letters"
        beside = await extras(name, records(places, events), cut.moments[name].next)
        if beside:
            await asyncio.to_thread(writing.add, f"{events}/000000.bson", pack(beside))
        found[events] = Topic(ends=tuple(at[events]), beside=len(beside))
        number = 0
        async for letter in records(places, letters, at[letters]):
            member = f"{letters}/{number:06}.bson"
            await asyncio.to_thread(writing.add, member, pack([raw(letter)]))
            number += 1
        found[letters] = Topic(ends=tuple(at[letters]), beside=number)
    return found


def _told(cut: Cut) -> str:
    return ", ".join(f"{name} {moment.next}" for name, moment in cut.moments.items())


def _time(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
