"""`alliance backup restore`: fills empty stores and topics from a backup, and proves that it did.

The backup is verified whole first, then the target is looked at; until both are good nothing is
touched. A store is marked while it is being filled: a service does not start on it, and another
restore names it. The broker gets the logs from the stores, with the bytes that the relays sent,
and each consumer group goes on where its service had come to.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyrage
from bson import decode_all
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument

from cli.backup.archive import BackupRefused, read
from cli.backup.create import Copied
from cli.backup.layout import Extra
from cli.backup.manifest import Manifest
from cli.backup.publish import publish, send_letters, sequenced
from cli.backup.verify import verify
from cli.places import Places
from cli.services import NAMES, known
from cli.topics import commit, committed, ends, records
from shared.events import NotAnEvent, read_record
from shared.kafka import partition_of
from shared.log import LOG, RESTORING, envelope
from shared.mongo import Store
from shared.worker import LEASES

Say = Callable[[str], None]
RAW = CodecOptions(document_class=RawBSONDocument)
BATCH = 500


async def restore(
    places: Places, file: Path, keys: Sequence[pyrage.x25519.Identity], say: Say
) -> Manifest:
    """Restore a backup into empty stores and topics. Raises BackupRefused, before anything is
    touched where the backup or the target is not good, or where the proof fails."""
    manifest = verify(file, keys, say)
    stores = {name: places.store(name) for name in NAMES}
    try:
        await _empty(places, stores, manifest)
        say("the backup is whole, the stores and topics are empty: restoring")
        for store in stores.values():
            mark = {"_id": "restore", "of": manifest.cut_at, "since": datetime.now(UTC)}
            await store[RESTORING].insert_one(mark)
        for name, store in stores.items():
            await store.ensure(known(name).records.indexes())
        beside = await _fill(stores, file, keys)
        after: dict[str, dict[int, int]] = {}
        for name, store in stores.items():
            marks = {n for s in manifest.services.values() for n in s.marks_of(name).values()}
            after[name] = await publish(places, name, store, manifest, beside, marks)
            await send_letters(places, f"{name}.dead-letters", beside)
            say(f"{name}: {manifest.services[name].next} events are published")
        for name, about in manifest.services.items():
            offsets = {
                (f"{owner}.events", partition): after[owner][position]
                for owner in NAMES
                for partition, position in about.marks_of(owner).items()
            }
            if offsets:
                await commit(places, name, offsets)
        if wrong := await _proof(places, stores, manifest, say):
            raise BackupRefused("the restored system is not the backup:\n  " + "\n  ".join(wrong))
        for name, store in stores.items():
            if manifest.services[name].next:
                published = {"$set": {"published": manifest.services[name].next}}
                await store[LEASES].update_one({"_id": "relay"}, published)
        for store in stores.values():
            await store[RESTORING].drop()
    finally:
        for store in stores.values():
            store.close()
    return manifest


async def _empty(places: Places, stores: Mapping[str, Store], manifest: Manifest) -> None:
    """Raises BackupRefused, naming all that is there already or does not fit."""
    found = []
    for name, store in stores.items():
        held = []
        for collection in sorted(await store.db.list_collection_names()):
            if collection == RESTORING:
                found.append(f"the store of {name}: a restore began there and did not end")
            elif not collection.startswith("system."):
                number = await store[collection].count_documents({})
                held += [f"{collection} ({number})"] if number else []
        if held:
            found.append(f"the store of {name} holds {', '.join(held)}")
    at = await ends(places, list(manifest.topics))
    for topic, about in manifest.topics.items():
        if len(at[topic]) != about.partitions:
            found.append(
                f"{topic} has {len(at[topic])} partitions, the backup's {about.partitions}"
            )
        if any(at[topic]):
            found.append(f"{topic} has had {sum(at[topic])} records")
    for name in stores:
        if offsets := await committed(places, name, known(name).on.topics()):
            found.append(f"consumer group {name} has offsets for {', '.join(offsets)}")
    if found:
        raise BackupRefused(
            "nothing was touched; a backup is restored only where nothing is:\n  "
            + "\n  ".join(found)
            + "\nStop the services, empty the volumes, start the stores and the broker alone."
        )


async def _fill(
    stores: Mapping[str, Store], file: Path, keys: Sequence[pyrage.x25519.Identity]
) -> dict[str, list[Extra]]:
    """Write all documents into the stores; by topic what it has beside its log."""
    beside: dict[str, list[Extra]] = {}
    for member, data in read(file, keys):
        place = member.split("/")
        if len(place) == 3 and place[0] in stores:
            documents: list[Any] = decode_all(data, RAW)
            if place[1] == LEASES:
                documents = [_free(d) for d in decode_all(data)]
            collection = stores[place[0]][place[1]]
            for start in range(0, len(documents), BATCH):
                await collection.insert_many(documents[start : start + BATCH])
        elif len(place) == 2:
            beside.setdefault(place[0], []).extend(decode_all(data))
    return beside


def _free(lease: dict[str, Any]) -> dict[str, Any]:
    """Nobody holds a lease, and nothing is published yet: a relay that is started sends it."""
    free = {**lease, "holder": None}
    return free | {"published": 0} if "published" in lease else free


async def _proof(
    places: Places, stores: Mapping[str, Store], manifest: Manifest, say: Say
) -> list[str]:
    """Every collection read back and held against the manifest, every topic against its log."""
    wrong = []
    for name, store in stores.items():
        folded = {c.name for c in known(name).records.collections}
        for collection, said in manifest.services[name].collections.items():
            if collection == LEASES:
                held = [d["_id"] async for d in store[LEASES].find({"holder": {"$ne": None}})]
                wrong += [f"{name} was started meanwhile: its {h} works" for h in held]
                continue
            copied = Copied(collection in folded)
            async for batch in _stored(store, collection):
                copied.add(batch)
            if copied.collection() != said:
                wrong.append(f"{name}/{collection} is not what the backup has")
            elif said.state:
                say(f"  equal  {name}/{collection:<14} {said.documents:>6}  {said.state}")
        log, topic = await _in_the_log(name, store, manifest), await _in_kafka(places, name)
        if log != topic:
            wrong.append(f"{name}.events is not what the log has")
        else:
            number = manifest.services[name].next
            say(f"  equal  {name}.events, the topic and the log: {number} events")
    return wrong


async def _stored(store: Store, collection: str) -> Any:
    """A collection's bytes in the order in which a backup has them."""
    if collection != LOG:
        async for batch in store[collection].find_raw_batches({}).sort("_id", 1):
            yield batch
        return
    query = {"position": {"$gte": 0, "$type": "number"}}
    async for batch in store[LOG].find_raw_batches(query).sort("position", 1):
        yield batch
    async for batch in store[LOG].find_raw_batches({"pending": True}).sort("_id", 1):
        yield batch


async def _in_the_log(name: str, store: Store, manifest: Manifest) -> dict[int, str]:
    partitions = manifest.topics[f"{name}.events"].partitions
    found: dict[int, Any] = {}
    async for document in sequenced(store):
        event = envelope(name, document)
        found.setdefault(partition_of(event.key(), partitions), hashlib.sha256()).update(
            event.leaf()
        )
    return {partition: digest.hexdigest() for partition, digest in found.items()}


async def _in_kafka(places: Places, name: str) -> dict[int, str]:
    """The same of the topic, where an event counts once and what is none does not."""
    found: dict[int, Any] = {}
    last: dict[int, int] = {}
    async for record in records(places, f"{name}.events"):
        try:
            event = read_record(record.headers, record.value, name)
        except NotAnEvent:
            continue
        assert event.sequence is not None, "it has been read"
        if event.sequence > last.get(record.partition, -1):
            last[record.partition] = event.sequence
            found.setdefault(record.partition, hashlib.sha256()).update(event.leaf())
    return {partition: digest.hexdigest() for partition, digest in found.items()}
