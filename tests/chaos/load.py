"""Clients that go on asking, whatever dies: the same key again until there is an answer."""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

import httpx

from cli.cast import PRINCIPLES
from services.members import principles
from tests.chaos.history import Answer
from tests.connected.acting import Acting, Json, euros
from tests.waiting import within

WHY = {"reason": "it turned out otherwise"}


@dataclass
class Asked:
    """One command: its key, and what each attempt at it came to (a status, or an error's name)."""

    key: str
    owner: str
    name: str
    attempts: list[int | str] = field(default_factory=list)
    subject: str = ""
    replayed: bool = False
    """Whether the answer is one that was given before, and got lost."""

    @property
    def answer(self) -> Answer | None:
        """What it was answered, where that was 201."""
        return Answer(self.key, self.owner, self.name, self.subject) if self.subject else None


class Load:
    """Members that post and amend needs, pledge, apply and are endorsed, until `stop`.

    `doors` names the instances of a service where it has several; each attempt takes one of them
    at random. `pause` is the mean number of seconds between two commands of one client, `patience`
    how long one waits for an answer.
    """

    def __init__(
        self,
        acting: Acting,
        seed: int,
        *,
        doors: Mapping[str, Sequence[str]] | None = None,
        pause: float = 0.3,
        patience: float = 30.0,
    ) -> None:
        self.asked: list[Asked] = []
        self._acting = acting
        self._seed, self._random = seed, random.Random(seed)
        self._doors = dict(doors or {})
        self._pause = pause
        self._patience = patience
        self._stopped = False
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, *, needs: int = 2, pledges: int = 1, members: int = 1) -> None:
        """So many clients of each kind begin."""
        kinds = [self._needs] * needs + [self._pledges] * pledges + [self._members] * members
        self._tasks = [asyncio.create_task(self._go_on(kind, n)) for n, kind in enumerate(kinds)]

    async def stop(self, timeout: float = 60.0) -> None:
        """Ask nothing new, and return when all that was asked is answered. Raises TimeoutError."""
        self._stopped = True
        async with asyncio.timeout(within(timeout)):
            await asyncio.gather(*self._tasks)

    async def give_up(self) -> None:
        """Ask nothing more, answered or not; after `stop` there is nothing to give up."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def fault(self) -> None:
        """Raise what ended a client, if one has ended."""
        for task in self._tasks:
            if task.done() and not task.cancelled() and (error := task.exception()):
                raise error

    @property
    def answers(self) -> list[Answer]:
        """All that were answered 201."""
        return [a for asked in self.asked if (a := asked.answer)]

    @property
    def refused(self) -> list[Asked]:
        """Commands that were answered, and not with 201: none should be."""
        return [a for a in self.asked if a.attempts and not a.subject]

    @property
    def replayed(self) -> int:
        """How many answers had been given before: the work was done, and its answer got lost."""
        return sum(a.replayed for a in self.asked)

    def attempts(self) -> Counter[int | str]:
        """What all attempts came to."""
        return Counter(attempt for asked in self.asked for attempt in asked.attempts)

    async def _go_on(self, kind: Callable[[str], Awaitable[None]], number: int) -> None:
        turn = 0
        while not self._stopped:
            await kind(f"{number}-{turn}")
            turn += 1

    async def _needs(self, label: str) -> None:
        """A need, amended up to three times."""
        a, who = self._acting, self._random.choice(("irpin", "irpin2"))
        need = await self._ask(who, "projects", "/needs", a.a_need(title=label), "need-posted")
        for _ in range(self._random.randrange(4)):
            if need and not self._stopped:
                body = WHY | {"lines": [euros(self._random.randrange(50, 150))]}
                path = f"/needs/{need}/amendments"
                await self._ask(who, "projects", path, body, "need-amended")

    async def _pledges(self, label: str) -> None:
        who = self._random.choice(("cascais", "cascais2"))
        amount = self._random.randrange(50, 150)
        body = {"title": {"en": f"Pledge {label}"}, "lines": [euros(amount)]}
        await self._ask(who, "matching", "/pledges", body, "pledge-made")

    async def _members(self, label: str) -> None:
        body = {
            "side": "partner",
            "kind": "city",
            "country": "PT",
            "organisation_id": f"XI-LOAD-{self._seed}-{label}",
            "names": {"en": f"City {label} of {self._seed}"},
            "principles": PRINCIPLES,
            "principles_version": principles.CURRENT,
        }
        member = await self._ask("operator", "members", "/members", body, "member-applied")
        if member and not self._stopped:
            path = f"/members/{member}/endorsements"
            await self._ask("cemr", "members", path, WHY, "member-admitted")

    async def _ask(self, who: str, owner: str, path: str, body: Json, name: str) -> str:
        """One command until it is answered; the id of what it made or changed, or ""."""
        key = str(UUID(int=self._random.getrandbits(128), version=4))
        asked = Asked(key, owner, name)
        self.asked.append(asked)
        while True:
            door = self._random.choice(self._doors.get(owner, (owner,)))
            try:
                async with asyncio.timeout(self._patience):
                    answer = await self._acting.ask(
                        who, door, path, body, key=key, X_Correlation_Id=key
                    )
            except (httpx.TransportError, TimeoutError) as error:
                asked.attempts.append(type(error).__name__)
            else:
                asked.attempts.append(answer.status_code)
                if answer.status_code == 201:
                    asked.subject = str(answer.json()["id"])
                    asked.replayed = "Idempotency-Replayed" in answer.headers
                if answer.status_code < 500:
                    await asyncio.sleep(self._random.uniform(0.5, 1.5) * self._pause)
                    return asked.subject
            await asyncio.sleep(0.1)
