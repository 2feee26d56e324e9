"""Work that one instance of a service does at a time: the relay, the matching rounds, the sender.

The lease needs no clock that two machines share: its holder keeps increasing a counter, and
whoever has seen the counter stand still for `ttl` seconds of its own monotonic clock may take it.
The lease only keeps two instances from doing the same work for nothing; what must not happen
twice is fenced where it is written (docs/decisions/0004).
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from pymongo.errors import DuplicateKeyError, OperationFailure, PyMongoError

from shared.mongo import Store, StoreAway, is_away

log = logging.getLogger("alliance.worker")

LEASES = "leases"
WRITE_CONFLICT = 112


class LeaseLost(Exception):
    """Another instance holds the lease now."""


class Lease:
    """One named lease of a service; `holder` is new for each process."""

    def __init__(self, store: Store, name: str, ttl: float) -> None:
        self._store = store
        self.name = name
        self.ttl = ttl
        self.holder = uuid4().hex
        self._seen: tuple[str | None, int] | None = None
        self._seen_at = 0.0

    async def take(self) -> bool:
        """Take it if it is free, ours, or has stood still for `ttl`; whether it is ours now."""
        now = asyncio.get_running_loop().time()
        found = await self._store[LEASES].find_one({"_id": self.name})
        if found is None:
            with suppress(DuplicateKeyError):
                await self._store[LEASES].insert_one({"_id": self.name, "holder": None, "beat": 0})
            found = {"holder": None, "beat": 0}
        state = (found["holder"], found["beat"])
        if state != self._seen:
            self._seen, self._seen_at = state, now
        if state[0] not in (None, self.holder) and now - self._seen_at < self.ttl:
            return False
        return await self._beat({"holder": state[0], "beat": state[1]}) is True

    async def beat(self) -> None:
        """Say that the holder is alive. Raises LeaseLost."""
        if await self._beat({"holder": self.holder}) is False:
            raise LeaseLost(self.name)

    async def _beat(self, expected: dict[str, Any]) -> bool | None:
        """Write a beat of ours if the lease is as expected; whether it was. None where a
        transaction of the holder has written it: that is a sign of life, too."""
        try:
            done = await self._store[LEASES].update_one(
                {"_id": self.name, **expected},
                {"$set": {"holder": self.holder}, "$inc": {"beat": 1}},
            )
        except OperationFailure as error:
            if error.code != WRITE_CONFLICT:
                raise
            return None
        return done.matched_count == 1

    async def give_up(self) -> None:
        """Leave it to whoever asks next, at once."""
        await self._store[LEASES].update_one(
            {"_id": self.name, "holder": self.holder}, {"$set": {"holder": None}}
        )


@dataclass
class Condition:
    """What a worker is doing, for readiness: `holding`, `standing by`, or what it waits for."""

    state: str = "starting"
    error: str = ""


class Worker:
    """Runs `step` again and again while this instance holds the lease.

    `step(lease)` does one piece of work and says whether there may be more; when it says no, the
    worker waits for `wake` or `poll` seconds. `begin` runs each time the lease was taken. Nothing
    that either raises ends the worker: it says so, waits, and starts over from `begin`.
    """

    def __init__(
        self,
        store: Store,
        name: str,
        step: Callable[[Lease], Awaitable[bool]],
        *,
        begin: Callable[[Lease], Awaitable[None]] | None = None,
        ttl: float = 5.0,
        poll: float = 0.25,
    ) -> None:
        self.name = name
        self.condition = Condition()
        self._lease = Lease(store, name, ttl)
        self._step = step
        self._begin = begin
        self._poll = poll
        self._wake = asyncio.Event()
        self._stepping = False

    @property
    def at_work(self) -> bool:
        """Whether it does something now or is about to: not while another instance does it."""
        standing_by = self.condition.state == "standing by"
        return not standing_by and (self._stepping or self._wake.is_set())

    @property
    def trouble(self) -> str:
        """What keeps it from its work; "" for nothing, also while another instance does it."""
        if self.condition.state in ("holding", "standing by"):
            return ""
        return f"{self.condition.state}: {self.condition.error}".rstrip(": ")

    def wake(self) -> None:
        """There may be work; come at once."""
        self._wake.set()

    async def run(self) -> None:
        """Work until cancelled, then give the lease up."""
        pause = 0.1
        try:
            while True:
                try:
                    if not await self._lease.take():
                        self.condition = Condition("standing by")
                        await asyncio.sleep(min(self._poll, self._lease.ttl / 4))
                        continue
                    await self._hold()
                    pause = 0.1
                except LeaseLost:
                    log.warning("another instance took the lease %s", self.name)
                except Exception as error:
                    waiting = "waiting for the store" if is_away(error) else "failing"
                    if self.condition.state != waiting:
                        log.warning(
                            "%s is %s: %s",
                            self.name,
                            waiting,
                            error,
                            exc_info=not is_away(error),
                        )
                    self.condition = Condition(waiting, str(error)[:200])
                    await asyncio.sleep(pause)
                    pause = min(pause * 2, 2.0)
        finally:
            with suppress(PyMongoError, StoreAway, TimeoutError):
                async with asyncio.timeout(2):
                    await self._lease.give_up()

    async def _hold(self) -> None:
        beating = asyncio.create_task(self._beat(), name=f"{self.name} beat")
        working = asyncio.create_task(self._work(), name=f"{self.name} work")
        try:
            await asyncio.wait({beating, working}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (beating, working):
                task.cancel()
            ended = await asyncio.gather(beating, working, return_exceptions=True)
        for error in ended:
            if isinstance(error, Exception):
                raise error

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(self._lease.ttl / 3)
            await self._lease.beat()

    async def _work(self) -> None:
        self._stepping = True  # until a step says that there is no more, also if one fails
        if self._begin is not None:
            await self._begin(self._lease)
        self.condition = Condition("holding")
        while True:
            self._stepping = True
            self._wake.clear()
            if await self._step(self._lease):
                continue
            self._stepping = False
            with suppress(TimeoutError):
                async with asyncio.timeout(self._poll):
                    await self._wake.wait()
