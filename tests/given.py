"""Given–when–then without a broker or a database, for the services' models and commands."""

import os
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar, cast
from uuid import NAMESPACE_URL, uuid5

from hypothesis import settings
from pydantic import TypeAdapter

from shared.actor import Actor, Origin
from shared.errors import NotFound
from shared.events.envelope import Envelope
from shared.events.facts import (
    AskedGoods,
    AskedServices,
    FundingLine,
    Money,
    PledgeLine,
    Quantity,
)
from shared.events.ids import Id
from shared.events.registry import Event
from shared.kafka import partition_of
from shared.lines import Line
from shared.log import Folded, Records, State
from shared.uow import UnitOfWork
from tests.memory import MemoryStore

S = TypeVar("S", bound=State)
I = TypeVar("I", bound=Id)  # noqa: E741  an id of some kind
R = TypeVar("R")

IRPIN = "UA32080150010049888"
IRPIN_CHAIN = (
    "UA32080150010049888",  # Irpin, the city
    "UA32080150000035443",  # Irpin hromada
    "UA32080000000084076",  # Bucha raion
    "UA32000000000030281",  # Kyiv oblast
)
BUCHA = "UA32080070010087821"
BORODIANKA = "UA32080030010080493"
SUMY_OBLAST = "UA59000000000057109"
MYKOLAIV = "UA48060150010035747"
MYKOLAIV_OF_LVIV_OBLAST = "UA46100110010094231"

NOW = datetime(2023, 9, 1, 9, 0, tzinfo=UTC)
TODAY = NOW.date()

PARTITIONS = 3
"""Of every topic of events (deploy/kafka/topics.toml)."""


def patience(in_ci: int, else_: int, **more: Any) -> settings:
    """How many examples: many where CI=true, few on a developer's machine."""
    count = in_ci if os.environ.get("CI") == "true" else else_
    return settings(max_examples=count, deadline=None, **more)


def given(evolve: Callable[[S | None, Any], S], *events: Event) -> S:
    """The state after these events."""
    state: S | None = None
    for event in events:
        state = evolve(state, event)
    assert state is not None, "given nothing"
    return state


def an_id(kind: type[I], name: str) -> I:
    """The same id for the same name."""
    return kind(str(uuid5(NAMESPACE_URL, f"{kind.__name__} {name}")))


def numbered(kind: type[I], number: int) -> I:
    """An id whose order is the number's."""
    return kind(f"00000000-0000-7000-8000-{number:012}")


def money(amount: str, currency: str = "EUR") -> Money:
    """Money, as it is recorded."""
    return Money.model_validate({"amount": amount, "currency": currency})


def funding(line: int, amount: str, currency: str = "EUR") -> FundingLine:
    """A line of money."""
    return FundingLine(line=line, amount=money(amount, currency))


def goods(line: int, category: str, quantity: int, unit: str = "piece") -> AskedGoods:
    """A line of goods."""
    return AskedGoods(line=line, category=category, amount=Quantity(quantity=quantity, unit=unit))


def services(line: int, category: str, days: int, unit: str = "person-day") -> AskedServices:
    """A line of expertise or labour."""
    return AskedServices(line=line, category=category, amount=Quantity(quantity=days, unit=unit))


def offered(*lines: Line, **terms: Any) -> tuple[PledgeLine, ...]:
    """The same lines as a pledge has them, under terms if any are given."""
    adapter = TypeAdapter[PledgeLine](PledgeLine)
    return tuple(
        adapter.validate_python(line.model_dump(exclude={"unit_value"}) | terms) for line in lines
    )


class Notebook:
    """A service's unit of work whose store is a notebook: its commands run, nothing is awaited.

    Everything recorded or learnt is folded at once by the collections' own `evolve`, and kept in
    `logs`, so that a replay can be compared with it. What a command recorded before it failed is
    undone, as its transaction would be.
    """

    def __init__(self, records: Records) -> None:
        self.records = records
        self.states: dict[str, dict[str, Any]] = {c.name: {} for c in records.collections}
        self.meta: dict[tuple[str, str], dict[str, Any]] = {}
        self.logs: dict[str, list[Envelope]] = {records.service: []}
        self.versions: dict[tuple[str, str], int] = {}
        self.actor = Actor("service:test")
        self.now = NOW
        self.session = None

    def do(
        self,
        command: Callable[..., Awaitable[R]],
        *given: Any,
        by: Id | None = None,
        roles: Iterable[str] = (),
    ) -> R:
        """Run a command as a member, or as an operator."""
        self.actor = Actor(f"member:{by}", str(by) if by else None, frozenset(roles))
        before = self._all()
        running = command(*given, cast(UnitOfWork, self)).__await__()
        try:
            next(running)
        except StopIteration as done:
            return cast(R, done.value)
        except Exception:
            self.states, self.meta, self.logs, self.versions = before
            raise
        raise AssertionError(f"{command} waits for something outside")

    def hear(self, handler: Callable[[Any, UnitOfWork], Awaitable[object]], event: Event) -> None:
        """React to an event of another service."""
        self.do(handler, event)

    def _all(self) -> Any:
        return (
            {name: dict(found) for name, found in self.states.items()},
            dict(self.meta),
            {owner: list(log) for owner, log in self.logs.items()},
            dict(self.versions),
        )

    def recorded(self) -> int:
        """How many events the service has recorded itself."""
        return len(self.logs[self.records.service])

    def folded(self, event: Event) -> None:
        """What a test checks after every event."""

    def recording(self, event: Event) -> None:
        """What a test checks before every event of the service's own."""

    def documents(self) -> dict[str, dict[str, dict[str, Any]]]:
        """All collections, as they would be stored."""
        return {
            name: {
                key: state.model_dump(mode="json", exclude_none=True) | self.meta[name, key]
                for key, state in sorted(found.items())
            }
            for name, found in self.states.items()
        }

    async def get(self, collection: Folded[S], key: str) -> S | None:
        return cast(S | None, self.states[collection.name].get(key))

    async def require(self, collection: Folded[S], key: str) -> S:
        found = await self.get(collection, key)
        if found is None:
            raise NotFound(collection.state.what, key)
        return found

    target = require

    async def find(
        self,
        collection: Folded[S],
        query: dict[str, Any],
        sort: str = "_id",
        limit: int = 0,
        descending: bool = False,
    ) -> list[S]:
        found = sorted(self.states[collection.name].values(), key=lambda s: str(s.id))
        if sort != "_id":
            found.sort(key=lambda s: str(getattr(s, sort)))
        hits = [s for s in found if _found(s, query)]
        return (hits[::-1] if descending else hits)[: limit or None]

    async def record(self, collection: Folded[S], *events: Event) -> S:
        key = ""
        for event in events:
            self.recording(event)
            self.fold(event)
            key = next(collection.touched(event), key)
        return await self.require(collection, key)

    async def learn(self, event: Event) -> None:
        self.fold(event)

    async def load(self, collection: Folded[S], keys: Iterable[str]) -> list[S]:
        states = self.states[collection.name]
        return [states[key] for key in sorted(keys) if key in states]

    async def recall(self, origins: Sequence[Origin]) -> None:
        """Nothing waits outside here."""

    def lock(self, collection: Folded[Any], *keys: str) -> None:
        assert set(keys) <= self.states[collection.name].keys()

    def origin(self, collection: Folded[Any], key: str) -> Origin:
        return Origin(self.meta[collection.name, key]["last_event"], collection.owner)

    async def follow(self, origin: Origin) -> str | None:
        return None

    async def flush(self) -> None:
        """All is written at once here."""

    @property
    def store(self) -> MemoryStore:
        """How far each log goes: every event has its position at once, and all others' are seen."""
        own = {"_id": "relay", "next": len(self.logs[self.records.service])}
        marks: dict[str, int] = {}
        for owner, log in self.logs.items():
            if owner != self.records.service:
                for position, e in enumerate(log):
                    marks[f"{owner}/{partition_of(e.key(), PARTITIONS)}"] = position
        seen = [{"_id": partition, "position": position} for partition, position in marks.items()]
        return MemoryStore(leases=[own], seen=seen)

    def fold(self, event: Event) -> None:
        """Append an event to its owner's log and evolve all it touches, as if it had happened."""
        log = self.logs.setdefault(event.owner, [])
        subject = event.owner, event.subject
        version = self.versions[subject] = self.versions.get(subject, 0) + 1
        envelope = Envelope(
            id=f"00000000-0000-7000-8000-{len(log):012}",
            source=f"/{event.owner}",
            type=event.ce_type(),
            subject=event.subject,
            subject_version=version,
            time="2023-09-01T09:00:00.000000Z",
            actor=self.actor.name,
            correlation_id="one test",
            data=event.data(),
            sequence=len(log),
        )
        log.append(envelope)
        for collection, key in self.records.touched(event):
            found = self.states[collection.name]
            found[key] = collection.after(found.get(key), event, key)
            before = self.meta.get((collection.name, key), {"revision": 0, "subject_version": 0})
            self.meta[collection.name, key] = {
                "_id": key,
                "revision": before["revision"] + 1,
                "subject_version": version if key == event.subject else before["subject_version"],
                "last_event": envelope.id,
            }
        self.folded(event)


def _found(state: Any, query: dict[str, Any]) -> bool:
    return all(
        any(_found(state, one) for one in asked)
        if name == "$or"
        else _holds(getattr(state, "id" if name == "_id" else name), asked)
        for name, asked in query.items()
    )


def _holds(value: object, asked: Any) -> bool:
    if not isinstance(asked, dict):
        return bool(value == asked)
    if "$lt" in asked:
        return value is not None and bool(value < asked["$lt"])
    return value in asked["$in"]
