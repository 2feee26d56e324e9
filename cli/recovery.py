"""A service whose store is lost or corrupted: its store again, from the logs in Kafka.

The service's own log is what its topic holds. What it had handled of the others' is told by its
consumer group's offsets, and by its own events: one that names another's as its cause shows that
all before that one on its partition was handled, too, but for what was set aside. Collections that
are folded from no log can't come back; LOST names them.
"""

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, get_args

from cli.backup.archive import BackupRefused
from cli.places import Places
from cli.services import Known, known
from cli.topics import committed, records
from services.notify.store import FACTS
from shared.dead_letters import ADDED, Letter, Reason, found_in
from shared.events import Envelope, NotAnEvent, UnknownEvent, read_event, read_record
from shared.log import DEAD_LETTERS, INBOX, LOG, PARKED, RESTORING, SEEN, entry
from shared.mongo import Store
from shared.replay import Documents, Folding, in_order, state_hash
from shared.worker import LEASES

Document = dict[str, Any]
Say = Callable[[str], None]
BATCH = 500
LEFT_OUT = " (value left out: "
"""What the error of a letter without its value says."""

EVERYBODYS_LOSS = (
    "events that were recorded and not yet published when the store was lost",
    "answers by Idempotency-Key: a request that is sent again is carried out again",
    "which dead letters were replayed or dropped: all wait again, but for those that left a trace",
)
LOST: Mapping[str, tuple[str, ...]] = {
    "members": ("secrets of credentials: issue the operator's anew, then rotate every member's",),
    "projects": ("withheld sites: their authorities post them again",),
    "matching": (),
    "notify": (
        "addresses of contacts: write each again, under its reference",
        "URLs and secrets of webhooks: remove each and register it again",
        "queued notices stay queued, and without an address fail: send these again later",
        "attempts: what was handed over and not noted as sent may come a second time",
        "what waited for a member that was not known here yet",
    ),
}
"""What is folded from no log, by service, and what to do about it (docs/runbook.md)."""


class RecoveryRefused(BackupRefused):
    """Nothing was written, or what was written is marked so that no service starts on it."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a record stands: topic, partition and offset."""

    topic: str
    partition: int
    offset: int


@dataclass
class Topic:
    """A topic of events as it was read: what stands where, and where each event stands first."""

    at: dict[Place, Envelope] = field(default_factory=dict)
    first: dict[str, Place] = field(default_factory=dict)


@dataclass(frozen=True)
class Recovered:
    """What a store was filled with."""

    service: str
    events: int
    handled: int
    letters: int
    hashes: Mapping[str, str]
    lost: tuple[str, ...]


async def recover(places: Places, service: str, say: Say) -> Recovered:
    """Fill the empty store of a service that is stopped.

    Raises RecoveryRefused, and LogBroken for a log that lacks a position.
    """
    what = known(service)
    store = places.store(service)
    try:
        await _is_empty(store, service)
        owners = sorted({service, *(t.removesuffix(".events") for t in what.on.topics())})
        topics = {owner: await _read(places, owner) for owner in owners}
        logs = {owner: in_order(owner, topic.at.values()) for owner, topic in topics.items()}
        own = logs[service]
        causes = {e.causation_id for e in own}
        letters = await _waiting_letters(places, service, topics, causes)
        through = await _handled_through(places, what, topics, causes)
        handled = _handled(what, topics, logs, through, {n.get("event") for n in letters})
        folded = _folded(what, logs, handled)
        say(f"{service}: {len(own)} events of its own, {len(handled)} that it had handled")
        await store[RESTORING].insert_one({"_id": "recovery", "since": datetime.now(UTC)})
        await store.ensure(what.records.indexes())
        await _write(store, LOG, map(_logged, own))
        await _write(store, INBOX, map(_inbox, handled.values()))
        await _write(store, SEEN, _marks(handled))
        await _write(store, DEAD_LETTERS, letters)
        await _write(store, PARKED, _parked(letters))
        if own:
            relay = {"_id": "relay", "holder": None, "beat": 0}
            await _write(store, LEASES, [relay | {"next": len(own), "published": len(own)}])
        for collection, documents in folded.items():
            await _write(store, collection, documents.values())
        if service == "notify":
            about = {notice["about"] for notice in folded["notices"].values()}
            await _write(store, FACTS, (_fact(e) for e in handled.values() if e.id in about))
        hashes = await _proof(store, own, folded)
        await store[RESTORING].drop()
    finally:
        store.close()
    return Recovered(
        service, len(own), len(handled), len(letters), hashes, EVERYBODYS_LOSS + LOST[service]
    )


async def _is_empty(store: Store, service: str) -> None:
    held = []
    for collection in sorted(await store.db.list_collection_names()):
        if collection == RESTORING:
            held.append("what a recovery or a restore that did not end has left")
        elif not collection.startswith("system."):
            number = await store[collection].count_documents({})
            held += [f"{collection} ({number})"] if number else []
    if held:
        raise RecoveryRefused(
            f"nothing was touched; the store of {service} holds {', '.join(held)}.\n"
            f"Stop {service}, give its store an empty volume, and recover before {service} starts."
        )


async def _read(places: Places, owner: str) -> Topic:
    topic = Topic()
    async for record in records(places, f"{owner}.events"):
        try:
            envelope = read_record(record.headers, record.value, owner)
        except NotAnEvent:
            continue
        place = Place(record.topic, record.partition, record.offset)
        topic.at[place] = envelope
        topic.first.setdefault(envelope.id, place)  # a relay may have published it twice
    return topic


async def _handled_through(
    places: Places, what: Known, topics: Mapping[str, Topic], causes: set[str | None]
) -> dict[tuple[str, int], int]:
    """The last offset of each partition up to which the service had come."""
    found: dict[tuple[str, int], int] = {}
    for where, offset in (await committed(places, what.name, what.on.topics())).items():
        topic, _, partition = where.rstrip("]").rpartition("[")
        found[topic, int(partition)] = offset - 1
    for owner in topics.keys() - {what.name}:
        for event_id, place in topics[owner].first.items():
            if event_id in causes:
                key = (place.topic, place.partition)
                found[key] = max(found.get(key, -1), place.offset)
    return found


async def _waiting_letters(
    places: Places, service: str, topics: Mapping[str, Topic], causes: set[str | None]
) -> list[Document]:
    """The notes of the dead letters that wait, as far as the service's own log tells."""
    found: dict[str, Document] = {}
    now = datetime.now(UTC)
    async for record in records(places, f"{service}.dead-letters"):
        (_, reason), (_, error), *_ = record.headers[-len(ADDED) :]
        original = found_in(record)
        place = Place(original.topic, original.partition, original.offset)
        topic = topics.get(original.topic.removesuffix(".events"), Topic())
        envelope = topic.at.get(place)
        if envelope is not None and envelope.id in causes:
            continue
        said = (error or b"").decode("utf-8", "replace")
        letter = Letter(original, _reason(reason), said, envelope)
        note = letter.note(now) | {"letter": record.offset}
        if LEFT_OUT in said:
            note["left_out"] = True
        found.setdefault(letter.place, note)
    return list(found.values())


def _reason(raw: bytes | None) -> Reason:
    said = (raw or b"").decode()
    return next((known for known in get_args(Reason) if known == said), "handler-failed")


def _handled(
    what: Known,
    topics: Mapping[str, Topic],
    logs: Mapping[str, list[Envelope]],
    through: Mapping[tuple[str, int], int],
    aside: set[str | None],
) -> dict[Place, Envelope]:
    """The foreign events that went into the service's state, by their first places."""
    types = {event.ce_type() for event in what.on.events()}
    found: dict[Place, Envelope] = {}
    for owner in topics.keys() - {what.name}:
        for envelope in logs[owner]:
            place = topics[owner].first[envelope.id]
            came_to = through.get((place.topic, place.partition), -1)
            wanted = envelope.type in types and envelope.identity not in aside
            if wanted and place.offset <= came_to:
                found[place] = envelope
    return found


def _folded(
    what: Known, logs: Mapping[str, list[Envelope]], handled: Mapping[Place, Envelope]
) -> dict[str, Documents]:
    folding = Folding(what.records)
    for envelope in [*logs[what.name], *handled.values()]:
        with suppress(UnknownEvent):
            folding.add(envelope, read_event(envelope))
    return folding.documents()


def _logged(envelope: Envelope) -> Document:
    """As the relay leaves it."""
    document = entry(envelope) | {"position": envelope.sequence, "leaf": envelope.leaf_hash()}
    del document["pending"]
    return document


def _inbox(envelope: Envelope) -> Document:
    return {
        "_id": envelope.identity,
        "correlation_id": envelope.correlation_id,
        "traceparent": envelope.traceparent,
    }


def _marks(handled: Mapping[Place, Envelope]) -> list[Document]:
    found: dict[str, int] = {}
    for place, envelope in handled.items():
        key = f"{place.topic.removesuffix('.events')}/{place.partition}"
        found[key] = max(found.get(key, 0), envelope.sequence or 0)
    return [{"_id": key, "position": position} for key, position in found.items()]


def _parked(letters: Iterable[Document]) -> list[Document]:
    found: dict[str, Document] = {}
    for note in letters:
        if "parks" in note:
            behind = note["event"].partition(" ")[2]
            parked = {"_id": note["parks"], "behind": behind, "letters": 0}
            parked |= {name: note[name] for name in ("source", "subject", "since")}
            found.setdefault(note["parks"], parked)["letters"] += 1
    return list(found.values())


def _fact(envelope: Envelope) -> Document:
    return {"_id": envelope.id, **asdict(envelope)}


async def _write(store: Store, collection: str, documents: Iterable[Document]) -> None:
    left = list(documents)
    for start in range(0, len(left), BATCH):
        await store[collection].insert_many(left[start : start + BATCH])


async def _proof(
    store: Store, own: list[Envelope], folded: Mapping[str, Documents]
) -> dict[str, str]:
    """The hash of each folded collection, read back. Raises RecoveryRefused where one differs."""
    hashes, wrong = {}, []
    for collection, documents in folded.items():
        stored = await store[collection].find().to_list(None)
        hashes[collection] = state_hash(stored)
        if hashes[collection] != state_hash(documents.values()):
            wrong.append(collection)
    log = await store[LOG].find().sort("position", 1).to_list(None)
    if [d["leaf"] for d in log] != [e.leaf_hash() for e in own]:
        wrong.append(LOG)
    if wrong:
        raise RecoveryRefused(f"the store does not hold what was written to it: {', '.join(wrong)}")
    return hashes
