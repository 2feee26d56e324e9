"""The unit of work: one transaction that changes state and appends the events that say so.

Commands load with `get`, `require` and `find`, decide with their model, and `record` what they
decided. `record` evolves every document the event touches and appends it to the log; all of it
is written at once in `flush`, with the version of each document checked. Nobody else touches the
log or a folded collection.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Literal, TypeVar, cast

from pymongo import InsertOne, ReplaceOne

from shared import telemetry
from shared.actor import Actor, Cause, Origin
from shared.errors import EventTooLarge, NotFound, PreconditionRequired, VersionConflict
from shared.events.envelope import LEAF_LIMIT, Envelope, rfc3339
from shared.events.ids import event_id_after
from shared.events.registry import Event
from shared.log import INBOX, LOCK, LOG, Folded, Held, Records, State, entry, held
from shared.mongo import Session, Store

S = TypeVar("S", bound=State)
IfMatch = frozenset[int] | Literal["*"] | None
"""The revisions that the caller has seen of what it changes; `*` for any."""


class UnitOfWork:
    """One transaction of one service. `now` is the moment of the command, decided once, outside."""

    def __init__(
        self,
        store: Store,
        session: Session,
        records: Records,
        *,
        actor: Actor,
        cause: Cause,
        now: datetime,
    ) -> None:
        self.store = store
        self.session = session
        self.records = records
        self.actor = actor
        self.now = now
        self.reacting_to: Envelope | None = None
        self.if_match: IfMatch = None
        self.target_version: int | None = None
        self.answered: int | None = None
        self.answer_again: bytes | None = None
        """The body that a repeated request is answered, where the first holds a secret."""
        self._cause = cause
        self._held: dict[tuple[str, str], Held[Any]] = {}
        self._changed: dict[tuple[str, str], None] = {}
        self._entries: list[dict[str, Any]] = []
        self._recorded = 0
        self._last_id: str | None = None
        self._recalled: dict[Origin, tuple[Cause, str | None]] = {}
        self._locks: dict[str, set[str]] = {}

    @property
    def recorded(self) -> int:
        """How many events this unit of work has recorded."""
        return self._recorded

    def react(self, actor: Actor, envelope: Envelope) -> None:
        """What is recorded from here on is this actor's, because of this foreign event."""
        self.actor = actor
        self.reacting_to = envelope
        self._cause = Cause(envelope.correlation_id, envelope.id)

    def because(self, cause: Cause) -> None:
        """What is recorded from here on follows from this."""
        self._cause = cause

    def origin(self, collection: Folded[Any], key: str) -> Origin:
        """The last event that was folded into a document that was loaded here."""
        event_id = self._held[collection.name, key].last_event
        assert event_id is not None, "the document is stored"
        return Origin(event_id, collection.owner)

    async def follow(self, origin: Origin) -> str | None:
        """What is recorded from here on is because of this event; its traceparent.

        For work that starts by itself some time after the event that made it due.
        """
        if origin not in self._recalled:
            await self.recall([origin])
        if origin not in self._recalled:
            raise NotFound("event", origin.event_id)
        self._cause, traceparent = self._recalled[origin]
        return traceparent

    async def recall(self, origins: Sequence[Origin]) -> None:
        """Load what `follow` needs to know of these events, all at once."""
        await self.flush()
        for own, collection in ((True, LOG), (False, INBOX)):
            wanted = {
                o.event_id if own else f"/{o.owner} {o.event_id}": o
                for o in origins
                if (o.owner == self.records.service) is own
            }
            query = {"_id": {"$in": list(wanted)}}
            found = self.store[collection].find(query, session=self.session) if wanted else None
            for document in await found.to_list(None) if found is not None else ():
                origin = wanted[document["_id"]]
                cause = Cause(document["correlation_id"], origin.event_id, own)
                self._recalled[origin] = cause, document["traceparent"]

    async def get(self, collection: Folded[S], key: str) -> S | None:
        """The state of one document, as this transaction sees it; None where there is none."""
        return (await self._hold(collection, key)).state

    async def require(self, collection: Folded[S], key: str) -> S:
        """The state of one document. Raises NotFound."""
        state = await self.get(collection, key)
        if state is None:
            raise NotFound(collection.state.what, key)
        return state

    async def find(
        self,
        collection: Folded[S],
        query: dict[str, Any],
        sort: str = "_id",
        limit: int = 0,
        descending: bool = False,
    ) -> list[S]:
        """The states a query finds, in the order of `sort`, what was recorded here included."""
        await self.flush()
        cursor = self.store[collection.name].find(query, session=self.session)
        cursor = cursor.sort(sort, -1 if descending else 1).limit(limit)
        return [
            cast(S, self._keep(collection, document).state)
            for document in await cursor.to_list(None)
        ]

    async def target(self, collection: Folded[S], key: str) -> S:
        """The state of the document that the command is about: the caller must have seen its
        revision, or say that any will do.

        Raises NotFound, PreconditionRequired and VersionConflict.
        """
        state = await self.require(collection, key)
        current = self.target_version = self.revision(collection, key)
        if self.if_match is None:
            raise PreconditionRequired(
                "send If-Match with the ETag that you saw of {what} {key}",
                what=collection.state.what,
                key=key,
                field="If-Match",
            )
        if self.if_match != "*" and current not in self.if_match:
            raise VersionConflict(collection.state.what, key, current, sorted(self.if_match))
        return state

    def revision(self, collection: Folded[Any], key: str) -> int:
        """The revision of a document that was loaded here."""
        return self._held[collection.name, key].revision

    async def record(self, collection: Folded[S], *events: Event) -> S:
        """Append events to the log and evolve all they touch; the new state of the last one's
        document in `collection`.

        Raises EventTooLarge.
        """
        key = ""
        for event in events:
            await self._record(event)
            key = next(collection.touched(event), key)
        state = await self.require(collection, key)
        self.answered = self.revision(collection, key)
        return state

    async def _record(self, event: Event) -> None:
        if event.owner != self.records.service:
            raise TypeError(
                f"{event.type} is recorded by {event.owner}, not {self.records.service}"
            )
        touched = []
        for collection, key in self.records.touched(event):
            if type(event) in collection.begins and key == event.subject:
                self._held.setdefault((collection.name, key), Held())
            touched.append((collection, key, await self._hold(collection, key)))
        subject = next((h for _, key, h in touched if key == event.subject), None)
        if subject is None:
            raise TypeError(f"no collection of {self.records.service} holds {event.type}'s subject")
        cause = self._cause.event_id
        event_id = event_id_after(
            cause if self._cause.own else None,
            self._last_id,
            *(h.last_event for _, _, h in touched),
        )
        envelope = Envelope(
            id=event_id,
            source=f"/{self.records.service}",
            type=event.ce_type(),
            subject=event.subject,
            subject_version=subject.subject_version + 1,
            time=rfc3339(self.now),
            actor=self.actor.name,
            correlation_id=self._cause.correlation_id,
            causation_id=cause,
            traceparent=telemetry.traceparent(),
            data=event.data(),
        )
        if len(envelope.data.encode()) > LEAF_LIMIT - 1_000:
            raise EventTooLarge(
                "{event} would be {given:,} bytes long, allowed: {allowed:,}",
                event=event.type,
                given=len(envelope.data.encode()),
                allowed=LEAF_LIMIT - 1_000,
            )
        for collection, key, document in touched:
            document.fold(collection, event, key, event_id)
            self._changed[collection.name, key] = None
        self._entries.append(entry(envelope))
        self._recorded += 1
        self._last_id = event_id
        if cause is None:  # what the same command records next follows from its first event
            self._cause = Cause(self._cause.correlation_id, event_id, own=True)

    async def learn(self, event: Event) -> None:
        """Fold the foreign event this reacts to into this service's foreign collections."""
        envelope = self.reacting_to
        assert envelope is not None, "only a handler learns"
        for collection, key in self.records.touched(event):
            document = await self._hold(collection, key)
            if document.learn(collection, event, key, envelope):
                self._changed[collection.name, key] = None

    async def preload(self, events: Iterable[Event]) -> None:
        """Load what these events touch, with one query for each collection."""
        wanted: dict[Folded[Any], set[str]] = {}
        for event in events:
            for collection, key in self.records.touched(event):
                if (collection.name, key) not in self._held:
                    wanted.setdefault(collection, set()).add(key)
        for collection, keys in wanted.items():
            await self.load(collection, keys)

    async def load(self, collection: Folded[S], keys: Iterable[str]) -> list[S]:
        """Load documents with one query; the states of those that are there."""
        await self.flush()
        missing = set(keys)
        query = {"_id": {"$in": sorted(missing)}}
        found = self.store[collection.name].find(query, session=self.session)
        states = []
        for document in await found.to_list(None):
            states.append(cast(S, self._keep(collection, document).state))
            missing.discard(document["_id"])
        for key in missing:
            self._held.setdefault((collection.name, key), Held())
        return states

    def lock(self, collection: Folded[Any], *keys: str) -> None:
        """Collide with any transaction that changes or locks the same documents.

        For a decision that rests on a document it does not change: without it, two such
        transactions could each rest on what the other is about to change (write skew). It is
        written with the rest, since all that counts is what changed after this one began.
        """
        self._locks.setdefault(collection.name, set()).update(keys)

    async def flush(self) -> None:
        """Write what changed since the last flush."""
        locks, self._locks = self._locks, {}
        for name, keys in locks.items():
            await self.store[name].update_many(
                {"_id": {"$in": sorted(keys)}}, {"$inc": {LOCK: 1}}, session=self.session
            )
        entries, self._entries = self._entries, []
        changed, self._changed = self._changed, {}
        if entries:
            await self.store[LOG].insert_many(entries, session=self.session)
        writes: dict[str, list[InsertOne[dict[str, Any]] | ReplaceOne[dict[str, Any]]]] = {}
        for name, key in changed:
            document = self._held[name, key]
            writes.setdefault(name, []).append(
                ReplaceOne({"_id": key, "revision": document.stored}, document.document(key))
                if document.stored
                else InsertOne(document.document(key))
            )
            document.stored = document.revision
        for name, batch in writes.items():
            done = await self.store[name].bulk_write(batch, session=self.session)
            if done.matched_count + done.inserted_count != len(batch):
                raise RuntimeError(f"{name}: a document changed inside a snapshot")

    async def _hold(self, collection: Folded[S], key: str) -> Held[S]:
        if (collection.name, key) not in self._held:
            document = await self.store[collection.name].find_one(
                {"_id": key}, session=self.session
            )
            if document is None:
                self._held[collection.name, key] = Held()
            else:
                self._keep(collection, document)
        return self._held[collection.name, key]

    def _keep(self, collection: Folded[S], document: dict[str, Any]) -> Held[S]:
        key = (collection.name, document["_id"])
        if key not in self._held or self._held[key].state is None:
            self._held[key] = held(collection, document)
        return self._held[key]
