"""A consumer that stands still is noticed; one that waits for the store, or whose partitions are
taken, is left alone."""

import asyncio
import sys
import time
from collections.abc import Iterator, Sequence
from typing import cast

import pytest
from aiokafka import TopicPartition

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
    record = Record("projects.events", key or event.key(), event.value(), event.headers())

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


def consumer(system: TestBuild, group: str, stuck_after: float = 120.0) -> Consumer:
    """One instance's consumer of projects' events."""
    return Consumer(
        group,
        cast(Inbox, Forgetful()),
        ["projects.events"],
        system.addresses.kafka,
        stuck_after=stuck_after,
    )


async def test_partitions_may_be_taken_while_it_looks_how_far_behind_they_are(
    system: TestBuild,
) -> None:
    """As happens when another instance joins: the watch goes on, and stops when it is told to."""
    watched = consumer(system, "taken", stuck_after=1.0)
    watching = asyncio.create_task(watched.run())
    try:
        assigned: dict[tuple[str, int], int] = await until(watched.behind, say="the assignment")
        assert assigned
        client = watched._subscriber.consumer
        assert client is not None
        looked, position = 0, client.position

        async def taken_meanwhile(partition: TopicPartition) -> int:
            nonlocal looked
            looked += 1
            found: int = await position(partition)
            client.unsubscribe()
            return found

        client.position = taken_meanwhile
        assert await watched.behind() == {}
        client.subscribe(["projects.events"])
        await until(lambda: looked >= 3, say="the watch's own look")
        assert not watching.done()
        watching.cancel()
        await asyncio.wait({watching}, timeout=within(5))
        assert watching.cancelled()
    finally:
        watching.cancel()
        await watched.stop()


async def test_what_another_instance_handled_meanwhile_is_no_lag(system: TestBuild) -> None:
    """A partition that was another's for a while and comes back: the lag counts from where that
    one left off. A lag that nothing ever reduces would end a process that has nothing to do."""
    ours, theirs = consumer(system, "sharing"), consumer(system, "sharing")
    await ours._connect()
    try:
        await handled(system, ours)
        client = ours._subscriber.consumer
        assert client is not None
        client.unsubscribe()
        await theirs._connect()
        await handled(system, theirs)
        await theirs.stop()
        client.subscribe(["projects.events"])
        assigned: dict[str, int] = await until(ours.lag, say="the assignment")
        for _ in range(20):  # until the broker has said where the partitions end
            assert await ours.lag() == dict.fromkeys(assigned, 0)
            await asyncio.sleep(0.1)
    finally:
        await ours.stop()
        await theirs.stop()


async def handled(system: TestBuild, by: Consumer) -> None:
    """A few more records of one partition, and the consumer has committed all there are."""
    assigned: dict[str, int] = await until(by.lag, say="the assignment")
    assert assigned
    for _ in range(3):
        await asyncio.to_thread(publish, system, b"the same each time")
    while any((await by.uncommitted()).values()):
        await asyncio.sleep(0.05)
