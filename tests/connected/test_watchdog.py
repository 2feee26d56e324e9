"""A consumer that stands still is noticed, and one that waits for the store is left alone."""

import asyncio
import sys
import time
from collections.abc import Iterator

import pytest

from deploy.local.ports import free_port
from deploy.local.processes import Process
from deploy.local.system import known_to
from shared.consume import EXIT_STUCK
from shared.kafka import Producer, Record
from shared.log import envelope
from shared.settings import Settings
from tests.bench.thing import log_documents
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


def publish(system: TestBuild) -> None:
    """One event that the handler gets."""
    document = log_documents(1)[0] | {"position": 0}
    event = envelope("projects", document)
    record = Record("projects.events", event.key(), event.value(), event.headers())

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
    deadline = time.monotonic() + 5  # until its last thread has ended
    while process.exit_status is None and time.monotonic() < deadline:
        time.sleep(0.05)
    assert process.exit_status == EXIT_STUCK
