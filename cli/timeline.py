"""The events of all services as they happen: each log in its order, and causes before effects."""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer

from cli.words import Names, describe
from shared.events import Envelope, Event, read_event, read_record
from shared.events.registry import OWNERS

PATIENCE = 3.0
"""Seconds that an event waits to be shown after a cause that has not been read yet."""


class Expired(TimeoutError):
    """What was waited for did not happen; the message names it and the last events."""


@dataclass(frozen=True)
class Entry:
    """One event as it was shown: how many causes it had, what it says, who did it."""

    envelope: Envelope
    event: Event
    depth: int
    words: str
    actor: str

    def as_data(self) -> dict[str, Any]:
        """The same as JSON: CloudEvents attributes, and the words."""
        return {
            **self.envelope.attributes(),
            "data": self.event.model_dump(mode="json", exclude_none=True),
            "depth": self.depth,
            "words": self.words,
            "by": self.actor,
        }


class Timeline:
    """Follows all logs from their beginning; `show` is called with each entry, in order."""

    def __init__(self, bootstrap: str, show: Callable[[Entry], None]) -> None:
        self._bootstrap = bootstrap
        self._show = show
        self._unread: dict[str, dict[int, tuple[Envelope, float]]] = {o: {} for o in OWNERS}
        self._next = Counter[str]()
        self._depths: dict[str, int] = {}
        self._changed = asyncio.Event()
        self.names = Names()
        self.entries: list[Entry] = []
        self.repeated = 0

    async def follow(self) -> None:
        """Read until cancelled."""
        consumer = AIOKafkaConsumer(
            *(f"{owner}.events" for owner in OWNERS),
            bootstrap_servers=self._bootstrap,
            auto_offset_reset="earliest",
            enable_auto_commit=False,
        )
        await consumer.start()
        try:
            while True:
                batches = await consumer.getmany(timeout_ms=50)
                now = asyncio.get_running_loop().time()
                for records in batches.values():
                    for record in records:
                        self._take(read_record(record.headers, record.value), now)
                self._advance(now)
        finally:
            await consumer.stop()

    async def until(
        self, happened: Callable[[list[Entry]], bool], what: str, timeout: float = 60.0
    ) -> None:
        """Return once `happened(entries)` holds. Raises Expired."""
        try:
            async with asyncio.timeout(timeout):
                while not happened(self.entries):
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            last = "\n".join(f"  {e.envelope.type}: {e.words}" for e in self.entries[-5:])
            raise Expired(
                f"after {timeout:g} s there is no {what}; the last events:\n{last}"
            ) from None

    def _take(self, envelope: Envelope, now: float) -> None:
        owner = envelope.source.removeprefix("/")
        assert envelope.sequence is not None
        if envelope.sequence < self._next[owner] or envelope.sequence in self._unread[owner]:
            self.repeated += 1
        else:
            self._unread[owner][envelope.sequence] = (envelope, now)

    def _advance(self, now: float) -> None:
        moved = True
        while moved:
            moved = False
            for owner, unread in self._unread.items():
                head = unread.get(self._next[owner])
                if head is None:
                    continue
                envelope, since = head
                cause = envelope.causation_id
                if cause is None or cause in self._depths or now - since > PATIENCE:
                    del unread[self._next[owner]]
                    self._next[owner] += 1
                    self._add(envelope)
                    moved = True

    def _add(self, envelope: Envelope) -> None:
        event = read_event(envelope)
        self.names.learn(event)
        depth = self._depths.get(envelope.causation_id or "", -1) + 1
        self._depths[envelope.id] = depth
        entry = Entry(
            envelope,
            event,
            depth,
            describe(event, envelope, self.names),
            self.names.actor(envelope.actor),
        )
        self.entries.append(entry)
        self._show(entry)
        self._changed.set()
