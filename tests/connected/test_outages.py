"""The broker or the store goes away and comes back: what was acknowledged is kept, once."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import uuid4

import httpx
import pytest

from cli.services import known
from cli.topics import lag, read_all
from deploy.local.processes import Process
from tests.connected.acting import THREE, Acting, Json, until
from tests.system import TestBuild
from tests.system import running as running_system
from tests.waiting import within

CLIENTS = 4
AWAY, FROZEN = 20.0, 8.0
"""Seconds that a part is stopped, and that it is frozen with its connections open."""

PATIENT = {"ALLIANCE_STORE_PATIENCE_SECONDS": "2"}
"""A frozen store is noticed after up to three times as long."""

HOW = pytest.mark.parametrize("how", ["stopped", "frozen"])


@pytest.fixture(scope="module")
def system() -> Iterator[TestBuild]:
    """One that is soon told that its store is away."""
    with running_system(PATIENT, services=THREE) as started:
        yield started


@dataclass
class Asked:
    """One need that a client posts under one key until it hears 201, and all it heard."""

    key: str
    body: Json
    heard: list[tuple[float, float, int]] = field(default_factory=list)
    need: str = ""


class Clients:
    """Four clients who post needs, one at a time each, and repeat what was not acknowledged."""

    def __init__(self, acting: Acting) -> None:
        self._acting = acting
        self._going = True
        self.asked: list[Asked] = []
        self.faults: list[str] = []

    async def run(self) -> None:
        """Ask until told to stop, then until all is acknowledged."""
        await asyncio.gather(*(self._client() for _ in range(CLIENTS)))

    def stop(self) -> None:
        """Begin nothing new."""
        self._going = False

    def heard(self, since: float, until: float) -> list[tuple[float, float, int]]:
        """(when it was asked, seconds, status) of what was asked between two moments."""
        return [h for asked in self.asked for h in asked.heard if since <= h[0] < until]

    async def _client(self) -> None:
        while self._going:
            asked = Asked(str(uuid4()), self._acting.a_need())
            self.asked.append(asked)
            while not asked.need:
                await self._ask(asked)
                await asyncio.sleep(0.25)

    async def _ask(self, asked: Asked) -> None:
        started = time.monotonic()
        answer = await self._acting.ask("irpin", "projects", "/needs", asked.body, key=asked.key)
        asked.heard.append((started, time.monotonic() - started, answer.status_code))
        if answer.status_code == 201:
            asked.need = answer.json()["id"]
        elif fault := _not_as_said(answer):
            self.faults.append(fault)


def _not_as_said(answer: httpx.Response) -> str:
    """What is wrong with an answer that is no 201; "" where it is a proper "try again"."""
    good = (
        answer.status_code == 503
        and answer.headers["content-type"] == "application/problem+json"
        and answer.headers.get("retry-after", "").isdigit()
        and answer.json()["type"] == "urn:alliance:problem:store-unavailable"
    )
    return "" if good else f"{answer.status_code} {dict(answer.headers)} {answer.text}"


@asynccontextmanager
async def away(part: Process, how: str, start: Callable[[], None]) -> AsyncIterator[None]:
    """A part of the stack is stopped, or frozen, inside; afterwards it runs."""
    await asyncio.to_thread(part.stop if how == "stopped" else part.pause)
    try:
        yield
    finally:
        await asyncio.to_thread(start if how == "stopped" else part.resume)


async def readiness(acting: Acting, service: str) -> Json:
    """What a service says of itself, with the status as `status`; it must say it in 5 s."""
    started = time.monotonic()
    answer = await acting.read(service, "/health/ready")
    assert time.monotonic() - started < within(5)
    found: Json = answer.json()
    return found | {"status": answer.status_code}


async def all_say(acting: Acting, part: str) -> None:
    """Return when every service is not ready and names this part."""

    async def named() -> bool:
        said = [await readiness(acting, s) for s in acting.system.services]
        return all(s["status"] == 503 and s["ready"] is False and s[part] != "ok" for s in said)

    came: bool = await until(named, 8, f"readiness that names the {part}", every=0.5)
    assert came


async def all_is_well(acting: Acting, clients: Clients) -> None:
    """Everything acknowledged is in the log once, in Kafka, and handled; nothing waits."""
    deadline = time.monotonic() + within(60)
    await acting.at_rest(60)
    needs = [asked.need for asked in clients.asked]
    assert all(needs)
    assert len(set(needs)) == len(needs)
    in_log = Counter(e.subject for e in acting.log("projects") if e.name == "need-posted")
    assert {need: in_log[need] for need in needs} == dict.fromkeys(needs, 1)
    assert sum(in_log.values()) == acting.store["projects"]["needs"].count_documents({})
    published: dict[bytes, set[tuple[bytes | None, tuple[tuple[str, bytes], ...]]]] = {}
    for record in await read_all(acting.system.addresses.kafka, "projects.events"):
        event_id = dict(record.headers)["ce_id"]
        published.setdefault(event_id, set()).add((record.value, tuple(record.headers)))
    assert published.keys() == {e.id.encode() for e in acting.log("projects")}
    assert {len(copies) for copies in published.values()} == {1}, "sent twice with other bytes"
    learnt = acting.store["matching"]["requirements"].find({"_id": {"$in": needs}})
    assert {d["_id"]: d["revision"] for d in learnt} == dict.fromkeys(needs, 1)

    async def nothing_waits() -> bool:
        for service in acting.system.services:
            progress = await acting.got(service, "/health/progress")
            if progress["backlog"] or sum(progress["lag"].values()):
                return False
            if (await readiness(acting, service))["status"] != 200:
                return False
        behind = await lag(
            acting.system.addresses.kafka,
            {n: known(n).on.topics() for n in ("matching", "projects")},
        )
        return not any(n for found in behind.values() for n in found.values())

    left = max(1.0, deadline - time.monotonic())
    came: bool = await until(nothing_waits, left, "what waits", every=0.5)
    assert came
    for service in ("matching", "projects"):
        letters = await read_all(acting.system.addresses.kafka, f"{service}.dead-letters")
        assert letters == []


def pids(acting: Acting) -> dict[str, int | None]:
    """Who runs: the same afterwards, or a service was restarted."""
    return {s: acting.system.process(s).pid for s in acting.system.services}


@HOW
async def test_while_the_broker_is_away_every_command_is_taken(acting: Acting, how: str) -> None:
    """201 all the time, readiness names the broker, and afterwards all of it is published."""
    kafka, before = acting.system.stack.kafka, pids(acting)
    clients = Clients(acting)
    running = asyncio.create_task(clients.run())
    await asyncio.sleep(1)
    async with away(kafka.process, how, kafka.start):
        since = time.monotonic()
        await all_say(acting, "broker")
        await asyncio.sleep(
            max(0, since + (AWAY if how == "stopped" else FROZEN) - time.monotonic())
        )
        meanwhile = clients.heard(since, time.monotonic())
        assert len(meanwhile) > CLIENTS * 10
        assert {status for _, _, status in meanwhile} == {201}
        assert max(seconds for _, seconds, _ in meanwhile) < within(5)
        progress = await acting.got("projects", "/health/progress")
        assert progress["backlog"] >= len(meanwhile)
        assert (await acting.got("projects", "/health/live")) == {"status": "live"}
    clients.stop()
    await running
    assert clients.faults == []
    await all_is_well(acting, clients)
    assert pids(acting) == before


@HOW
async def test_while_the_store_is_away_nobody_is_misled(acting: Acting, how: str) -> None:
    """201 or 503 with Retry-After, soon; what was repeated under its key was done once."""
    store, before = acting.system.stack.store, pids(acting)
    clients = Clients(acting)
    running = asyncio.create_task(clients.run())
    await asyncio.sleep(1)
    async with away(store.process, how, store.start):
        since = time.monotonic()
        await all_say(acting, "store")
        await asyncio.sleep(
            max(0, since + (AWAY if how == "stopped" else FROZEN) - time.monotonic())
        )
        ended = time.monotonic()
        assert (await acting.got("projects", "/health/live")) == {"status": "live"}
        read = await acting.read("projects", "/needs")
        assert not _not_as_said(read)
    clients.stop()
    await running
    assert clients.faults == []
    meanwhile = clients.heard(since, ended)
    assert sum(status == 503 for _, _, status in meanwhile) >= CLIENTS
    assert {status for _, _, status in meanwhile} <= {201, 503}
    assert max(seconds for _, seconds, _ in clients.heard(0, ended)) < within(10)
    # A transaction whose client gave up while the store was frozen is begun when it thaws, and
    # holds its documents until the store's own limit of 60 s: about one time in three.
    await all_is_well(acting, clients)
    assert pids(acting) == before
