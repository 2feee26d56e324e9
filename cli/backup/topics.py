"""What a backup needs of Kafka: ends of topics, all their records, and groups' offsets."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from cli.backup.archive import BackupRefused
from cli.backup.places import Places


async def ends(places: Places, topics: Sequence[str]) -> dict[str, list[int]]:
    """Each topic's end offsets, by partition. Raises BackupRefused where one does not exist."""
    async with _consumer(places) as consumer:
        found = {}
        for topic in topics:
            partitions = await _partitions(consumer, topic)
            at = await consumer.end_offsets(partitions)
            found[topic] = [at[p] for p in partitions]
        return found


async def records(
    places: Places, topic: str, until: Sequence[int] | None = None
) -> AsyncIterator["ConsumerRecord[Any, Any]"]:
    """Every record of a topic up to its end of now, or to these offsets; each partition's in its
    order."""
    async with _consumer(places) as consumer:
        partitions = await _partitions(consumer, topic)
        consumer.assign(partitions)
        at = await consumer.end_offsets(partitions)
        if until is not None:
            at = dict(zip(partitions, until, strict=True))
        await consumer.seek_to_beginning(*partitions)
        while any([await consumer.position(p) < at[p] for p in partitions]):
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
            raise BackupRefused(f"Kafka has no topic {topic}; create the topics first")
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
