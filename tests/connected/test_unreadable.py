"""Records that the client library cannot unpack: one of them must not stop or lose the others."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import CommitFailedError

from shared.consume import EXIT_STUCK
from tests.connected.acting import THREE, Acting
from tests.connected.test_poison import (
    PARTITION,
    TOPIC,
    Raws,
    a_need,
    in_good_health,
    raw,
    recorded,
)
from tests.system import TestBuild, running
from tests.waiting import within


@pytest.fixture
def system() -> Iterator[TestBuild]:
    """A system of its own for each: what stops one must not hide what another would show."""
    with running(services=THREE) as started:
        yield started


@pytest_asyncio.fixture(loop_scope="session")
async def raws(system: TestBuild) -> AsyncIterator[Raws]:
    """A way to send anything to projects' topic."""
    acting = Acting(system)
    await acting.open()
    found = Raws(acting)
    await found.start()
    yield found
    await found.stop()
    await acting.close()


async def pass_over(bootstrap: str, group: str, offset: int) -> None:
    """What an operator does about one record that cannot be read: commit the offset behind it."""
    at = TopicPartition(TOPIC, PARTITION)
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap, group_id=group, enable_auto_commit=False
    )
    await consumer.start()
    try:
        consumer.assign([at])
        assert (await consumer.committed(at) or 0) <= offset
        async with asyncio.timeout(within(20)):
            while True:  # until the group has noticed that its member is gone
                try:
                    await consumer.commit({at: offset + 1})
                    return
                except CommitFailedError:
                    await asyncio.sleep(0.5)
    finally:
        await consumer.stop()


def compressed_by_another_client(batch: bytes) -> bytes:
    """The same batch with Snappy, as Kafka's own client frames it (literals only)."""
    records = batch[61:]
    size, varint = len(records), bytearray()
    while size > 127:
        varint.append(size & 127 | 128)
        size >>= 7
    varint.append(size)
    literal = bytes([61 << 2]) + (len(records) - 1).to_bytes(2, "little") + records
    block = bytes(varint) + literal
    framed = b"\x82SNAPPY\x00" + b"\x00\x00\x00\x01" * 2 + len(block).to_bytes(4, "big") + block
    return batch[:22] + bytes([batch[22] & ~7 | 2]) + batch[23:61] + framed


async def test_a_header_whose_name_is_not_utf8_ends_the_process_and_loses_nothing(
    system: TestBuild, raws: Raws
) -> None:
    """The client library cannot unpack it: the process ends with 70 rather than go on without
    what it had drained. Once an operator has passed over the record, all others are handled."""
    odd, behind = raw(recorded(a_need())), raw(recorded(a_need()))
    odd.headers.append(("QQQQ", b"value"))
    matching = system.process("matching")
    matching.stop()
    matching.start()
    system.wait_ready("matching")
    at = await raws.send_batch(odd, lambda batch: batch.replace(b"QQQQ", b"\xff\xfe\xff\xfe"))
    for _ in range(10):
        await raws.acting.post_need("irpin")
    await raws.send(behind)
    deadline = time.monotonic() + within(20)
    while matching.exit_status is None and time.monotonic() < deadline:
        await asyncio.sleep(0.1)
    assert matching.exit_status == EXIT_STUCK, matching.log_tail()
    await pass_over(system.addresses.kafka, "matching", at)
    system.process("matching").start()
    system.wait_ready("matching")
    await raws.handled(behind)
    await raws.acting.at_rest(20)
    await in_good_health(raws.acting)


async def test_a_batch_that_another_client_compressed_is_read(raws: Raws) -> None:
    """A good event in it is handled like any other, and so are those behind it."""
    odd, behind = raw(recorded(a_need())), raw(recorded(a_need()))
    await raws.send_batch(odd, compressed_by_another_client)
    await raws.send(behind)
    await raws.handled(odd, behind)
    await in_good_health(raws.acting)
