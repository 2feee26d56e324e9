"""The relay: gives each event its position in the service's log and publishes it, in order.

One leased instance per service. A batch is read, given positions and unpended in one transaction
that also moves the counter in the relay's own document, where the holder of the lease is checked:
a paused old holder that wakes up can write nothing. The unique index on `position` is the second
fence. Then the batch is sent, and when all of it is acknowledged, `published` moves up to it. A
crash anywhere leads to the same bytes being sent again, from `published` on.
"""

import asyncio
import logging
import time
from typing import Any

from opentelemetry.trace import SpanKind
from pymongo import UpdateOne

from shared import crash, metrics, telemetry
from shared.kafka import BrokerAway, Producer, Reader, Record
from shared.log import LOG, envelope
from shared.mongo import Session, Store
from shared.worker import LEASES, Lease, LeaseLost, Worker

log = logging.getLogger("alliance.relay")

BATCH = 500
"""Most events in one transaction and one send."""

Document = dict[str, Any]


class LogLost(Exception):
    """The store has none of the events that its topic has."""


class Relay:
    """The relay of one service; `worker` runs it."""

    def __init__(
        self,
        store: Store,
        service: str,
        producer: Producer,
        *,
        reader: Reader | None = None,
        ttl: float = 5.0,
        poll: float = 0.25,
    ) -> None:
        self._store = store
        self._reader = reader
        self._service = service
        self._topic = f"{service}.events"
        self._producer = producer
        self._waiting: list[Document] = []
        self.waits_for_broker = ""
        self.worker = Worker(store, "relay", self.step, begin=self._begin, ttl=ttl, poll=poll)

    async def _begin(self, lease: Lease) -> None:
        """Forget what an earlier turn held in memory; the store knows what is unpublished."""
        self._waiting = []
        if self._reader is not None:
            await self._must_not_be_lost(self._reader)

    async def _must_not_be_lost(self, reader: Reader) -> None:
        """A log is never begun anew: others have handled what stood at its positions. Raises
        LogLost, and lets nothing be written to the store any more."""
        counters = await self._store[LEASES].find_one({"_id": "relay"}) or {}
        if counters.get("next", 0):
            return
        for partition in range(await self._producer.partitions(self._topic)):
            if await reader.end(self._topic, partition):
                self._store.refuses = (
                    f"{self._topic} has events and the store none, so it is lost: stop "
                    f"{self._service}, give the store an empty volume, alliance recover"
                )
                raise LogLost(self._store.refuses)

    async def step(self, lease: Lease) -> bool:
        """Publish one batch: what was sequenced and never acknowledged first, then what is new."""
        if not self._waiting:
            self._waiting = await self._unpublished() or await self._sequence(lease)
        if not self._waiting:
            return False
        await self._publish(self._waiting)
        crash.point("after-produce")
        await self._mark(lease, self._waiting[-1]["position"] + 1)
        full = len(self._waiting) == BATCH
        self._waiting = []
        return full

    async def backlog(self) -> int:
        """How many events are not published yet: pending, or sequenced and not acknowledged."""
        counters = await self._store[LEASES].find_one({"_id": "relay"}) or {}
        pending = await self._store[LOG].count_documents({"pending": True})
        return int(pending + counters.get("next", 0) - counters.get("published", 0))

    async def oldest(self) -> str | None:
        """When the event was recorded that waits longest to be published; None where none does."""
        counters = await self._store[LEASES].find_one({"_id": "relay"}) or {}
        published = counters.get("published", 0)
        log = self._store[LOG]
        found = [await log.find_one({"pending": True}, sort=[("_id", 1)])]
        if published < counters.get("next", 0):
            found.append(await log.find_one({"position": published}))
        return min((d["time"] for d in found if d is not None), default=None)

    async def _unpublished(self) -> list[Document]:
        counters = await self._store[LEASES].find_one({"_id": "relay"}) or {}
        published = counters.get("published", 0)
        if published >= counters.get("next", 0):
            return []
        cursor = self._store[LOG].find({"position": {"$gte": published}}).sort("position", 1)
        return await cursor.limit(BATCH).to_list(None)

    async def _sequence(self, lease: Lease) -> list[Document]:
        """Give the next positions to pending events, in the order of their ids.

        The relay's own document is written first: so what keeps the lease alive meets this
        transaction, and is refused. Were it written last, a store that takes longer to find the
        batch than the lease's beat would refuse this, each time again.
        """
        if await self._store[LOG].find_one({"pending": True}, {"_id": 1}) is None:
            return []

        async def work(session: Session) -> list[Document]:
            ours = {"_id": "relay", "holder": lease.holder}
            counters = await self._store[LEASES].find_one_and_update(
                ours, {"$inc": {"beat": 1}}, session=session
            )
            if counters is None:
                raise LeaseLost("relay")
            pending = self._store[LOG].find({"pending": True}, session=session).sort("_id", 1)
            batch: list[Document] = await pending.limit(BATCH).to_list(None)
            if not batch:
                return []
            await self._store[LEASES].update_one(
                ours, {"$inc": {"next": len(batch)}}, session=session
            )
            crash.point("in-sequencing")
            for position, document in enumerate(batch, counters.get("next", 0)):
                document["position"] = position
            await self._store[LOG].bulk_write(
                [
                    UpdateOne(
                        {"_id": d["_id"]},
                        {
                            "$set": {
                                "position": d["position"],
                                "leaf": envelope(self._service, d).leaf_hash(),
                            },
                            "$unset": {"pending": ""},
                        },
                    )
                    for d in batch
                ],
                session=session,
            )
            return batch

        batch = await self._store.transaction(work)
        if batch:
            crash.point("before-produce")
        return batch

    async def _publish(self, batch: list[Document]) -> None:
        started = time.perf_counter()
        records = []
        for document in batch:
            event = envelope(self._service, document)
            records.append(Record(self._topic, event.key(), event.value(), event.headers()))
            if event.traceparent is not None:
                with telemetry.span(
                    f"send {self._topic}",
                    SpanKind.PRODUCER,
                    parent=event.traceparent,
                    event_id=event.id,
                    messaging__system="kafka",
                    messaging__operation__name="send",
                    messaging__operation__type="send",
                    messaging__destination__name=self._topic,
                    messaging__kafka__message__key=event.subject,
                ):
                    pass  # the batch is sent as one; the span marks the hand-over of this event
        try:
            await self._producer.send(records)
        except BrokerAway as error:
            if not self.waits_for_broker:
                log.warning("the broker is away, %d events wait: %s", len(batch), error)
            self.waits_for_broker = str(error)
            raise
        self.waits_for_broker = ""
        attributes = {"messaging.destination.name": self._topic}
        metrics.published.add(len(batch), attributes)
        metrics.operation_duration.record(time.perf_counter() - started, attributes)
        metrics.batches.record(len(batch), {"taker": "relay"})

    async def _mark(self, lease: Lease, published: int) -> None:
        done = await self._store[LEASES].update_one(
            {"_id": "relay", "holder": lease.holder}, {"$set": {"published": published}}
        )
        if done.matched_count != 1:
            raise LeaseLost("relay")


async def wake_on_inserts(store: Store, worker: Worker) -> None:
    """Wake the relay for events that other instances of the service committed.

    Polling finds what this misses; any error only means that polling is all there is for a while.
    """
    while True:
        try:
            async with store.inserts(LOG) as wait:
                while True:
                    if await wait(30):
                        worker.wake()
        except Exception as error:
            log.debug("no change stream: %s", error)
            await asyncio.sleep(2)
