"""The system under test: the local stack and services in the test build, on free ports."""

import asyncio
import atexit
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path

from aiokafka.admin import AIOKafkaAdminClient
from pymongo import MongoClient

from deploy.local import topics
from deploy.local.jars import Progress
from deploy.local.provide import PROVIDER_VARIABLE, TESTCONTAINERS, contained
from deploy.local.secantus import LIFETIME_VARIABLE
from deploy.local.stack import Addresses, Stack
from deploy.local.system import SERVICES, System
from tests.forked import Forked

FAST = {
    "ALLIANCE_LEASE_SECONDS": "2",
    "ALLIANCE_POLL_SECONDS": "0.1",
    "ALLIANCE_SESSION_SECONDS": "2",
    "ALLIANCE_ROUND_DEBOUNCE_SECONDS": "0",
}
"""Settings by which a test does not wait long for what an operator would wait longer for."""


@cache
def _containers() -> tuple[str, str]:
    """Kafka and MongoDB as containers, until the tests end."""
    started = ExitStack()
    atexit.register(started.close)
    return started.enter_context(contained(print))


class Contained(Stack):
    """The local stack with Kafka and MongoDB in containers, which all systems share one after the
    other: `start` makes them clean. They can't be stopped, killed or paused."""

    @property
    def addresses(self) -> Addresses:
        kafka, mongodb = _containers()
        return replace(super().addresses, kafka=kafka, mongodb=mongodb)

    def start(self, progress: Progress = lambda line: None) -> Addresses:
        if not self.running():
            self._choose_ports()
            self.mailbox.start()
            with ThreadPoolExecutor(1) as pool:  # the caller may be inside an event loop
                pool.submit(lambda: asyncio.run(self._clean())).result()
        return self.addresses

    def running(self) -> bool:
        return self.mailbox.process.alive()

    async def _clean(self) -> None:
        with MongoClient[dict[str, object]](self.addresses.mongodb) as client:
            for service in SERVICES:
                client.drop_database(service)
        admin = AIOKafkaAdminClient(bootstrap_servers=self.addresses.kafka)
        await admin.start()
        try:
            there = set(await admin.list_topics()) & {t.name for t in topics.table()}
            if there:
                await admin.delete_topics(sorted(there))  # and with them what groups committed
        finally:
            await admin.close()
        await topics.apply(self.addresses.kafka)


class TestBuild(System):
    """A system whose services can be killed at named points; ALLIANCE_PROVIDER=testcontainers
    gives it Kafka and MongoDB in containers."""

    __test__ = False

    def __init__(self, root: Path, **kwargs: object) -> None:
        super().__init__(root, **kwargs)  # type: ignore[arg-type]
        if os.environ.get(PROVIDER_VARIABLE) == TESTCONTAINERS:
            self.stack = Contained(root)
        self.stack.program = Forked

    def command(self, service: str, port: int) -> list[str]:
        return [sys.executable, "-m", "tests.chaos.service", service, str(port)]


@contextmanager
def running(settings: Mapping[str, str] | None = None, **kwargs: object) -> Iterator[TestBuild]:
    """A clean system that is stopped and deleted at the end."""
    os.environ.setdefault(LIFETIME_VARIABLE, "3")  # of a transaction whose client was killed
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the stack is stopped
    with tempfile.TemporaryDirectory(prefix="alliance-test-") as root:
        system = TestBuild(Path(root), settings={**FAST, **(settings or {})}, **kwargs)
        try:
            system.start()
            yield system
        finally:
            system.wipe()
