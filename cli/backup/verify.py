"""`alliance backup verify`: reads a backup whole, checks every hash, and folds its logs again.

What it proves: each member is as it was written; every log is gapless; no service had handled an
event that its owner's log lacks; each folded collection is what the logs in the backup give, byte
for byte. It needs nothing but the file and the key; the folded states are held in memory, the
events are not.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyrage
from bson import decode_all
from bson.errors import BSONError
from pydantic import ValidationError

from cli.backup.archive import BackupRefused, read
from cli.backup.create import Copied
from cli.backup.manifest import FIRST, FORMAT, MANIFEST, Manifest, Member
from cli.services import NAMES, known
from shared.events.registry import UnknownEvent, read_event
from shared.log import INBOX, LOG, envelope
from shared.replay import Folding, state_line

SHOWN = 20
"""Most findings that are told of a backup."""


@dataclass
class _Service:
    """What was read of one service so far."""

    name: str
    folding: Folding
    folded: frozenset[str]
    collections: dict[str, Copied] = field(default_factory=dict)
    digests: dict[str, dict[str, bytes]] = field(default_factory=dict)
    inbox: set[str] = field(default_factory=set)
    """Handled events that were not met in a log yet."""
    dropped: set[str] = field(default_factory=set)
    events: int = 0
    pending: str = ""

    def has_handled(self, identity: str) -> bool:
        """Whether a foreign event went into its state."""
        return identity in self.inbox and identity not in self.dropped


def verify(
    file: Path,
    keys: Sequence[pyrage.x25519.Identity],
    say: Callable[[str], None] = lambda line: None,
) -> Manifest:
    """Check all of a backup. Raises BackupRefused, naming what is wrong."""
    checking = _Checking(file)
    for name, data in read(file, keys):
        checking.member(name, data)
    manifest = checking.manifest
    if manifest is None:
        raise BackupRefused(f"{file} has no {MANIFEST}: it is not a whole backup")
    checking.end(manifest)
    if checking.wrong:
        more = len(checking.wrong) - SHOWN
        told = checking.wrong[:SHOWN] + ([f"and {more} more"] if more > 0 else [])
        raise BackupRefused(f"{file} is refused:\n  " + "\n  ".join(told))
    for name in NAMES:
        about = manifest.services[name]
        say(f"{name}: {about.collections[LOG].documents} events, {about.next} with a position")
        for collection, said in about.collections.items():
            if said.state:
                say(f"  folded again, equal  {collection:<14} {said.documents:>6}  {said.state}")
    return manifest


class _Checking:
    """One reading of a backup."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.manifest: Manifest | None = None
        self.wrong: list[str] = []
        self._members: list[Member] = []
        self._services = {name: _of(name) for name in NAMES}

    def member(self, name: str, data: bytes) -> None:
        if not self._members and name != FIRST:
            raise BackupRefused(f"{self.file} is no backup of an alliance: it begins with {name}")
        if name == FIRST:
            self._format(data)
        elif name == MANIFEST:
            self.manifest = self._read_manifest(data)
            return
        self._members.append(
            Member(name=name, size=len(data), sha256=hashlib.sha256(data).hexdigest())
        )
        place = name.split("/")
        if len(place) == 3 and place[0] in self._services:
            service = self._services[place[0]]
            try:
                self._documents(service, place[1], data)
            except (BSONError, KeyError, TypeError, ValueError) as error:
                self.wrong.append(f"{name} can't be read: {error!r}")

    def end(self, manifest: Manifest) -> None:
        """What can be said only when all was read."""
        self._same_members(manifest)
        if self.wrong:
            return  # what follows would only say the same in more words
        for name, service in self._services.items():
            about = manifest.services.get(name)
            if about is None:
                self.wrong.append(f"{name} is not in it")
                continue
            found = {n: c.collection() for n, c in service.collections.items()}
            for collection, said in about.collections.items():
                empty = Copied(collection in service.folded).collection()
                if found.get(collection, empty) != said:
                    self.wrong.append(f"{name}/{collection} is not what the manifest says")
            if about.next != service.events:
                self.wrong.append(
                    f"{name} has {service.events} events with a position, and its relay "
                    f"had given {about.next}"
                )
            for left in sorted(service.inbox)[:3]:
                self.wrong.append(f"{name} has handled {left}, which is in no log")
            for partition, position in about.seen.items():
                owner = partition.rpartition("/")[0]
                if owner in manifest.services and position >= manifest.services[owner].next:
                    self.wrong.append(f"{name} has seen {partition} up to {position}, past its end")
            self.wrong += _differences(service)

    def _format(self, data: bytes) -> None:
        try:
            found = json.loads(data)["format"]
        except (ValueError, KeyError, TypeError):
            raise BackupRefused(f"{self.file} does not say which format it has") from None
        if found != FORMAT:
            raise BackupRefused(
                f"{self.file} has format {found}, this alliance reads {FORMAT}: "
                "use the version that made it"
            )

    def _read_manifest(self, data: bytes) -> Manifest:
        try:
            return Manifest.model_validate_json(data)
        except ValidationError as error:
            raise BackupRefused(f"{self.file}: its manifest can't be read: {error}") from None

    def _same_members(self, manifest: Manifest) -> None:
        found = {m.name: m for m in self._members}
        said = {m.name: m for m in manifest.members}
        if len(found) != len(self._members):
            self.wrong.append("a member is in it twice")
        self.wrong += [f"{n} is missing" for n in said if n not in found]
        self.wrong += [f"{n} is not in the manifest" for n in found if n not in said]
        self.wrong += [
            f"{n} is not what was written" for n in said if n in found and said[n] != found[n]
        ]

    def _documents(self, service: _Service, collection: str, data: bytes) -> None:
        folded = collection in service.folded
        copied = service.collections.setdefault(collection, Copied(folded))
        copied.add(data)
        if collection == LOG:
            self._events(service, decode_all(data))
        elif collection == INBOX:
            for document in decode_all(data):
                service.inbox.add(document["_id"])
                if document.get("dropped"):  # by an operator, and so never folded
                    service.dropped.add(document["_id"])
        elif folded:
            digests = service.digests.setdefault(collection, {})
            for document in decode_all(data):
                line = state_line(document)
                digests[str(document["_id"])] = hashlib.sha256(line).digest()

    def _events(self, owner: _Service, documents: Iterable[dict[str, Any]]) -> None:
        readers = [s for s in self._services.values() if owner.name in known(s.name).owners]
        for document in documents:
            event = envelope(owner.name, document)
            if event.sequence is None:
                if event.id <= owner.pending:
                    self.wrong.append(f"{owner.name}'s pending events are out of order")
                owner.pending = event.id
            elif event.sequence != owner.events or owner.pending:
                self.wrong.append(
                    f"{owner.name}'s log has {event.sequence} where {owner.events} should be"
                )
                owner.events = event.sequence + 1
            else:
                owner.events += 1
                if document.get("leaf") != event.leaf_hash():
                    self.wrong.append(f"{owner.name}'s event {event.sequence} has another hash")
            try:
                parsed = read_event(event)
            except UnknownEvent:
                continue
            for service in readers:
                if service is owner or service.has_handled(event.identity):
                    try:
                        service.folding.add(event, parsed)
                    except Exception as error:  # whatever a model says to what cannot be
                        self.wrong.append(f"{service.name} can't follow {event.identity}: {error}")
            if event.sequence is not None:
                for service in self._services.values():
                    service.inbox.discard(event.identity)


def _of(name: str) -> _Service:
    records = known(name).records
    return _Service(name, Folding(records), frozenset(c.name for c in records.collections))


def _differences(service: _Service) -> list[str]:
    found = []
    for collection, documents in service.folding.documents().items():
        stored = service.digests.get(collection, {})
        again = {k: hashlib.sha256(state_line(d)).digest() for k, d in documents.items()}
        for key in sorted(stored.keys() | again.keys()):
            if stored.get(key) != again.get(key):
                found.append(f"{service.name}/{collection}/{key} is not what the logs give")
    return found
