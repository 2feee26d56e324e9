"""What becomes of dead letters: they are handled again, or an operator decides to drop them.

A letter is settled once, in the transaction that handles its event, or that says who dropped it and
why. The last of a subject to be settled ends the parking in the same transaction; an event that
arrives meanwhile writes the same document (`DeadLetters.note`), so it either stands behind and is
waited for, or is handled after all of them. Within a subject letters are handled in their order.

Operators ask for replays; a worker does them, so that a crash in the middle goes on where it was.
An event that was dropped stands in the inbox as `dropped`: it is never handled, however it comes.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

from shared.dead_letters import DeadLetters, Document, RawRecord, Subject, found_in, key_of
from shared.errors import NotFound, Refused
from shared.events.envelope import rfc3339
from shared.inbox import Inbox
from shared.kafka import BrokerAway, Reader
from shared.log import DEAD_LETTERS, INBOX, PARKED
from shared.mongo import Session, Store, is_away
from shared.worker import Lease, Worker

log = logging.getLogger("alliance.dead_letters")

WRITTEN = {"letter": {"$exists": True}}
NO_LONGER_DUE = {"$unset": {"due": ""}}


class LetterSettled(Refused):
    """The letter was replayed or dropped before."""

    title = "Nothing waits there any more"

    def __init__(self, note: Document) -> None:
        super().__init__(
            "dead letter {letter} was {state} by {by} at {at}",
            letter=note["letter"],
            state=note["state"],
            by=note["settled_by"],
            at=note["settled_at"],
        )


class NotNext(Exception):
    """Another settled the letter first, or one before it of its subject waits again."""


@dataclass(frozen=True, slots=True)
class Decision:
    """Who decided something about letters, and when."""

    by: str
    at: datetime

    def asked(self, ask: str) -> Document:
        """What the note of a letter says that is to be replayed."""
        return {"ask": ask, "asked_by": self.by, "asked_at": rfc3339(self.at), "due": True}


class Letters:
    """The notes of one consumer's letters, read and changed in a transaction (`session`)."""

    def __init__(self, store: Store, session: Session | None = None) -> None:
        self._store, self._session = store, session
        self._notes, self._parked = store[DEAD_LETTERS], store[PARKED]

    async def require(self, letter: int) -> Document:
        """The note of the letter at an offset. Raises NotFound."""
        note = await self._notes.find_one({"letter": letter}, session=self._session)
        if note is None:
            raise NotFound("dead letter", str(letter))
        return note

    async def find(self, query: Document, after: int | None, limit: int) -> list[Document]:
        """Notes of written letters, in the order of the letters."""
        above: Document = WRITTEN if after is None else {"letter": {"$gt": after}}
        return await self._notes.find(query | above).sort("letter", 1).limit(limit).to_list(None)

    async def subjects(self) -> list[tuple[Document, int]]:
        """What is parked, and how many letters of each wait; the longest parked first."""
        waiting: dict[str, int] = {}
        async for note in self._notes.find({"state": "waiting"}, {"parks": 1}):
            waiting[note.get("parks", "")] = waiting.get(note.get("parks", ""), 0) + 1
        found = await self._parked.find().sort("since", 1).to_list(None)
        return [(d, waiting.get(d["_id"], 0)) for d in found]

    async def waiting(self) -> tuple[int, int]:
        """How many letters wait, and how many subjects are parked."""
        return (
            await self._notes.count_documents({"state": "waiting"}),
            await self._parked.count_documents({}),
        )

    async def ask(self, letter: int, decision: Decision) -> tuple[str, int]:
        """Have a letter handled again, and before it those of its subject that stand before it;
        the id of what was asked, and how many letters that are. Raises NotFound, LetterSettled."""
        note = await self.require(letter)
        if note["state"] != "waiting":
            raise LetterSettled(note)
        which = {"_id": note["_id"]}
        if "parks" in note:
            which = {"parks": note["parks"], "letter": {"$lte": letter}}
        return await self._ask(which, decision)

    async def ask_subject(self, subject: Subject, decision: Decision) -> tuple[str, int]:
        """Have all letters of a subject handled again, those that arrive meanwhile, too. Raises
        NotFound where it is not parked."""
        key = key_of(subject)
        if await self._parked.find_one({"_id": key}, session=self._session) is None:
            raise NotFound("parked subject", key)
        return await self._ask({"parks": key}, decision, {"_id": key})

    async def ask_all(self, decision: Decision) -> tuple[str, int]:
        """Have all letters handled again."""
        return await self._ask({}, decision, {})

    async def _ask(
        self, which: Document, decision: Decision, subjects: Document | None = None
    ) -> tuple[str, int]:
        ask = str(uuid4())
        asked = decision.asked(ask)
        done = await self._notes.update_many(
            which | {"state": "waiting"}, {"$set": asked}, session=self._session
        )
        if subjects is not None:
            del asked["due"]
            await self._parked.update_many(subjects, {"$set": asked}, session=self._session)
        return ask, done.matched_count

    async def drop(self, letter: int, reason: str, decision: Decision) -> Document:
        """Settle a letter whose event is not handled, now or ever. Raises NotFound,
        LetterSettled."""
        note = await self.require(letter)
        if note["state"] != "waiting":
            raise LetterSettled(note)
        if event := note.get("event"):
            inbox = self._store[INBOX]
            if await inbox.find_one({"_id": event}, session=self._session) is None:
                dropped = {"_id": event, "dropped": True}
                await inbox.insert_one(dropped, session=self._session)
        settled = {"state": "dropped", "settled_because": reason}
        return await self._settle(note, settled, decision)

    async def replayed(self, note: Document, decision: Decision) -> None:
        """Settle a letter whose event is handled in this transaction. Raises NotNext."""
        if "parks" in note:
            of_subject = {"parks": note["parks"], "state": "waiting"} | WRITTEN
            first = await self._notes.find_one(
                of_subject, sort=[("letter", 1)], session=self._session
            )
        else:
            first = await self._notes.find_one(
                {"_id": note["_id"], "state": "waiting"}, session=self._session
            )
        if first is None or first["_id"] != note["_id"]:
            raise NotNext
        await self._settle(note, {"state": "replayed"}, decision)

    async def _settle(self, note: Document, how: Document, decision: Decision) -> Document:
        settled = how | {"settled_by": decision.by, "settled_at": rfc3339(decision.at)}
        await self._notes.update_one(
            {"_id": note["_id"]}, {"$set": settled} | NO_LONGER_DUE, session=self._session
        )
        if parks := note.get("parks"):
            waits = {"parks": parks, "state": "waiting"}
            if await self._notes.find_one(waits, session=self._session) is None:
                await self._parked.delete_one({"_id": parks}, session=self._session)
        return {k: v for k, v in note.items() if k != "due"} | settled

    async def failed_again(self, note: Document, error: str) -> None:
        """The letter waits on, with what went wrong; and so do those behind it."""
        query = {"_id": note["_id"], "state": "waiting"}
        again = {"$set": {"error": error[:1000]}, "$inc": {"replays": 1}} | NO_LONGER_DUE
        await self._notes.update_one(query, again, session=self._session)
        if parks := note.get("parks"):
            behind = {"parks": parks, "state": "waiting"}
            await self._notes.update_many(behind, NO_LONGER_DUE, session=self._session)
            end = {"$unset": {"ask": "", "asked_by": "", "asked_at": ""}}
            await self._parked.update_one({"_id": parks}, end, session=self._session)


class Replaying:
    """Handles the letters again that operators asked for; `worker` runs it, one instance at a
    time, and what must not happen twice or out of order is fenced where it is written."""

    def __init__(
        self,
        letters: DeadLetters,
        inbox: Inbox,
        reader: Reader,
        now: Callable[[], datetime],
        *,
        ttl: float,
        poll: float,
    ) -> None:
        self._topic = letters.topic
        self._store = letters.store
        self._inbox = inbox
        self._reader = reader
        self._now = now
        self.worker = Worker(self._store, "dead-letters", self.step, ttl=ttl, poll=poll)

    async def step(self, lease: Lease) -> bool:
        """Handle one letter again; whether there was one."""
        due = {"due": True, "state": "waiting"} | WRITTEN
        note = await self._store[DEAD_LETTERS].find_one(due, sort=[("letter", 1)])
        if note is None:
            return False
        await self._again(note)
        return True

    async def read(self, note: Document) -> RawRecord:
        """The record of a letter, as it was found. Raises BrokerAway, RecordGone."""
        if note.get("left_out"):
            return await self._reader.read(note["topic"], note["partition"], note["offset"])
        return found_in(await self._reader.read(self._topic, 0, note["letter"]))

    async def _again(self, note: Document) -> None:
        decision = Decision(note["asked_by"], self._now())

        async def settle(session: Session) -> None:
            await Letters(self._store, session).replayed(note, decision)

        try:
            await self._inbox.handle_again(await self.read(note), settle)
        except NotNext:
            query = {"_id": note["_id"], "state": "waiting"}
            await self._store[DEAD_LETTERS].update_one(query, NO_LONGER_DUE)
        except Exception as error:
            if is_away(error) or isinstance(error, BrokerAway):
                raise
            said = f"{type(error).__name__}: {error}"
            log.warning("dead letter %d failed again: %s", note["letter"], said)
            await self._store.transaction(
                lambda session: Letters(self._store, session).failed_again(note, said)
            )
        else:
            log.info("dead letter %d was replayed for %s", note["letter"], decision.by)
