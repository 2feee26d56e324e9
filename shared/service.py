"""One service: its store, relay, consumer and workers, wired one way for all; HTTP is serving.py's.

It waits for the store and the broker as long as it takes. Stop: the batch in hand is finished,
leases are given up, the store is closed last.
"""

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import TypeVar

from pymongo.errors import PyMongoError

from shared import telemetry
from shared.actor import Actor, Cause, new_correlation
from shared.consume import Consumer
from shared.dead_letters import MAX_LETTER, DeadLetters
from shared.handlers import Handlers
from shared.inbox import Inbox
from shared.kafka import BrokerAway, Producer, Reader
from shared.letters import Replaying
from shared.log import RESTORING, Records
from shared.mongo import Session, Store, StoreAway
from shared.progress import Progress
from shared.relay import Relay, wake_on_inserts
from shared.retention import EXIT_UNSAFE, FOR_EVER, finite
from shared.settings import Settings
from shared.uow import UnitOfWork
from shared.worker import Worker

log = logging.getLogger("alliance.service")

T = TypeVar("T")


class Service:
    """A service that `run` runs until it is cancelled, and `stop` stops. `workers` build what else
    it does by itself, one instance at a time."""

    def __init__(
        self,
        settings: Settings,
        records: Records,
        on: Handlers,
        workers: Sequence[Callable[["Service"], Worker]] = (),
    ) -> None:
        self.name = records.service
        self.settings = settings
        self.records = records
        telemetry.start(self.name, settings.otlp_endpoint, settings.log_level)
        self.store = Store(
            settings.mongodb, self.name, settings.store_patience_seconds, settings.login
        )
        self.producer = Producer(
            settings.kafka, client_id=f"{self.name}-relay", security=settings.security
        )
        self.reader = Reader(
            settings.kafka, client_id=f"{self.name}-letters", security=settings.security
        )
        self.relay = Relay(
            self.store,
            self.name,
            self.producer,
            reader=self.reader,
            ttl=settings.lease_seconds,
            poll=settings.poll_seconds,
        )
        self._letters_producer = Producer(
            settings.kafka,
            client_id=f"{self.name}-dead-letters",
            security=settings.security,
            max_request=MAX_LETTER,
            compression="gzip",
        )
        self.inbox: Inbox | None = None
        self.consumer: Consumer | None = None
        if on.topics():
            letters = DeadLetters(self.name, self.store, self._letters_producer)
            self.inbox = Inbox(self.name, self.store, records, on, letters)
            self.consumer = Consumer(
                self.name,
                self.inbox,
                on.topics(),
                settings.kafka,
                security=settings.security,
                stuck_after=settings.stuck_seconds,
                session=settings.session_seconds,
            )
            self.inbox.after_commit.append(self.wake)
        self.workers = [build(self) for build in workers]
        self.replaying: Replaying | None = None
        if self.inbox is not None:
            self.replaying = Replaying(
                letters,
                self.inbox,
                self.reader,
                lambda: datetime.now(UTC),
                ttl=settings.lease_seconds,
                poll=settings.poll_seconds,
            )
            self.workers.append(self.replaying.worker)
        self._prepared = False

    def wake(self) -> None:
        """Something was committed: the relay and the workers look at once."""
        self.relay.worker.wake()
        for worker in self.workers:
            worker.wake()

    async def command(
        self,
        work: Callable[[UnitOfWork], Awaitable[T]],
        cause: Cause | None = None,
        patience: float | None = None,
    ) -> T:
        """Run a command of the service's own in one transaction, and wake what follows from it.

        `patience` is as `Store.transaction` has it.
        """
        moment = datetime.now(UTC)
        recorded = 0

        async def run(session: Session) -> T:
            nonlocal recorded
            uow = UnitOfWork(
                self.store,
                session,
                self.records,
                actor=Actor(f"service:{self.name}"),
                cause=cause or Cause(new_correlation()),
                now=moment,
            )
            result = await work(uow)
            await uow.flush()
            recorded = uow.recorded
            return result

        result = await self.store.transaction(run, patience)
        if recorded:
            self.wake()
        return result

    async def readiness(self) -> dict[str, str]:
        """What stands between this service and its work, by part; "ok" where nothing does."""
        found = {"store": "ok", "broker": "ok", "relay": "ok"}
        try:
            await self.store.ping()
        except StoreAway as error:
            found["store"] = f"away: {error}"[:200]
        try:
            await self.producer.partitions(f"{self.name}.events")
        except BrokerAway as error:
            found["broker"] = f"away: {error}"[:200]
        if not self._prepared:
            found["relay"] = "waits for the store's indexes"
        elif trouble := self.relay.worker.trouble:
            found["relay"] = trouble
        for worker in self.workers:
            found[worker.name] = worker.trouble or "ok"
        if self.consumer is not None:
            found["consumer"] = "ok"
            if not self.consumer.started:
                found["consumer"] = "connects to the broker"
            elif self.consumer.waits_for:
                found["consumer"] = f"waits: {self.consumer.waits_for}"[:200]
        return found

    async def progress(self) -> Progress:
        """What it has still to publish and to read, all its instances together."""
        lag: dict[str, int] | None = {}
        if self.consumer is not None:
            try:
                lag = await self.consumer.uncommitted()
            except BrokerAway as error:
                log.warning("the broker does not say how far behind we are: %s", error)
                lag = None
        return Progress(
            service=self.name,
            backlog=await self.relay.backlog(),
            oldest_unpublished=await self.relay.oldest(),
            lag=lag,
        )

    async def run(self) -> None:
        """Publish, handle and work until cancelled, as soon as the store is prepared."""
        await self._prepare()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._topic_is_safe())
            group.create_task(self.relay.worker.run())
            group.create_task(wake_on_inserts(self.store, self.relay.worker))
            for worker in self.workers:
                group.create_task(worker.run())
            if self.consumer is not None:
                group.create_task(self.consumer.run())

    async def stop(self, running: "Collection[asyncio.Task[None]]") -> None:
        """Finish the batch in hand, cancel these tasks, and close what is open."""
        if self.consumer is not None:
            with suppress(Exception):
                await self.consumer.stop()
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        for client in (self.producer, self._letters_producer, self.reader):
            await client.discard()
        self.store.close()

    async def _topic_is_safe(self) -> None:
        """End the process where our log would lose its beginning, unless that is allowed."""
        topic, settings = f"{self.name}.events", self.settings
        unsafe = await finite(topic, settings.kafka, settings.security)
        said = ", ".join(f"{name} is {value}" for name, value in unsafe.items())
        if unsafe and "finite-retention" in settings.allow_unsafe:
            log.warning("%s will lose events, as ALLIANCE_ALLOW_UNSAFE allows: %s", topic, said)
        elif unsafe:
            log.critical(
                "%s would lose events: %s; allowed: %s, or ALLIANCE_ALLOW_UNSAFE=finite-retention",
                topic,
                said,
                ", ".join(f"{name} {FOR_EVER[name]}" for name in unsafe),
            )
            os._exit(EXIT_UNSAFE)

    async def _prepare(self) -> None:
        """Collections and indexes, as soon as the store is there."""
        pause = 0.2
        while not self._prepared:
            try:
                await _unless_restoring(self.store)
                await self.store.ensure(self.records.indexes())
                self._prepared = True
            except (PyMongoError, StoreAway) as error:
                log.warning("the store is away, trying again: %s", error)
                await asyncio.sleep(pause)
                pause = min(pause * 2, 2.0)


async def _unless_restoring(store: Store) -> None:
    """Half a restored store would be taken for the whole. Raises StoreAway."""
    if found := await store[RESTORING].find_one():
        raise StoreAway(f"it is being restored since {found['since']}, and that was not proven yet")
