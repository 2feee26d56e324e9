"""A consumer that stands still is noticed; one that waits for the store, or whose work another
instance does, is left alone."""

import asyncio
import sys
import time
from collections.abc import Iterator, Sequence
from typing import cast

import pytest

from deploy.local import topics
from deploy.local.ports import free_port
from deploy.local.processes import Process
from deploy.local.system import known_to
from shared.consume import EXIT_STUCK, Consumer
from shared.dead_letters import RawRecord
from shared.inbox import Inbox
from shared.kafka import Producer, Record
from shared.log import envelope
from shared.settings import Settings
from tests.bench.thing import log_documents
from tests.connected.acting import until
from tests.system import TestBuild, running
from tests.waiting import within

TOPIC = "projects.events"
PARTITIONS = next(topic.partitions for topic in topics.table() if topic.name == TOPIC)

STUCK_AFTER = 6.0
"""Longer than the store's time-out (1 s here), as in the ordinary settings."""


@pytest.fixture(scope="module")
def system() -> Iterator[TestBuild]:
    """Kafka and the store; no service of ours."""
    with running(services=()) as started:
        yield started


def service(system: TestBuild, handler: str) -> Process:
    """A service whose handler hangs or works, running and ready."""
    port = free_port()
    env = {
        **known_to(Settings, system.addresses.environment() | system.settings),
        "ALLIANCE_JWKS_FILE": str(system.root / "keys" / "jwks.json"),
        "ALLIANCE_STUCK_SECONDS": str(STUCK_AFTER),
        "ALLIANCE_STORE_PATIENCE_SECONDS": "0.5",
    }
    command = [sys.executable, "-m", "tests.connected.stuck", str(port), handler]
    process = system.stack.process(f"stuck-{handler}", command, env)
    process.start()
    process.wait_ready(port)
    time.sleep(3)  # until it is in its group
    return process


def publish(system: TestBuild, key: bytes | None = None) -> None:
    """One event that the handler gets; `key` is another than the event's own."""
    document = log_documents(1)[0] | {"position": 0}
    event = envelope("projects", document)
    record = Record(TOPIC, key or event.key(), event.value(), event.headers())

    async def send() -> None:
        producer = Producer(system.addresses.kafka, client_id="test")
        await producer.send([record])
        await producer.discard()

    asyncio.run(send())


def ended(process: Process, within: float) -> bool:
    """Whether a process ends by itself in so many seconds."""
    deadline = time.monotonic() + within
    while process.alive() and time.monotonic() < deadline:
        time.sleep(0.1)
    return not process.alive()


def test_consumer_that_waits_for_the_store_is_left_alone(system: TestBuild) -> None:
    """A store that is away is waited for, however long: that is no standing still."""
    process = service(system, "works")
    system.stack.store.process.pause()
    try:
        publish(system)
        assert not ended(process, STUCK_AFTER * 2.5), process.log_tail()
    finally:
        system.stack.store.process.resume()
        process.stop()


def test_consumer_without_progress_ends_its_process(system: TestBuild) -> None:
    """A handler that never ends: the process exits with 70 and says why, to be restarted."""
    process = service(system, "hangs")
    started = time.monotonic()
    publish(system)
    assert ended(process, within(STUCK_AFTER + 15)), process.log_tail()
    assert time.monotonic() - started >= STUCK_AFTER - 1.5  # it looks once a second
    assert "no progress" in process.log_tail()
    deadline = time.monotonic() + within(5)  # until its last thread has ended
    while process.exit_status is None and time.monotonic() < deadline:
        time.sleep(0.05)
    assert process.exit_status == EXIT_STUCK


class Forgetful:
    """An inbox that keeps nothing."""

    waits_for = ""

    async def handle(self, batch: Sequence[RawRecord]) -> None:
        """That is all."""


async def test_what_another_instance_handled_meanwhile_is_no_lag(system: TestBuild) -> None:
    """Partitions that were another's for a while and come back: the lag counts from where that
    one left off. A lag that nothing ever reduces would end a process that has nothing to do."""
    ours, theirs = consumer(system), consumer(system)
    await ours._connect()
    try:
        await have_all(ours)
        await handled(system, ours)
        await theirs._connect()
        await have_all(ours, theirs)
        await handled(system, ours)
        await theirs.stop()
        await have_all(ours)
        for _ in range(20):  # until the broker has said where the partitions end
            assert set((await ours.lag()).values()) == {0}
            await asyncio.sleep(0.1)
    finally:
        await ours.stop()
        await theirs.stop()


def consumer(system: TestBuild) -> Consumer:
    """One of two instances' consumers of projects' events."""
    kafka = system.addresses.kafka
    return Consumer("sharing", cast(Inbox, Forgetful()), [TOPIC], kafka, session=2.0)


async def have_all(*consumers: Consumer) -> None:
    """Return when each has a partition, and none is left."""

    async def shared() -> bool:
        each = [await one.lag() for one in consumers]
        return all(each) and sum(map(len, each)) == PARTITIONS

    settled: bool = await until(shared, say="that all partitions are assigned")
    assert settled


async def handled(system: TestBuild, by: Consumer) -> None:
    """Records in every partition, and all of them are handled and committed."""
    for number in range(12):
        await asyncio.to_thread(publish, system, str(number).encode())
    ends = await by.uncommitted()
    assert len(ends) == PARTITIONS
    while any((await by.uncommitted()).values()):
        await asyncio.sleep(0.05)
