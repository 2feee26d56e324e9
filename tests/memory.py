"""A store in memory: the few operations that `shared/seen.py` and the inbox need, none awaited."""

from collections.abc import Iterable
from typing import Any

Document = dict[str, Any]


class Found:
    """What a find gives."""

    def __init__(self, documents: list[Document]) -> None:
        self._documents = documents

    def sort(self, field: str, direction: int) -> "Found":
        return Found(sorted(self._documents, key=lambda d: str(d[field]), reverse=direction < 0))

    def limit(self, number: int) -> "Found":
        return Found(self._documents[: number or None])

    async def to_list(self, _: None) -> list[Document]:
        return self._documents


class MemoryCollection:
    """Documents by `_id`; a query asks for equal fields, or for one of `$in`."""

    def __init__(self, documents: Iterable[Document] = ()) -> None:
        self.documents = {d["_id"]: dict(d) for d in documents}

    def find(self, query: Document, *_: object, **__: object) -> Found:
        return Found([d for d in self.documents.values() if _fits(d, query)])

    async def find_one(self, query: Document, *_: object, **__: object) -> Document | None:
        return next(iter(await self.find(query).to_list(None)), None)

    async def insert_many(self, documents: Iterable[Document], **_: object) -> None:
        for document in documents:
            assert document["_id"] not in self.documents, "a duplicate key"
            self.documents[document["_id"]] = dict(document)

    async def update_one(
        self, query: Document, change: Document, *, upsert: bool = False, **_: object
    ) -> None:
        assert upsert
        document = self.documents.setdefault(query["_id"], {"_id": query["_id"]})
        for field, value in change["$max"].items():
            document[field] = max(document.get(field, value), value)


class MemoryStore:
    """Collections by name, each there as soon as it is asked for."""

    def __init__(self, **collections: Iterable[Document]) -> None:
        self._collections = {name: MemoryCollection(d) for name, d in collections.items()}

    def __getitem__(self, name: str) -> MemoryCollection:
        return self._collections.setdefault(name, MemoryCollection())


def _fits(document: Document, query: Document) -> bool:
    return all(
        document.get(field) in asked["$in"]
        if isinstance(asked, dict)
        else document.get(field) == asked
        for field, asked in query.items()
    )
