"""SIGKILL at named points under load: `python -m tests.chaos.kills --kills 200`.

Services run armed with a point and a number and die there, one after another; each death is
followed at once by the next start, armed with the next point. Clients go on asking all the while.
At the end everything is brought to rest and the whole history is read, to be checked.
"""

import argparse
import asyncio
import random
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
from aiokafka.admin import AIOKafkaAdminClient

from cli.checks import amounts_are_conserved
from cli.rebuild import Rebuilt, rebuild
from cli.services import known
from cli.topics import lag, read_all
from shared import crash
from shared.log import INBOX, LOG
from tests.chaos import history
from tests.chaos.history import Document, Seen
from tests.chaos.load import Load
from tests.connected.acting import THREE, Acting, until
from tests.system import TestBuild, running

SETTINGS = {
    "ALLIANCE_LEASE_SECONDS": "1",
    "ALLIANCE_ROUND_DEBOUNCE_SECONDS": "0.5",
    "ALLIANCE_LOG_LEVEL": "WARNING",
}
"""Shorter waits after a death, and not a matching round for every single commit."""

MOST = {
    "before-commit": 6,
    "after-commit": 5,
    "in-sequencing": 4,
    "before-produce": 4,
    "after-produce": 4,
    "in-handler": 12,
    "before-offset-commit": 5,
}
"""The latest passing of a point at which a process dies; which one is drawn at random."""

WHERE = {
    "before-commit": ("projects",),
    "after-commit": ("projects",),
    "in-sequencing": ("projects", "matching"),
    "before-produce": ("projects", "matching"),
    "after-produce": ("projects",),
    "in-handler": ("matching",),
    "before-offset-commit": ("matching",),
}
"""Which services may die at a point; each service is killed again and again, side by side."""

SUBSCRIBERS = ("projects", "matching")
NEED_TYPES = ("alliance.need-posted.v1", "alliance.need-amended.v1")

Say = Callable[[str], None]


class Undead(AssertionError):
    """A process did not die where it was armed to; the message says what it did instead."""


@dataclass(frozen=True)
class Death:
    """One process that killed itself at a point: the n-th passing, after so many seconds."""

    service: str
    point: str
    n: int
    lived: float


@dataclass(frozen=True)
class Left:
    """What a subscriber left as it died: its group's offsets, by (owner, partition), and what it
    had handled."""

    committed: dict[tuple[str, int], int]
    handled: set[str]


@dataclass
class Outcome:
    """One run: the deaths, what the clients heard, and the whole history."""

    seed: int
    load: Load
    deaths: list[Death] = field(default_factory=list)
    left: list[Left] = field(default_factory=list)
    """Of each death before an offset commit."""
    before: set[str] = field(default_factory=set)
    """Correlation ids of what was recorded before the load began."""
    logs: dict[str, list[Document]] = field(default_factory=dict)
    topics: dict[str, list[Seen]] = field(default_factory=dict)
    inboxes: dict[str, list[str]] = field(default_factory=dict)
    requirements: list[Document] = field(default_factory=list)
    """What matching knows of needs: a projection of projects' log."""
    rebuilt: dict[str, Rebuilt] = field(default_factory=dict)
    inbox: dict[tuple[str, int], Counter[str]] = field(default_factory=dict)
    """What each incarnation's inbox did, as it last said: (service, which) → outcomes."""
    conserved: str = ""
    seconds: dict[str, float] = field(default_factory=dict)

    def by_point(self) -> Counter[str]:
        """How many deaths at each point."""
        return Counter(d.point for d in self.deaths)

    def did(self, service: str) -> Counter[str]:
        """What all incarnations of a service's inbox did, at least: the last second before a
        death may be missing."""
        return sum((c for (s, _), c in self.inbox.items() if s == service), Counter())

    def redelivered(self) -> list[int]:
        """For each death before an offset commit: how many handled records came again."""
        return [history.comes_again(d.committed, d.handled, self.topics) for d in self.left]

    def of_answers(self) -> list[str]:
        """What is wrong with what the clients were told."""
        found = [f"{a.key}: {a.name} was answered {a.attempts[-1]}" for a in self.load.refused]
        found += history.answered_and_recorded(self.load.answers, self.logs)
        keys = self.before | {a.key for a in self.load.asked}
        return found + history.nothing_unasked(keys, self.logs)

    def of_logs(self) -> list[str]:
        """What is wrong with the logs as they are stored."""
        found: list[str] = []
        for owner, log in self.logs.items():
            found += [f"{owner}: {f}" for f in history.positions_are_gapless(log)]
            found += history.leaves_are_hashes(owner, log)
        return found

    def of_topics(self) -> list[str]:
        """What is wrong with what was published."""
        found: list[str] = []
        for owner, records in self.topics.items():
            found += history.published_as_recorded(owner, self.logs[owner], records)
            found += [f"{owner}: {f}" for f in history.copies_are_identical(records)]
            found += [f"{owner}: {f}" for f in history.subjects_are_in_order(records)]
        return found

    def of_subscribers(self) -> list[str]:
        """What is wrong with what subscribers handled, and with what came of it."""
        found: list[str] = []
        for service, inbox in self.inboxes.items():
            types, owners = handles(service)
            due = {owner: self.logs[owner] for owner in owners if owner in self.logs}
            found += [f"{service}: {f}" for f in history.handled_once(types, due, inbox)]
        found += history.learnt_once(self.logs["projects"], NEED_TYPES, self.requirements)
        found += history.one_live_match(self.logs["matching"])
        return found + ([self.conserved] if self.conserved else [])

    def of_state(self) -> list[str]:
        """Where state and its rebuild from Kafka differ."""
        found: list[str] = []
        for service, rebuilt in self.rebuilt.items():
            found += [f"{service}: {difference}" for difference in rebuilt.different]
            if not rebuilt.equal:
                found.append(f"{service}: the rebuilt state has another hash: {rebuilt.hashes}")
        return found

    def faults(self) -> list[str]:
        """All that is wrong; nothing should be."""
        return [
            *self.of_answers(),
            *self.of_logs(),
            *self.of_topics(),
            *self.of_subscribers(),
            *self.of_state(),
        ]


def handles(service: str) -> tuple[set[str], set[str]]:
    """The event types that a service handles, and the owners of the logs they are on."""
    on = known(service).on
    types = {event.ce_type() for event in on.events()}
    return types, {topic.removesuffix(".events") for topic in on.topics()}


class Kills:
    """Kills services of a running system under load, `kills` times in all."""

    def __init__(self, acting: Acting, seed: int, say: Say = lambda line: None) -> None:
        self._acting = acting
        self._system = acting.system
        self._random = random.Random(seed)
        self._say = say
        self._turn: Counter[str] = Counter()
        self.outcome = Outcome(seed, Load(acting, seed))

    async def run(self, kills: int) -> Outcome:
        """Arm and start until that many have died, bring all to rest, read the history."""
        started = time.monotonic()
        found = self.outcome
        found.before = correlations(self._acting)
        plans = plan(kills, self._random)
        watching = asyncio.create_task(self._watch())
        found.load.start(needs=4, pledges=2)
        try:
            async with asyncio.TaskGroup() as group:
                for service, deaths in plans.items():
                    group.create_task(self._lane(service, deaths))
            found.seconds["killing"] = time.monotonic() - started
            await found.load.stop()
            found.seconds["until answered"] = time.monotonic() - started
            await all_committed(self._acting)
            await self._sample()
            found.seconds["until at rest"] = time.monotonic() - started
        finally:
            watching.cancel()
        await read_history(self._acting, found)
        found.seconds["until read"] = time.monotonic() - started
        return found

    async def _lane(self, service: str, deaths: list[tuple[str, int]]) -> None:
        """One service dies again and again; at the end it runs and is ready."""
        await asyncio.to_thread(self._system.process(service).stop)
        for point, n in deaths:
            self.outcome.load.fault()
            self._turn[service] += 1
            process = self._system.process(service, env={crash.VARIABLE: f"{point}:{n}"})
            started = time.monotonic()
            await asyncio.to_thread(process.start)
            while process.exit_status is None:
                if time.monotonic() - started > 60:
                    raise Undead(f"{service} lives at {point}:{n}\n{process.log_tail()}")
                await asyncio.sleep(0.05)
            if process.exit_status != -9:
                raise Undead(f"{service} ended {process.exit_status}\n{process.log_tail()}")
            death = Death(service, point, n, time.monotonic() - started)
            self.outcome.deaths.append(death)
            if point == "before-offset-commit":
                self.outcome.left.append(await left_by(self._acting, service))
            self._say(
                f"{len(self.outcome.deaths):4}  {service} died at {point}:{n}"
                f" after {death.lived:.1f} s; {len(self.outcome.load.asked)} commands so far"
            )
        self._turn[service] += 1
        await asyncio.to_thread(self._system.process(service).start)
        await asyncio.to_thread(self._system.wait_ready, service)

    async def _watch(self) -> None:
        while True:
            await self._sample()
            await asyncio.sleep(0.3)

    async def _sample(self) -> None:
        for service in SUBSCRIBERS:
            which = (service, self._turn[service])
            try:
                async with asyncio.timeout(1):
                    said = await self._acting.got(service, "/health/progress")
            except (httpx.TransportError, TimeoutError, AssertionError):
                continue
            self.outcome.inbox[which] = Counter(said["inbox"])


def plan(kills: int, chance: random.Random) -> dict[str, list[tuple[str, int]]]:
    """Which service dies when, at which passing of which point: each point as often as another,
    each service as often as its points allow."""
    found: dict[str, list[tuple[str, int]]] = {"projects": [], "matching": []}
    points = sorted(crash.POINTS, key=lambda point: len(WHERE[point]))
    for point in points:
        for _ in range(kills // len(points) + (points.index(point) < kills % len(points))):
            service = min(WHERE[point], key=lambda s: len(found[s]))
            found[service].append((point, chance.randint(1, MOST[point])))
    for deaths in found.values():
        chance.shuffle(deaths)
    return found


def correlations(acting: Acting) -> set[str]:
    """What all events belong to that are recorded now."""
    logs = [acting.store[owner][LOG] for owner in THREE]
    return {d["correlation_id"] for log in logs for d in log.find({}, {"correlation_id": 1})}


async def all_committed(acting: Acting) -> None:
    """Return when all that was recorded is published and handled and no record comes again: every
    subscriber has committed its offsets to the end. Raises TimeoutError."""
    topics = {service: known(service).on.topics() for service in SUBSCRIBERS}

    async def nothing_left() -> bool:
        behind = await lag(acting.system.addresses.kafka, topics)
        return not any(n for partitions in behind.values() for n in partitions.values())

    await acting.at_rest()
    came: bool = await until(nothing_left, 30, "all offsets at the end", every=0.25)
    assert came


async def left_by(acting: Acting, service: str) -> Left:
    """What a subscriber that is dead has handled, and committed."""
    admin = AIOKafkaAdminClient(bootstrap_servers=acting.system.addresses.kafka)
    await admin.start()
    try:
        offsets = await admin.list_consumer_group_offsets(service)
    finally:
        await admin.close()
    committed = {
        (p.topic.removesuffix(".events"), p.partition): at.offset for p, at in offsets.items()
    }
    return Left(committed, acting.inbox(service))


async def read_history(acting: Acting, found: Outcome) -> None:
    """Read everything there is to check."""
    at = acting.system.addresses
    for owner in THREE:
        found.logs[owner] = list(acting.store[owner][LOG].find())
        found.topics[owner] = await read_topic(at.kafka, owner)
    for service in SUBSCRIBERS:
        found.inboxes[service] = [str(d["_id"]) for d in acting.store[service][INBOX].find()]
    found.requirements = list(acting.store["matching"]["requirements"].find())
    for service in THREE:
        found.rebuilt[service] = await rebuild(service, at.kafka, at.mongodb)
    conserved = await amounts_are_conserved(at)
    found.conserved = "" if conserved.held else conserved.detail


async def read_topic(bootstrap: str, owner: str) -> list[Seen]:
    """Every record of an owner's topic."""
    return [
        Seen(r.partition, r.offset, r.key, r.value, tuple(r.headers))
        for r in await read_all(bootstrap, f"{owner}.events")
    ]


async def kill(system: TestBuild, kills: int, seed: int, say: Say = lambda line: None) -> Outcome:
    """A run on a system that was just started."""
    acting = Acting(system)
    try:
        await acting.open(authorities=2, partners=2)
        return await Kills(acting, seed, say).run(kills)
    finally:
        await acting.close()


def table(found: Outcome) -> str:
    """The run in a few lines."""
    lines = [f"seed {found.seed}: {len(found.deaths)} deaths"]
    for point, number in sorted(found.by_point().items()):
        lived = [d.lived for d in found.deaths if d.point == point]
        lines.append(f"  {point:22} {number:4}   {sum(lived) / number:5.1f} s from start to death")
    heard: dict[Any, int] = dict(found.load.attempts().most_common())
    lines.append(
        f"commands {len(found.load.asked)}, answered 201 {len(found.load.answers)}, "
        f"{found.load.replayed} of them again: {heard}"
    )
    for owner, log in found.logs.items():
        records = found.topics[owner]
        lines.append(
            f"  {owner:10} {len(log):5} events, {len(records):5} records, "
            f"{history.copies(records)} published again"
        )
    for service in SUBSCRIBERS:
        lines.append(f"  inbox of {service}: {dict(found.did(service))}")
    lines.append(f"  handled and not committed at a death, so given again: {found.redelivered()}")
    lines.append(", ".join(f"{what} {s:.1f} s" for what, s in found.seconds.items()))
    faults = found.faults()
    lines.append(f"{len(faults)} faults")
    return "\n".join([*lines, *faults[:50]])


def main() -> None:
    """By hand, with progress and a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**31))
    asked = parser.parse_args()
    print(f"seed {asked.seed}", flush=True)
    with running(SETTINGS, services=THREE) as system:
        found = asyncio.run(
            kill(system, asked.kills, asked.seed, lambda line: print(line, flush=True))
        )
    print(table(found))
    sys.exit(bool(found.faults()))


if __name__ == "__main__":
    main()
