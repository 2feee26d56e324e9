"""A store and a broker that answer at once: what remains is the relay's own cost."""

from collections.abc import Awaitable, Callable, Sequence
from types import SimpleNamespace
from typing import Any

from shared.kafka import Record
from shared.log import LOG

Document = dict[str, Any]


class InstantCursor:
    """The cursor of one find; it gives the batch that is next."""

    def __init__(self, documents: list[Document]) -> None:
        self._documents = documents

    def sort(self, *_: object) -> "InstantCursor":
        return self

    def limit(self, number: int) -> "InstantCursor":
        return InstantCursor(self._documents[:number])

    async def to_list(self, _: None) -> list[Document]:
        return self._documents


class InstantLog:
    """The log, from which each batch is taken once."""

    def __init__(self, documents: list[Document]) -> None:
        self._documents = documents
        self._taken = 0

    def find(self, query: Document, **_: object) -> InstantCursor:
        return InstantCursor(self._documents[self._taken : self._taken + 500])

    async def bulk_write(self, operations: Sequence[object], **_: object) -> None:
        self._taken += len(operations)


class InstantLeases:
    """The relay's own document."""

    def __init__(self) -> None:
        self.document: Document = {"holder": None, "beat": 0, "next": 0, "published": 0}

    async def find_one(self, *_: object, **__: object) -> Document:
        return self.document

    async def update_one(self, _: Document, change: Document, **__: object) -> SimpleNamespace:
        self.document.update(change.get("$set", {}))
        return SimpleNamespace(matched_count=1)

    async def find_one_and_update(self, _: Document, change: Document, **__: object) -> Document:
        before = dict(self.document)
        self.document["next"] += change["$inc"]["next"]
        return before


class InstantStore:
    """What the relay asks of a store."""

    def __init__(self, documents: list[Document]) -> None:
        self._log, self._leases = InstantLog(documents), InstantLeases()

    def __getitem__(self, name: str) -> InstantLog | InstantLeases:
        return self._log if name == LOG else self._leases

    async def transaction(self, work: Callable[[None], Awaitable[Any]]) -> Any:
        return await work(None)


class InstantProducer:
    """A broker that has acknowledged before it was asked."""

    async def send(self, records: Sequence[Record]) -> None:
        assert records
