"""Topics, read whole: as an auditor, a rebuild or a backup does; and where consumer groups are."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from cli.places import OutOfReach, Places
from shared.events import Envelope, NotAnEvent, read_record
from shared.kafka import Security


async def read_all(
    bootstrap: str, topic: str, security: Security = Security()
) -> list["ConsumerRecord[Any, Any]"]:
    """Every record of a topic, each partition's in its order, as of now."""
    return [r async for r in records(Places(bootstrap, security=security), topic)]


async def read_log(bootstrap: str, owner: str, security: Security = Security()) -> list[Envelope]:
    """Every event of an owner's topic; records that are no events are left out."""
    found = []
    for record in await read_all(bootstrap, f"{owner}.events", security):
        try:
            found.append(read_record(record.headers, record.value, owner))
        except NotAnEvent:
            continue
    return found


async def partitions(bootstrap: str, owner: str, security: Security = Security()) -> int:
    """How many partitions an owner's topic has."""
    async with _consumer(Places(bootstrap, security=security)) as consumer:
        return len(await _partitions(consumer, f"{owner}.events"))


async def lag(bootstrap: str, groups: Mapping[str, Sequence[str]]) -> dict[str, dict[str, int]]:
    """Records that each consumer group has not committed yet, by `topic[partition]`.

    `groups` names each group's topics; what it never committed counts from the beginning.
    """
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        found: dict[str, dict[str, int]] = {}
        async with _consumer(Places(bootstrap)) as consumer:
            for group, topics in groups.items():
                committed = await admin.list_consumer_group_offsets(group)
                found[group] = {}
                for topic in topics:
                    where = await _partitions(consumer, topic)
                    ends = await consumer.end_offsets(where)
                    for p in where:
                        done = committed[p].offset if p in committed else 0
                        found[group][f"{topic}[{p.partition}]"] = ends[p] - max(done, 0)
        return found
    finally:
        await admin.close()


async def ends(places: Places, topics: Sequence[str]) -> dict[str, list[int]]:
    """Each topic's end offsets, by partition. Raises OutOfReach where one does not exist."""
    async with _consumer(places) as consumer:
        found = {}
        for topic in topics:
            where = await _partitions(consumer, topic)
            at = await consumer.end_offsets(where)
            found[topic] = [at[p] for p in where]
        return found


async def records(
    places: Places, topic: str, until: Sequence[int] | None = None
) -> AsyncIterator["ConsumerRecord[Any, Any]"]:
    """Every record of a topic up to its end of now, or to these offsets; each partition's in its
    order."""
    async with _consumer(places) as consumer:
        where = await _partitions(consumer, topic)
        consumer.assign(where)
        at = await consumer.end_offsets(where)
        if until is not None:
            at = dict(zip(where, until, strict=True))
        while any([await consumer.position(p) < at[p] for p in where]):
            for batch in (await consumer.getmany(timeout_ms=200)).values():
                for record in batch:
                    if record.offset < at[TopicPartition(topic, record.partition)]:
                        yield record


async def committed(places: Places, group: str, topics: Sequence[str]) -> dict[str, int]:
    """What a consumer group has committed, by `topic[partition]`."""
    async with _consumer(places, group) as consumer:
        found = {}
        for topic in topics:
            for p in await _partitions(consumer, topic):
                if (offset := await consumer.committed(p)) is not None:
                    found[f"{p.topic}[{p.partition}]"] = offset
        return found


async def commit(places: Places, group: str, offsets: Mapping[tuple[str, int], int]) -> None:
    """Let a group that has no member go on at these offsets, by topic and partition."""
    async with _consumer(places, group) as consumer:
        at = {TopicPartition(*where): offset for where, offset in offsets.items()}
        consumer.assign(list(at))
        await consumer.commit(at)


async def _partitions(consumer: AIOKafkaConsumer, topic: str) -> list[TopicPartition]:
    found: set[int] = set()
    for patience in range(20):  # a client that was just started may not know a topic yet
        await consumer._client.add_topic(topic)
        await consumer._client.force_metadata_update()
        if found := consumer.partitions_for_topic(topic) or set():
            break
        if patience == 19:
            raise OutOfReach(f"Kafka has no topic {topic}; create the topics first")
    return [TopicPartition(topic, p) for p in sorted(found)]


@asynccontextmanager
async def _consumer(places: Places, group: str | None = None) -> AsyncIterator[AIOKafkaConsumer]:
    consumer = AIOKafkaConsumer(
        bootstrap_servers=places.kafka,
        group_id=group,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        **places.security.options(),
    )
    try:
        await consumer.start()
        yield consumer
    finally:
        await consumer.stop()
