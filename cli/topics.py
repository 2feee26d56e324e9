"""Reading whole topics, as an auditor or a rebuild does: from the beginning to the end of now."""

from collections.abc import Mapping, Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from shared.events import Envelope, NotAnEvent, read_record
from shared.kafka import Security


async def read_all(
    bootstrap: str, topic: str, security: Security = Security()
) -> list["ConsumerRecord[Any, Any]"]:
    """Every record of a topic, partition by partition, as of now."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        **security.options(),
    )
    await consumer.start()
    try:
        partitions = [TopicPartition(topic, p) for p in sorted(await _partitions(consumer, topic))]
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        await consumer.seek_to_beginning(*partitions)
        found: list[ConsumerRecord[Any, Any]] = []
        while any([await consumer.position(p) < ends[p] for p in partitions]):
            for records in (await consumer.getmany(timeout_ms=200)).values():
                found.extend(records)
        return found
    finally:
        await consumer.stop()


async def read_log(bootstrap: str, owner: str, security: Security = Security()) -> list[Envelope]:
    """Every event of an owner's topic; records that are no events are left out."""
    found = []
    for record in await read_all(bootstrap, f"{owner}.events", security):
        try:
            found.append(read_record(record.headers, record.value, owner))
        except NotAnEvent:
            continue
    return found


async def partitions(bootstrap: str, owner: str) -> int:
    """How many partitions an owner's topic has."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap)
    await consumer.start()
    try:
        return len(await _partitions(consumer, f"{owner}.events"))
    finally:
        await consumer.stop()


async def lag(bootstrap: str, groups: Mapping[str, Sequence[str]]) -> dict[str, dict[str, int]]:
    """Records that each consumer group has not committed yet, by `topic[partition]`.

    `groups` names each group's topics; what it never committed counts from the beginning.
    """
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap)
    await admin.start()
    await consumer.start()
    try:
        found: dict[str, dict[str, int]] = {}
        for group, topics in groups.items():
            committed = await admin.list_consumer_group_offsets(group)
            found[group] = {}
            for topic in topics:
                partitions = [TopicPartition(topic, p) for p in await _partitions(consumer, topic)]
                ends = await consumer.end_offsets(partitions)
                for p in sorted(partitions):
                    done = committed[p].offset if p in committed else 0
                    found[group][f"{topic}[{p.partition}]"] = ends[p] - max(done, 0)
        return found
    finally:
        await consumer.stop()
        await admin.close()


async def _partitions(consumer: AIOKafkaConsumer, topic: str) -> set[int]:
    await consumer._client.force_metadata_update()
    found = consumer.partitions_for_topic(topic)
    if found is None:
        await consumer._client.add_topic(topic)
        found = consumer.partitions_for_topic(topic)
    return set(found or ())
