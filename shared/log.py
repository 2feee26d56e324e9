"""The log: what a service recorded, and the collections that are folded from it.

Collection `log`, one document per event. An event without `position` is *pending*: its
transaction committed, the relay has not sequenced it yet. State documents are folds:

    {…state…, "_id": key, "revision": n, "subject_version": m, "last_event": event id}

`revision` counts the events folded in, `subject_version` those whose subject the document is, and
`last_event` is the last one's id: the next event that touches the document is drawn above it, so
the log's order is every document's order (shared/events/ids.py).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, TypeVar

from pydantic import BaseModel, ConfigDict
from pymongo import ASCENDING, IndexModel

from shared.events.envelope import Envelope
from shared.events.registry import Event

LOG = "log"
META = ("_id", "revision", "subject_version", "last_event")
LOCK = "lock"
"""A counter that only makes two transactions collide; no part of the state."""

INBOX = "inbox"
SEEN = "seen"
RESTORING = "restoring"
"""Of a store that a restore has begun to fill and has not proven yet; no service starts on it."""

PARKED = "parked"
DEAD_LETTERS = "dead_letters"
PLAIN = (INBOX, SEEN, "requests", "leases", PARKED, DEAD_LETTERS)
"""Collections beside the log that hold no folded state."""

LOG_INDEXES = [
    IndexModel(
        [("position", ASCENDING)],
        unique=True,
        partialFilterExpression={"position": {"$type": "number"}},
    ),
    IndexModel(
        [("pending", ASCENDING), ("_id", ASCENDING)],
        partialFilterExpression={"pending": True},
    ),
    IndexModel([("subject", ASCENDING), ("subject_version", ASCENDING)], unique=True),
]

DEAD_LETTER_INDEXES = [
    IndexModel([("letter", ASCENDING)], sparse=True),
    IndexModel([("state", ASCENDING), ("letter", ASCENDING)]),
    IndexModel([("parks", ASCENDING), ("state", ASCENDING), ("letter", ASCENDING)]),
    IndexModel([("due", ASCENDING), ("letter", ASCENDING)], partialFilterExpression={"due": True}),
    IndexModel([("ask", ASCENDING)], sparse=True),
]


class State(BaseModel):
    """What a model knows of one thing: frozen, JSON only, folded from events."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    what: ClassVar[str] = "thing"
    """The domain's word for it, in errors."""


S = TypeVar("S", bound=State)
Key = str | Callable[[Any], Iterable[str]]


@dataclass(frozen=True, eq=False)
class Folded(Generic[S]):
    """A collection folded from one log: its own service's, or one foreign service's.

    `keys` says which document each event changes: the name of the field that holds its key, or a
    function giving several. `evolve(state or None, event) → state` does the change.
    """

    name: str
    state: type[S]
    evolve: Callable[[S | None, Any], S]
    keys: Mapping[type[Event], Key]
    indexes: list[IndexModel] = field(default_factory=list)
    begins: tuple[type[Event], ...] = ()
    """Events whose subject is new here under a random id: nothing is looked for before they are
    recorded, and one that is there all the same makes the transaction fail."""
    start: Callable[[str], S] | None = None
    """The state of a document before its first event, by its key: for events that change several
    documents, and so don't say whose document this one is."""

    @property
    def owner(self) -> str:
        """Whose log this is folded from."""
        return next(iter(self.keys)).owner

    def after(self, state: S | None, event: Event, key: str) -> S:
        """The state of the document of this key after one event."""
        before = self.start(key) if state is None and self.start else state
        return self.evolve(before, event)

    def touched(self, event: Event) -> Iterator[str]:
        """The keys of the documents that this event changes here."""
        key = self.keys.get(type(event))
        if isinstance(key, str):
            yield str(getattr(event, key))
        elif key is not None:
            yield from map(str, key(event))


class Records:
    """All folded collections of one service: `store.py` names them here, once."""

    def __init__(
        self,
        service: str,
        *collections: Folded[Any],
        plain: Iterable[str] = (),
        plain_indexes: Mapping[str, list[IndexModel]] | None = None,
    ) -> None:
        """`plain` are collections that are folded from no log; `plain_indexes` those of some."""
        self._plain_indexes = plain_indexes or {}
        self.service = service
        self.plain = (*PLAIN, *plain)
        self.collections = collections
        for collection in collections:
            if not collection.keys:
                raise TypeError(f"{collection.name} is folded from no event")
            if len({event.owner for event in collection.keys}) != 1:
                raise TypeError(f"{collection.name} is folded from more than one log")

    def touched(self, event: Event) -> list[tuple[Folded[Any], str]]:
        """Which documents an event changes: (collection, key)."""
        return [(c, key) for c in self.collections for key in c.touched(event)]

    def indexes(self) -> dict[str, list[IndexModel]]:
        """The indexes of every collection of the service's database; most have `_id` only."""
        plain = {name: self._plain_indexes.get(name, []) for name in self.plain}
        plain[DEAD_LETTERS] = DEAD_LETTER_INDEXES
        return {LOG: LOG_INDEXES} | plain | {c.name: c.indexes for c in self.collections}


@dataclass(slots=True)
class Held(Generic[S]):
    """One document as a unit of work holds it; `stored` is its revision in the store, 0 for new."""

    state: S | None = None
    revision: int = 0
    subject_version: int = 0
    last_event: str | None = None
    stored: int = 0

    def fold(self, collection: Folded[S], event: Event, key: str, event_id: str) -> None:
        """Evolve by one event.

        `last_event` is the greatest id, which for a service's own events is the last one's. Events
        of several foreign subjects may reach one document in any order; then `evolve` must give
        the same whatever the order, and so does the greatest id.
        """
        self.state = collection.after(self.state, event, key)
        self.revision += 1
        self.last_event = max(event_id, self.last_event or event_id)
        if event.subject == key:
            self.subject_version += 1

    def learn(self, collection: Folded[S], event: Event, key: str, envelope: Envelope) -> bool:
        """Evolve by one foreign event; whether it was news.

        A subject's version that is not above the one already known is old news.
        """
        if event.subject == key and envelope.subject_version <= self.subject_version:
            return False
        self.fold(collection, event, key, envelope.id)
        if event.subject == key:
            self.subject_version = envelope.subject_version
        return True

    def document(self, key: str) -> dict[str, Any]:
        """As it is stored."""
        assert self.state is not None
        return {
            **self.state.model_dump(mode="json", exclude_none=True),
            "_id": key,
            "revision": self.revision,
            "subject_version": self.subject_version,
            "last_event": self.last_event,
        }


def held(collection: Folded[S], document: dict[str, Any]) -> Held[S]:
    """A stored document, parsed."""
    fields = {k: v for k, v in document.items() if k not in META and k != LOCK}
    return Held(
        state=collection.state.model_validate(fields),
        revision=document["revision"],
        subject_version=document["subject_version"],
        last_event=document["last_event"],
        stored=document["revision"],
    )


def entry(envelope: Envelope) -> dict[str, Any]:
    """The log document of a new event."""
    return {
        "_id": envelope.id,
        "type": envelope.type,
        "subject": envelope.subject,
        "subject_version": envelope.subject_version,
        "time": envelope.time,
        "actor": envelope.actor,
        "correlation_id": envelope.correlation_id,
        "causation_id": envelope.causation_id,
        "traceparent": envelope.traceparent,
        "data": envelope.data,
        "position": None,
        "pending": True,
    }


def envelope(service: str, document: dict[str, Any]) -> Envelope:
    """The envelope of a log document."""
    return Envelope(
        id=document["_id"],
        source=f"/{service}",
        type=document["type"],
        subject=document["subject"],
        subject_version=document["subject_version"],
        time=document["time"],
        actor=document["actor"],
        correlation_id=document["correlation_id"],
        causation_id=document["causation_id"],
        traceparent=document["traceparent"],
        data=document["data"],
        sequence=document["position"],
    )
