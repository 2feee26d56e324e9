"""The inbox: a batch of Kafka records becomes commands, each event's exactly once.

One transaction handles the events of a partition that came together: it first inserts
`{_id: "/source id"}` for each, so an event that was handled before is skipped, and the handlers'
state and log, and how far the partition was seen, are written in the same transaction. Where that
fails, events are taken one at a time; one that keeps failing goes to the dead letters and its
subject is parked. The offsets are committed by the caller, after all this. The inbox never expires.
"""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from itertools import groupby
from typing import Any

from opentelemetry.trace import SpanKind

from shared import crash, metrics, telemetry
from shared.actor import Actor, Cause
from shared.dead_letters import DeadLetters, Letter, RawRecord
from shared.events.envelope import NotAnEvent, read_record
from shared.events.registry import UnknownEvent, read_event
from shared.handlers import Delivery, Handlers
from shared.log import INBOX, Records
from shared.mongo import DuplicateKeyError, Session, Store, is_away
from shared.seen import mark
from shared.uow import UnitOfWork

log = logging.getLogger("alliance.inbox")

RETRY_PAUSES = (0.1, 0.5, 2.0)
"""Seconds before each further attempt at an event whose handler failed."""


class Inbox:
    """One service as a consumer of others' events."""

    def __init__(
        self,
        service: str,
        store: Store,
        records: Records,
        on: Handlers,
        letters: DeadLetters,
    ) -> None:
        self._store = store
        self._records = records
        self._on = on
        self._letters = letters
        self._actor = Actor(f"service:{service}")
        self._service = service
        self.outcomes: Counter[str] = Counter()
        self.waits_for_store = ""
        self.after_commit: list[Callable[[], None]] = []

    @property
    def waits_for(self) -> str:
        """The store or the broker, with what it last said; "" where it waits for neither."""
        if self.waits_for_store:
            return f"the store: {self.waits_for_store}"
        if self._letters.waits_for_broker:
            return f"the broker: {self._letters.waits_for_broker}"
        return ""

    async def handle(self, batch: Sequence[RawRecord]) -> None:
        """Handle all records of a batch, each partition's in its order. Never raises."""
        started = time.perf_counter()
        ordered = sorted(batch, key=lambda r: (r.topic, r.partition, r.offset))
        for (topic, _), records in groupby(ordered, key=lambda r: (r.topic, r.partition)):
            await self._partition(list(records), topic)
        metrics.process_duration.record(
            time.perf_counter() - started,
            {"messaging.consumer.group.name": self._service},
        )
        metrics.batches.record(len(batch), {"taker": "inbox"})

    async def _partition(self, records: list[RawRecord], topic: str) -> None:
        """The records of one partition, in their order.

        What comes before a broken record is handled before that is set aside, since setting it
        aside may park the subject of what follows, and of that only.
        """
        owner = topic.removesuffix(".events")
        deliveries: list[Delivery] = []
        for record in records:
            envelope = None
            try:
                envelope = read_record(record.headers, record.value, owner)
                event = read_event(envelope)
            except UnknownEvent:
                self._count("unknown")
            except NotAnEvent as error:
                await self._deliver(deliveries)
                deliveries = []
                await self._set_aside(Letter(record, "not-an-event", str(error), envelope))
            else:
                if type(event) in self._on:
                    deliveries.append(Delivery(record, envelope, event))
                else:
                    self._count("unhandled")
        await self._deliver(deliveries)

    async def _deliver(self, deliveries: list[Delivery]) -> None:
        if not deliveries:
            return
        subjects = {d.subject for d in deliveries}
        parked = await self._patiently(partial(self._letters.parked, subjects))
        if not parked and await self._together(deliveries):
            return
        for delivery in deliveries:
            record, envelope = delivery.record, delivery.envelope
            if behind := parked.get(delivery.subject):
                error = f"parked behind event {behind}"
                if await self._set_aside(Letter(record, "parked", error, envelope)):
                    continue
            if failure := await self._alone(delivery):
                parked[delivery.subject] = envelope.id
                await self._set_aside(Letter(record, "handler-failed", failure, envelope))

    async def handle_again(
        self, record: RawRecord, settle: Callable[[Session], Awaitable[None]]
    ) -> None:
        """Handle the record of a dead letter, in one transaction with what settles the letter.

        An event that was handled before is only settled. Raises NotAnEvent, UnknownEvent, and what
        `settle` and the handler raise.
        """
        envelope = read_record(record.headers, record.value, record.topic.removesuffix(".events"))
        event = read_event(envelope)
        if type(event) not in self._on:
            raise UnknownEvent(f"{envelope.type} has no handler here")
        delivery = Delivery(record, envelope, event)
        await self._patiently(lambda: self._commit([delivery], settle))

    async def _together(self, deliveries: list[Delivery]) -> bool:
        """All in one transaction; whether that worked."""
        try:
            await self._patiently(lambda: self._commit(deliveries))
        except Exception as error:
            if len(deliveries) > 1:
                log.info("a batch of %d is taken one at a time: %r", len(deliveries), error)
            return False
        return True

    async def _alone(self, delivery: Delivery) -> str | None:
        """One event with a few retries; what went wrong the last time, or None."""
        failure: Exception | None = None
        for pause in (0.0, *RETRY_PAUSES):
            await asyncio.sleep(pause)
            try:
                await self._patiently(lambda: self._commit([delivery]))
                return None
            except Exception as error:
                failure = error
                log.warning(
                    "%s of %s failed: %r",
                    delivery.envelope.type,
                    delivery.envelope.id,
                    error,
                    extra={"event_id": delivery.envelope.id},
                )
        return f"{type(failure).__name__}: {failure}"

    async def _commit(
        self,
        deliveries: list[Delivery],
        settle: Callable[[Session], Awaitable[None]] | None = None,
    ) -> None:
        async def run(session: Session) -> int:
            if settle is not None:
                await settle(session)
            return await self._run(session, deliveries)

        handled = await self._store.transaction(run)
        self._count("handled", handled)
        self._count("repeated", len(deliveries) - handled)
        for wake in self.after_commit:
            wake()
        crash.point("before-offset-commit")

    async def _run(self, session: Session, deliveries: list[Delivery]) -> int:
        """The transaction: inbox first, then each handler; how many were new."""
        ids = list({d.inbox_id: None for d in deliveries})
        inbox = self._store[INBOX]
        found = inbox.find({"_id": {"$in": ids}}, {"_id": 1}, session=session)
        known = {d["_id"] for d in await found.to_list(None)}
        fresh = [i for i in ids if i not in known]
        if not fresh:
            return 0
        new = list(_first_of_each(deliveries, set(fresh)))
        await inbox.insert_many([d.inbox_document() for d in new], session=session)
        uow = UnitOfWork(
            self._store,
            session,
            self._records,
            actor=self._actor,
            cause=Cause(""),
            now=datetime.now(UTC),
        )
        await uow.preload(d.event for d in new)
        for delivery in new:
            envelope = delivery.envelope
            with telemetry.span(
                f"process {delivery.record.topic}",
                SpanKind.CONSUMER,
                parent=envelope.traceparent,
                event_id=envelope.id,
                messaging__system="kafka",
                messaging__operation__name="process",
                messaging__operation__type="process",
                messaging__destination__name=delivery.record.topic,
                messaging__destination__partition__id=str(delivery.record.partition),
                messaging__kafka__message__key=envelope.subject,
                messaging__consumer__group__name=self._service,
            ):
                uow.react(self._actor, envelope)
                await self._on[type(delivery.event)](delivery.event, uow)
            crash.point("in-handler")
        await uow.flush()
        await mark(self._store, session, new)
        crash.point("before-commit")
        return len(fresh)

    async def _set_aside(self, letter: Letter) -> bool:
        """Note a letter, write it, note where it stands; False where there is nothing to be set
        aside (`DeadLetters.note`). What was set aside before is not written again."""
        note = await self._patiently(lambda: self._letters.note(letter))
        if note is None:
            return False
        if note["state"] != "waiting" or "letter" in note:
            self._count("repeated")
            return True
        letter = replace(letter, reason=note["reason"], error=note["error"])
        log.error("dead letter from %s: %s", letter.place, letter.error)
        where = await self._letters.write(letter)
        await self._patiently(lambda: self._letters.written(letter, where))
        self._count("dead-letter")
        return True

    async def _patiently(self, work: Callable[[], Awaitable[Any]]) -> Any:
        """Run `work`; while the store is away or another holds the same inbox id, run it again."""
        pause, collisions = 0.1, 0
        while True:
            try:
                result = await work()
                self.waits_for_store = ""
                return result
            except DuplicateKeyError:
                collisions += 1
                if collisions > 3:
                    raise
            except Exception as error:
                if not is_away(error):
                    raise
                if not self.waits_for_store:
                    log.warning("the partition waits for the store: %s", error)
                self.waits_for_store = str(error) or "no answer"
            await asyncio.sleep(pause)
            pause = min(pause * 2, 2.0)

    def _count(self, outcome: str, number: int = 1) -> None:
        if number:
            self.outcomes[outcome] += number
            metrics.processed.add(number, {"outcome": outcome})


def _first_of_each(deliveries: list[Delivery], wanted: set[str]) -> Iterator[Delivery]:
    for delivery in deliveries:
        if delivery.inbox_id in wanted:
            wanted.discard(delivery.inbox_id)
            yield delivery
