"""The broker's part of a restore: the logs from the stores, each record at its old offset."""

from collections.abc import AsyncIterator, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from cli.backup.layout import Extra, Layout, as_record
from cli.backup.manifest import Manifest, Topic
from cli.places import Places
from shared.dead_letters import MAX_LETTER
from shared.kafka import Producer, Record, partition_of
from shared.log import LOG, envelope
from shared.mongo import Store

BATCH = 500


async def publish(
    places: Places,
    name: str,
    store: Store,
    manifest: Manifest,
    beside: Mapping[str, list[Extra]],
    marks: Collection[int],
) -> dict[int, int]:
    """Send a log, and what stood between its events where it stood. For each of the positions in
    `marks`, the offset after it on its partition."""
    topic = f"{name}.events"
    after: dict[int, int] = {}
    producer = Producer(places.kafka, client_id="restore", security=places.security, timeout=60.0)
    try:
        batch: list[Record] = []
        async for place in _laid_out(store, beside.get(topic, ()), manifest.topics[topic]):
            if place.event is None:
                batch.append(as_record(topic, place.extra or {}))
            else:
                event = envelope(name, place.event)
                batch.append(Record(topic, event.key(), event.value(), event.headers()))
                if (position := place.event["position"]) in marks and place.extra is None:
                    after[position] = place.offset + 1
            if len(batch) == BATCH:
                await producer.send(batch)
                batch = []
        await producer.send(batch)
    finally:
        await producer.discard()
    return after


async def send_letters(places: Places, topic: str, beside: Mapping[str, list[Extra]]) -> None:
    """Send a consumer's dead letters again, in their order."""
    producer = Producer(
        places.kafka,
        client_id="restore-letters",
        security=places.security,
        timeout=60.0,
        max_request=MAX_LETTER,
        compression="gzip",
    )
    try:
        for letter in beside.get(topic, ()):
            await producer.send([as_record(topic, letter)])
    finally:
        await producer.discard()


def sequenced(store: Store) -> Any:
    """A log's documents with a position, in its order."""
    query = {"position": {"$gte": 0, "$type": "number"}}
    return store[LOG].find(query).sort("position", 1)


@dataclass(frozen=True, slots=True)
class _Place:
    """A record's place in a topic, and what stands there: an event for the first time, an event
    again (then with its `extra`), or what is no event (then without one)."""

    offset: int
    event: dict[str, Any] | None
    extra: Extra | None = None


async def _laid_out(store: Store, beside: Iterable[Extra], topic: Topic) -> AsyncIterator[_Place]:
    """A topic's records in an order that gives each its old offset."""
    layout = Layout(beside)

    async def due(partition: int) -> AsyncIterator[_Place]:
        for extra in layout.before(partition):
            again = extra.get("position")
            event = None if again is None else await store[LOG].find_one({"position": again})
            yield _Place(extra["offset"], event, extra)

    async for document in sequenced(store):
        partition = partition_of(document["subject"].encode(), topic.partitions)
        async for place in due(partition):
            yield place
        yield _Place(layout.next[partition], document)
        layout.next[partition] += 1
    for partition in range(topic.partitions):
        async for place in due(partition):
            yield place
