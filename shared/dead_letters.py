"""Dead letters: what a consumer could not handle, with its original bytes and headers.

A letter is a record of `<consumer>.dead-letters`: key, value and headers as they came, and headers
`dlq-…` that say where it was found and why it is here. The subject of an event that failed is
*parked*: its later events follow it here, so nothing of a subject is handled out of order.

Collection `dead_letters` of the consumer's store has one note for each record that was set aside,
under the place where it was found (`topic/partition/offset`), and says what became of it. The note
is written first, in one transaction with the parking, then the letter, then its offset into the
note: whatever a crash leaves, the record comes again, and the note says what is still to be done.
What becomes of letters later is in letters.py.
"""

import asyncio
import hashlib
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Literal, TypeAlias

from aiokafka import ConsumerRecord

from shared import crash
from shared.events.envelope import Envelope, rfc3339
from shared.kafka import BrokerAway, Producer, Record, RecordTooLarge
from shared.log import DEAD_LETTERS, INBOX, PARKED
from shared.mongo import Session, Store

log = logging.getLogger("alliance.dead_letters")

MAX_LETTER = 256 * 2**20
"""Most bytes of one letter before compression. The broker counts compressed bytes, so a record
that it took may be far larger than its limit once it is read; letters are compressed, too."""

ADDED = ("dlq-reason", "dlq-error", "dlq-topic", "dlq-partition", "dlq-offset")
"""Headers that a letter has behind those of the record that was found."""

RawRecord: TypeAlias = "ConsumerRecord[Any, Any]"
Document = dict[str, Any]
Subject = tuple[str, str]
"""(source, subject) of an event."""
Reason = Literal["not-an-event", "handler-failed", "parked"]


@dataclass(frozen=True, slots=True)
class Letter:
    """One record that could not be handled, why, and the event that it is, if it is one."""

    record: RawRecord
    reason: Reason
    error: str
    envelope: Envelope | None = None

    @property
    def place(self) -> str:
        """Where the record was found."""
        return f"{self.record.topic}/{self.record.partition}/{self.record.offset}"

    @property
    def subject(self) -> Subject | None:
        """What is parked behind it."""
        return (self.envelope.source, self.envelope.subject) if self.envelope else None

    def without_value(self) -> "Letter":
        """The letter of a record that no letter can hold: size and hash instead of the bytes."""
        value = self.record.value or b""
        digest = hashlib.sha256(value).hexdigest()
        error = f"{self.error} (value left out: {len(value):,} bytes, SHA-256 {digest})"
        return replace(self, record=replace(self.record, value=None), error=error)

    def as_record(self, topic: str) -> Record:
        """What is written to the dead-letters topic."""
        found = self.record
        said = (
            self.reason,
            self.error[:1000],
            found.topic,
            str(found.partition),
            str(found.offset),
        )
        headers: Sequence[tuple[str, bytes | None]] = [
            *found.headers,
            *((n, text.encode("utf-8", "replace")) for n, text in zip(ADDED, said, strict=True)),
        ]
        return Record(topic, found.key, found.value, headers)

    def note(self, now: datetime) -> Document:
        """What the store keeps of it; `letter`, its offset, is added when it was written."""
        event = self.envelope
        return {
            "_id": self.place,
            "topic": self.record.topic,
            "partition": self.record.partition,
            "offset": self.record.offset,
            "state": "waiting",
            "reason": self.reason,
            "error": self.error[:1000],
            "since": rfc3339(now),
            "replays": 0,
            **(
                {
                    "parks": key_of((event.source, event.subject)),
                    "event": event.identity,
                    "type": event.type,
                    "source": event.source,
                    "subject": event.subject,
                }
                if event
                else {}
            ),
        }


def found_in(letter: RawRecord) -> RawRecord:
    """The record that a letter was made of, as it was found."""
    said = {name: (value or b"").decode() for name, value in letter.headers[-len(ADDED) :]}
    return replace(
        letter,
        topic=said["dlq-topic"],
        partition=int(said["dlq-partition"]),
        offset=int(said["dlq-offset"]),
        headers=tuple(letter.headers[: -len(ADDED)]),
    )


class DeadLetters:
    """One consumer's dead letters and parked subjects."""

    def __init__(self, consumer: str, store: Store, producer: Producer) -> None:
        self.topic = f"{consumer}.dead-letters"
        self.store = store
        self._producer = producer
        self.waits_for_broker = ""

    async def parked(self, subjects: Iterable[Subject]) -> dict[Subject, str]:
        """Which of these subjects are parked, and behind which event's id."""
        keys = {key_of(s): s for s in subjects}
        found = self.store[PARKED].find({"_id": {"$in": list(keys)}})
        return {keys[d["_id"]]: d["behind"] async for d in found}

    async def note(self, letter: Letter) -> Document | None:
        """Note a letter that is to be written, and park its subject, in one transaction.

        The note as it is: that of a record that was set aside before stays as it was. None where
        there is nothing to be set aside: the event was handled, or its subject, behind which it
        was to wait, is not parked any more.
        """
        now = datetime.now(UTC)
        return await self.store.transaction(lambda session: self._note(session, letter, now))

    async def _note(self, session: Session, letter: Letter, now: datetime) -> Document | None:
        notes = self.store[DEAD_LETTERS]
        if found := await notes.find_one({"_id": letter.place}, session=session):
            return found
        note = letter.note(now)
        if letter.envelope is not None:
            identity = {"_id": letter.envelope.identity}
            if letter.reason != "not-an-event" and await self.store[INBOX].find_one(
                identity, {"_id": 1}, session=session
            ):
                return None
            # This writes what settling the last letter deletes: one of the two sees the other.
            parked = await self.store[PARKED].find_one_and_update(
                {"_id": note["parks"]},
                {
                    "$inc": {"letters": 1},
                    "$setOnInsert": {
                        "behind": letter.envelope.id,
                        "source": letter.envelope.source,
                        "subject": letter.envelope.subject,
                        "since": note["since"],
                    },
                },
                upsert=letter.reason != "parked",
                session=session,
            )
            if parked is None and letter.reason == "parked":
                return None
            if parked is not None and "ask" in parked:  # it is being replayed: this one, too
                note |= {f: parked[f] for f in ("ask", "asked_by", "asked_at")} | {"due": True}
        await notes.insert_one(note, session=session)
        return note

    async def write(self, letter: Letter) -> Document:
        """Write a letter that was noted, however long the broker is away; what `written` notes."""
        pause, left_out = 0.5, False
        crash.point("letter-noted")
        while True:
            try:
                [offset] = await self._producer.send([letter.as_record(self.topic)])
                break
            except RecordTooLarge:
                # Even compressed: the original stays where it was found, which the letter names.
                letter, left_out = letter.without_value(), True
            except BrokerAway as error:
                self.waits_for_broker = str(error)
                log.warning("a dead letter waits for the broker: %s", error)
                await asyncio.sleep(pause)
                pause = min(pause * 2, 5.0)
        self.waits_for_broker = ""
        crash.point("letter-written")
        return {"letter": offset} | ({"left_out": True} if left_out else {})

    async def written(self, letter: Letter, where: Document) -> None:
        """Note where a letter stands; of one that was written twice, the first that is noted."""
        query = {"_id": letter.place, "letter": {"$exists": False}}
        await self.store[DEAD_LETTERS].update_one(query, {"$set": where})


def key_of(subject: Subject) -> str:
    """A parked subject's key."""
    return " ".join(subject)
