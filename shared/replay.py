"""Replay: a service's state again, from the logs alone, and a hash that two states can be told by.

Runs `evolve` and nothing else: no command, no handler, so nothing is decided or sent. A service's
own log is folded in the order of its positions, each foreign one in the order of its own; between
logs no order is needed, since every collection is folded from one of them.
"""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from shared.events.canonical import canonical
from shared.events.envelope import Envelope
from shared.events.registry import Event, UnknownEvent, read_event
from shared.events.seen import Seen
from shared.kafka import partition_of
from shared.log import LOCK, Folded, Held, Records, State, held

S = TypeVar("S", bound=State)

Documents = dict[str, dict[str, Any]]
"""Documents of one collection, by key."""


class LogBroken(ValueError):
    """A log that cannot be folded: a gap in its positions, or two events at one."""


def in_order(owner: str, envelopes: Iterable[Envelope]) -> list[Envelope]:
    """A log's events once each, by position, however often and in whatever order they were read.

    Raises LogBroken where a position is missing or has two events.
    """
    by_position: dict[int, Envelope] = {}
    for envelope in envelopes:
        assert envelope.sequence is not None
        other = by_position.setdefault(envelope.sequence, envelope)
        if other != envelope:
            raise LogBroken(f"{owner} has two events at position {envelope.sequence}")
    for expected in range(len(by_position)):
        if expected not in by_position:
            raise LogBroken(f"{owner} has no event at position {expected}")
    return [by_position[position] for position in range(len(by_position))]


def as_of(
    logs: Mapping[str, Iterable[Envelope]], seen: Seen, service: str, partitions: Mapping[str, int]
) -> dict[str, list[Envelope]]:
    """What a service had seen of each log at a moment that `seen` names; to be folded by `replay`.

    `logs` are whole, as they were read; `partitions` says how many partitions each other owner's
    topic has. Raises LogBroken where a log is (`in_order`), or lacks what was seen.
    """
    own = in_order(service, logs[service])
    ids = {e.id for e in own}
    if len(own) <= seen.own_through:
        raise LogBroken(f"{service} has no event at position {seen.own_through}, which was seen")
    for event_id in seen.own_also:
        if event_id not in ids:
            raise LogBroken(f"{service} has no event {event_id}, which was seen")
    also = set(seen.own_also)
    found = {service: [e for n, e in enumerate(own) if n <= seen.own_through or e.id in also]}
    for owner in logs:
        if owner == service:
            continue
        marks = {p.partition: p.position for p in seen.foreign if p.owner == owner}
        log = in_order(owner, logs[owner])
        where = [partition_of(e.key(), partitions[owner]) for e in log]
        for partition, position in marks.items():
            if position >= len(log) or where[position] != partition:
                raise LogBroken(
                    f"{owner} has no event at position {position} on partition {partition}, "
                    "which was seen"
                )
        found[owner] = [e for n, e in enumerate(log) if n <= marks.get(where[n], -1)]
    return found


class Folding:
    """All folded collections of a service, while events are folded into them one by one."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self._folded: dict[str, dict[str, Held[Any]]] = {c.name: {} for c in records.collections}

    def add(self, envelope: Envelope, event: Event) -> None:
        """Fold one event: each log's in the order of its positions."""
        own = envelope.source == f"/{self._records.service}"
        for collection, key in self._records.touched(event):
            document = self._folded[collection.name].setdefault(key, Held())
            if own:
                document.fold(collection, event, key, envelope.id)
            else:
                document.learn(collection, event, key, envelope)

    def documents(self) -> dict[str, Documents]:
        """Each collection as it is stored, by key."""
        return {
            name: {key: document.document(key) for key, document in sorted(found.items())}
            for name, found in self._folded.items()
        }


def replay(records: Records, logs: Mapping[str, list[Envelope]]) -> dict[str, Documents]:
    """All folded collections of a service, from the logs of the owners it reads: `in_order`, or
    `as_of` a moment."""
    folding = Folding(records)
    for envelopes in logs.values():
        for envelope in envelopes:
            try:
                event = read_event(envelope)
            except UnknownEvent:
                continue
            folding.add(envelope, event)
    return folding.documents()


class Replayed:
    """Collections that were folded again, found in as a unit of work finds in its store."""

    def __init__(self, collections: Mapping[str, Documents]) -> None:
        self._collections = collections

    async def find(
        self,
        collection: Folded[S],
        query: dict[str, Any],
        *,
        limit: int = 0,
        descending: bool = False,
    ) -> list[S]:
        """The states of documents whose fields equal what is asked, or are `$in` it; by id."""
        documents = self._collections[collection.name]
        keys = sorted(documents, reverse=descending)
        found = [d for d in (documents[key] for key in keys) if _fits(d, query)]
        return [s for d in found[: limit or None] if (s := held(collection, d).state) is not None]


def _fits(document: Mapping[str, Any], query: Mapping[str, Any]) -> bool:
    for field, asked in query.items():
        if isinstance(asked, dict) and asked.keys() != {"$in"}:
            raise NotImplementedError(f"only $in is known here, not {', '.join(asked)}")
        wanted = asked["$in"] if isinstance(asked, dict) else [asked]
        if document.get(field) not in wanted:
            return False
    return True


def state_line(document: Mapping[str, Any]) -> bytes:
    """A document as RFC 8785 and a line end: what the hash of its collection is made of."""
    return canonical({k: v for k, v in document.items() if k != LOCK}).encode() + b"\n"


def state_hash(documents: Iterable[Mapping[str, Any]]) -> str:
    """SHA-256, hexadecimal, of a collection: its documents sorted by `_id`, each as RFC 8785."""
    found = hashlib.sha256()
    for document in sorted(documents, key=lambda d: str(d["_id"])):
        found.update(state_line(document))
    return found.hexdigest()
