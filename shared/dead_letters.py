"""Dead letters: what a consumer could not handle, with its original bytes and headers.

A letter keeps the record's key, value and headers as they came; headers `dlq-…` say where it was
found and why it is here. The subject of an event that failed is *parked*: its later events follow
it here, so nothing of a subject is handled out of order. Which subjects are parked stands in the
consumer's store (collection `parked`).
"""

import asyncio
import hashlib
import logging
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from aiokafka import ConsumerRecord
from pymongo.errors import DuplicateKeyError

from shared.kafka import BrokerAway, Producer, Record, RecordTooLarge
from shared.mongo import Store

log = logging.getLogger("alliance.dead_letters")

PARKED = "parked"
MAX_LETTER = 256 * 2**20
"""Most bytes of one letter before compression. The broker counts compressed bytes, so a record
that it took may be far larger than its limit once it is read; letters are compressed, too."""

RawRecord: TypeAlias = "ConsumerRecord[Any, Any]"
Subject = tuple[str, str]
"""(source, subject) of an event."""


@dataclass(frozen=True, slots=True)
class Letter:
    """One record that could not be handled, and why."""

    record: RawRecord
    reason: str
    error: str

    def without_value(self) -> "Letter":
        """The letter of a record that no letter can hold: size and hash instead of the bytes."""
        value = self.record.value or b""
        digest = hashlib.sha256(value).hexdigest()
        error = f"{self.error} (value left out: {len(value):,} bytes, SHA-256 {digest})"
        return Letter(replace(self.record, value=None), self.reason, error)

    def as_record(self, topic: str) -> Record:
        """What is written to the dead-letters topic."""
        found = self.record
        added = {
            "dlq-reason": self.reason,
            "dlq-error": self.error[:1000],
            "dlq-topic": found.topic,
            "dlq-partition": str(found.partition),
            "dlq-offset": str(found.offset),
        }
        headers: Sequence[tuple[str, bytes | None]] = [
            *found.headers,
            *((name, text.encode("utf-8", "replace")) for name, text in added.items()),
        ]
        return Record(topic, found.key, found.value, headers)


class DeadLetters:
    """One consumer's dead letters and parked subjects."""

    def __init__(self, consumer: str, store: Store, producer: Producer) -> None:
        self.topic = f"{consumer}.dead-letters"
        self._store = store
        self._producer = producer
        self.waits_for_broker = ""

    async def parked(self, subjects: Iterable[Subject]) -> dict[Subject, str]:
        """Which of these subjects are parked, and behind which event's id."""
        keys = {_key(s): s for s in subjects}
        found = self._store[PARKED].find({"_id": {"$in": list(keys)}})
        return {keys[d["_id"]]: d["behind"] async for d in found}

    async def park(self, subject: Subject, event_id: str) -> None:
        """Later events of this subject wait behind this one."""
        with suppress(DuplicateKeyError):  # parked already, behind an earlier one
            await self._store[PARKED].insert_one({"_id": _key(subject), "behind": event_id})

    async def write(self, letters: Sequence[Letter]) -> None:
        """Write letters and return when the broker has them, however long it is away."""
        pause = 0.5
        while letters:
            try:
                await self._producer.send([letter.as_record(self.topic) for letter in letters])
                break
            except RecordTooLarge:
                # Even compressed: the original stays where it was found, which the letter names.
                letters = [letter.without_value() for letter in letters]
            except BrokerAway as error:
                self.waits_for_broker = str(error)
                log.warning("%d dead letters wait for the broker: %s", len(letters), error)
                await asyncio.sleep(pause)
                pause = min(pause * 2, 5.0)
        self.waits_for_broker = ""


def _key(subject: Subject) -> str:
    return " ".join(subject)
