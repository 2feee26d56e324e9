"""What is among the dead letters is listed, replayed in order and once, or dropped for good."""

import asyncio
import hashlib
import itertools
import sys
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
import pytest_asyncio
from pymongo import MongoClient

from cli.topics import read_all
from deploy.local.ports import free_port
from deploy.local.system import known_to
from shared.events import Envelope
from shared.events.ids import Id, NeedId
from shared.kafka import Producer, Record
from shared.settings import Settings
from tests.bench.thing import ThingHappened
from tests.connected.acting import Json, until
from tests.system import TestBuild, running

POSITIONS = itertools.count()


def happened(need_id: str, *pads: str, first: int = 1) -> list[Envelope]:
    """What projects says of a thing, in this order; `first` is the first version of the thing."""
    found = []
    for version, pad in enumerate(pads, first):
        event = ThingHappened(need_id=NeedId(need_id), pad=pad)
        found.append(
            Envelope(
                id=str(Id.new()),
                source="/projects",
                type=event.ce_type(),
                subject=event.subject,
                subject_version=version,
                time="2026-03-05T12:02:00.000000Z",
                actor="operator:test",
                correlation_id=str(Id.new()),
                data=event.data(),
                sequence=next(POSITIONS),
            )
        )
    return found


class Faulty:
    """A consumer whose handler has a defect that comes and goes, and an operator who looks."""

    def __init__(self, system: TestBuild) -> None:
        self.system = system
        self.fault = system.root / "fault"
        self.port = free_port()
        self.store: MongoClient[Json] = MongoClient(system.addresses.mongodb)
        self._process = system.stack.process("faulty", [])
        self._producer = Producer(system.addresses.kafka, client_id="test", timeout=30)
        self._http = httpx.AsyncClient(base_url=f"http://127.0.0.1:{self.port}", timeout=30)

    def start(self, crash_at: str = "") -> None:
        """Start it; with `crash_at`, it kills itself there."""
        env = {
            **known_to(Settings, self.system.addresses.environment() | self.system.settings),
            "ALLIANCE_JWKS_FILE": str(self.system.root / "keys" / "jwks.json"),
            **({"ALLIANCE_CRASH_AT": crash_at} if crash_at else {}),
        }
        command = [sys.executable, "-m", "tests.connected.faulty", str(self.port), str(self.fault)]
        self._process = self.system.stack.process("faulty", command, env)
        self._process.start()
        self._process.wait_ready(self.port)

    async def restart(self, crash_at: str = "") -> None:
        """The same after it was stopped or has killed itself."""
        await asyncio.to_thread(self._process.stop)
        await asyncio.to_thread(self.start, crash_at)

    async def died(self) -> None:
        """Return as soon as it has killed itself."""
        await until(lambda: not self._process.alive(), say="its death")

    async def close(self) -> None:
        """Stop it."""
        await asyncio.to_thread(self._process.stop)
        await self._producer.discard()
        await self._http.aclose()
        self.store.close()

    async def publish(self, *events: Envelope) -> None:
        """Send events as projects' relay would."""
        await self._producer.send(
            [Record("projects.events", e.key(), e.value(), e.headers()) for e in events]
        )

    async def ask(
        self, method: str, path: str, body: Json | None = None, role: str = "operator"
    ) -> httpx.Response:
        """A request in a role."""
        member = str(Id.new()) if role in ("member", "core", "monitor") else None
        headers = self.system.authorization("anna", member, (role,))
        headers["Idempotency-Key"] = str(Id.new())
        return await self._http.request(method, path, json=body, headers=headers)

    async def got(self, path: str) -> Any:
        """What an operator reads."""
        answer = await self.ask("GET", path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def done(self, path: str, body: Json | None = None) -> Json:
        """What an operator has done."""
        answer = await self.ask("POST", path, body)
        assert answer.status_code == 201, answer.text
        found: Json = answer.json()
        return found

    async def letters(self, query: str = "state=waiting") -> list[Json]:
        """All letters that a query finds."""
        found: list[Json] = await self.got(f"/dead-letters?limit=200&{query}")
        return found

    async def letters_wait(self, number: int) -> list[Json]:
        """The letters that wait, as soon as they are so many, with all of them written."""

        async def there() -> list[Json]:
            found = await self.letters()
            return found if len(found) == number else []

        return await until(there, 60, f"{number} letters that wait") if number else []

    async def finished(self, ask: str) -> list[Json]:
        """The letters of a replay, as soon as it has come to each."""

        async def over() -> list[Json]:
            found = await self.letters(f"ask={ask}")
            return [] if any(each["due"] for each in found) else found

        return await until(over, 60, "a replay")

    def told(self, need_id: str) -> list[str]:
        """What was handled of a thing, in the order it was handled."""
        found = self.store["matching"]["tales"].find_one({"_id": need_id})
        return list(found["told"]) if found else []


@pytest.fixture(scope="module")
def system() -> Iterator[TestBuild]:
    """Kafka and a store; the only service is the faulty one."""
    with running(services=()) as started:
        yield started


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def faulty(system: TestBuild) -> AsyncIterator[Faulty]:
    """The consumer, running, with its defect."""
    found = Faulty(system)
    found.fault.touch()
    await asyncio.to_thread(found.start)
    yield found
    await found.close()


@pytest_asyncio.fixture(autouse=True, loop_scope="session")
async def clean(faulty: Faulty) -> AsyncIterator[None]:
    """Each test begins with the defect, and leaves nothing that waits."""
    faulty.fault.touch()
    yield
    assert await faulty.letters() == []
    assert await faulty.got("/parked-subjects") == []


async def test_hundred_poisons_are_replayed_once_and_in_order_over_a_kill(faulty: Faulty) -> None:
    """Among a hundred good events; listed and shown byte for byte; SIGKILL in the middle of the
    replay, and events of the same subjects that arrive during it, change nothing of the order."""
    bad = {str(Id.new()): [f"poison {n}" for n in range(20)] for _ in range(5)}
    good = {str(Id.new()): ["fine 0", "fine 1"] for _ in range(50)}
    events = {need: happened(need, *pads) for need, pads in (bad | good).items()}
    mixed = [e for batch in itertools.zip_longest(*events.values()) for e in batch if e]
    await faulty.publish(*mixed)
    letters = await faulty.letters_wait(100)
    await until(lambda: all(faulty.told(need) == pads for need, pads in good.items()))
    assert not any(faulty.told(need) for need in bad)

    sent = {e.identity: e for need in bad for e in events[need]}
    assert {each["event"] for each in letters} == set(sent)
    assert {each["reason"] for each in letters} == {"handler-failed", "parked"}
    for each in letters:
        shown, event = await faulty.got(f"/dead-letters/{each['id']}"), sent[each["event"]]
        assert shown["value_text"].encode() == event.value()
        assert shown["value_sha256"] == hashlib.sha256(event.value()).hexdigest()
        assert bytes.fromhex(shown["key_hex"]) == event.key()
        headers = [(h["name"], h["text"].encode()) for h in shown["headers"]]
        assert headers == list(event.headers())
    parked = await faulty.got("/parked-subjects")
    assert {(p["subject"], p["letters"]) for p in parked} == {(need, 20) for need in bad}
    progress = await faulty.got("/health/progress")
    assert progress["dead_letters"] == {"waiting": 100, "parked": 5}

    one = next(iter(bad))
    subject = {"source": "/projects", "subject": one}
    asked = await faulty.done("/dead-letters/replay", subject)
    assert asked["letters"] == 20
    again = await faulty.finished(asked["ask"])
    assert {each["state"] for each in again} == {"waiting"}
    assert [each["replays"] for each in again] == [1] + [0] * 19
    assert "Poisoned" in again[0]["error"]

    faulty.fault.unlink()
    await faulty.restart("before-commit:37")
    asked = await faulty.done("/dead-letters/replay", {})
    assert asked["letters"] == 100
    later = {need: happened(need, "poison later", "fine later", first=21) for need in bad}
    await faulty.publish(*(e for batch in later.values() for e in batch))
    await faulty.died()
    assert 0 < sum(len(faulty.told(need)) for need in bad) < 100
    await faulty.restart()

    def all_told() -> bool:
        return all(
            faulty.told(need) == [*pads, "poison later", "fine later"] for need, pads in bad.items()
        )

    await until(all_told, 60, "the replay")
    replayed = await faulty.letters("state=replayed")
    assert set(sent) <= {each["event"] for each in replayed}
    assert {each["settled_by"] for each in replayed} == {"operator:anna"}
    records = await read_all(faulty.system.addresses.kafka, "matching.dead-letters")
    assert len(records) == len(replayed)


@pytest.mark.parametrize("point", ["letter-noted", "letter-written"])
async def test_crash_between_the_parts_of_setting_aside_loses_nothing(
    faulty: Faulty, point: str
) -> None:
    """The record comes again, and the note says what is still to be done: one letter, one replay,
    however often it is on the topic."""
    need = str(Id.new())
    await faulty.restart(f"{point}:1")
    await faulty.publish(*happened(need, "poison", "fine"))
    await faulty.died()
    await faulty.restart()
    letters = await faulty.letters_wait(2)
    assert [each["reason"] for each in letters] == ["handler-failed", "parked"]
    faulty.fault.unlink()
    asked = await faulty.done(f"/dead-letters/{letters[1]['id']}/replay")
    assert asked["letters"] == 2
    await faulty.finished(asked["ask"])
    assert faulty.told(need) == ["poison", "fine"]


async def test_dropped_event_is_never_handled_and_those_behind_it_are(faulty: Faulty) -> None:
    """Who dropped it, when and why is kept; its subject stays parked while something waits."""
    need = str(Id.new())
    poison, fine = happened(need, "poison", "fine")
    await faulty.publish(poison, fine)
    first, second = await faulty.letters_wait(2)
    path = f"/dead-letters/{first['id']}/drop"
    dropped = await faulty.done(path, {"reason": "written by a test"})
    assert (dropped["state"], dropped["settled_by"]) == ("dropped", "operator:anna")
    assert dropped["settled_because"] == "written by a test"
    assert [p["letters"] for p in await faulty.got("/parked-subjects")] == [1]

    for act, body in (("drop", {"reason": "again"}), ("replay", None)):
        answer = await faulty.ask("POST", f"/dead-letters/{first['id']}/{act}", body)
        assert (answer.status_code, answer.json()["state"]) == (409, "dropped")

    asked = await faulty.done(f"/dead-letters/{second['id']}/replay")
    await faulty.finished(asked["ask"])
    assert await faulty.got("/parked-subjects") == []
    faulty.fault.unlink()
    await faulty.publish(poison, *happened(need, "after", first=3))
    await until(lambda: faulty.told(need) == ["fine", "after"])


async def test_what_is_no_event_is_shown_in_hex_and_dropped(faulty: Faulty) -> None:
    """Replayed it is still none: it waits on, and the replay is counted."""
    producer = Producer(faulty.system.addresses.kafka, client_id="test")
    await producer.send([Record("projects.events", None, b"\xff\x00", [("odd", b"\xfe")])])
    await producer.discard()
    [letter] = await faulty.letters_wait(1)
    shown = await faulty.got(f"/dead-letters/{letter['id']}")
    assert (shown["value_hex"], shown["reason"]) == ("ff00", "not-an-event")
    assert shown["headers"] == [{"name": "odd", "text": None, "hex": "fe"}]
    asked = await faulty.done(f"/dead-letters/{letter['id']}/replay")
    [again] = await faulty.finished(asked["ask"])
    assert (again["state"], again["replays"]) == ("waiting", 1)
    assert "NotAnEvent" in again["error"]
    await faulty.done(f"/dead-letters/{letter['id']}/drop", {"reason": "bytes of nobody's"})


@pytest.mark.parametrize("role", ["member", "core", "monitor", "auditor"])
async def test_only_operators_see_and_settle_letters(faulty: Faulty, role: str) -> None:
    """403 for everybody else; a letter that is not there is 404 for operators."""
    for method, path, body in (
        ("GET", "/dead-letters", None),
        ("GET", "/dead-letters/0", None),
        ("GET", "/parked-subjects", None),
        ("POST", "/dead-letters/0/replay", None),
        ("POST", "/dead-letters/replay", {}),
        ("POST", "/dead-letters/0/drop", {"reason": "no"}),
    ):
        answer = await faulty.ask(method, path, body, role)
        assert answer.status_code == 403, (method, path, answer.text)
    for path, body in (
        ("/dead-letters/99999/replay", None),
        ("/dead-letters/99999/drop", {"reason": "no"}),
    ):
        assert (await faulty.ask("POST", path, body)).status_code == 404
