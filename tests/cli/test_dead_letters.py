"""`alliance dead-letters` against a real system: what an operator sees, decides and is told."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import pytest_asyncio

from cli.dead_letters import plain
from shared.events.ids import Id
from shared.events.projects import NeedAmended
from shared.kafka import Producer, Record
from tests import forked
from tests.cli.test_connected import environment
from tests.connected.acting import THREE, Acting, until
from tests.connected.test_poison import a_need, recorded
from tests.given import funding
from tests.system import TestBuild, running


@pytest.fixture(scope="module")
def system() -> Iterator[TestBuild]:
    """Kafka, a store and the three services that hold the state."""
    with running(services=THREE) as started:
        yield started


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def acting(system: TestBuild) -> Any:
    """The founding members, an authority and a partner."""
    found = Acting(system)
    await found.open()
    yield found
    await found.close()


def run(acting: Acting, who: str, *arguments: str) -> tuple[int, Any, str]:
    """Run the command as somebody, in a pipe: its status, what it answered, what it said beside."""
    at = acting.system.addresses
    stores = {"ALLIANCE_KAFKA": at.kafka, "ALLIANCE_MONGODB": at.mongodb}
    done = forked.run("cli", *arguments, env=environment(acting, who) | stores)
    answered = json.loads(done.stdout) if done.stdout[:1] in ("{", "[") else done.stdout
    return done.returncode, answered, done.stderr


async def send(acting: Acting, *records: Record) -> None:
    """Write records as they are."""
    producer = Producer(acting.system.addresses.kafka, client_id="test")
    await producer.send(records)
    await producer.discard()


def letters(acting: Acting) -> list[Any]:
    """What waits at matching, all of it written."""
    waiting = {"state": "waiting", "letter": {"$exists": True}}
    return list(acting.store["matching"]["dead_letters"].find(waiting).sort("letter", 1))


async def test_bytes_that_are_no_event_are_seen_and_dropped(acting: Acting) -> None:
    """Listed by their name, shown in hex; a replay fails with status 1; dropped with a reason."""
    await send(acting, Record("projects.events", None, b"\xff\x1b[2J", [("h", b"\x1b")]))
    [note] = await until(lambda: letters(acting))
    name = f"matching/{note['letter']}"
    status, found, _ = run(acting, "operator", "dead-letters", "list", "--service", "matching")
    assert (status, [each["letter"] for each in found["letters"]]) == (0, [name])
    assert found["parked"] == []
    status, shown, _ = run(acting, "operator", "dead-letters", "show", name)
    assert (status, shown["value"], shown["reason"]) == (0, "ff1b5b324a", "not-an-event")
    status, again, said = run(acting, "operator", "dead-letters", "replay", name)
    assert (status, [each["replays"] for each in again]) == (1, [1])
    assert "0 replayed, 1 wait on" in said
    why = ("--reason", "bytes of a test")
    status, dropped, _ = run(acting, "operator", "dead-letters", "drop", name, *why)
    assert (status, dropped["state"], dropped["settled_because"]) == (0, "dropped", why[1])
    status, _, said = run(acting, "operator", "dead-letters", "drop", name, *why)
    assert status == 1
    assert "was dropped by operator:operator" in said


@pytest.mark.parametrize(
    "arguments",
    [("list",), ("show", "matching/0"), ("replay", "--all"), ("drop", "matching/0", "--reason=no")],
)
def test_members_are_refused(acting: Acting, arguments: tuple[str, ...]) -> None:
    """Status 1, and why."""
    status, _, said = run(acting, "irpin", "dead-letters", *arguments)
    assert status == 1
    assert "(403)" in said


@pytest.mark.parametrize(
    "arguments",
    [("show", "17"), ("show", "members/0"), ("replay",), ("replay", "matching/0", "--all")],
)
def test_what_is_not_a_letters_name_is_said(acting: Acting, arguments: tuple[str, ...]) -> None:
    """Status 2 of a command that cannot be understood, before anything is asked."""
    status, _, said = run(acting, "operator", "dead-letters", *arguments)
    assert status == 2
    assert "allowed" in said or "one of" in said


def test_no_text_of_others_moves_the_cursor() -> None:
    """What a terminal would obey is shown escaped."""
    assert plain("Школа") == "Школа"
    assert plain("\x1b[2J") == '"\\u001b[2J"'


async def test_rebuild_says_what_waits_and_what_was_dropped(acting: Acting) -> None:
    """An amendment of a need that nobody knows is in neither state; equal before and after it is
    dropped, and after the events behind it are replayed."""
    need = str(Id.new())
    amended = NeedAmended(
        need_id=a_need(need).need_id,
        authority_id=a_need().authority_id,
        reason="less is asked",
        lines=(funding(1, "50.00"),),
        lines_before=(funding(1, "100.00"),),
    )
    events = [recorded(amended, 2), recorded(a_need(need), 3)]
    events = [e.at(position) for position, e in enumerate(events)]
    await send(
        acting, *(Record("projects.events", e.key(), e.value(), e.headers()) for e in events)
    )
    first, _ = await until(lambda: found if len(found := letters(acting)) == 2 else [])
    status, said, _ = run(acting, "operator", "rebuild", "matching")
    assert status == 0, said
    assert "2 events that wait as dead letters, 0" in said
    name, why = f"matching/{first['letter']}", ("--reason", "of no need")
    status, _, problem = run(acting, "operator", "dead-letters", "drop", name, *why)
    assert status == 0, problem
    status, replayed, said = run(
        acting, "operator", "dead-letters", "replay", "--service", "matching", "--subject", need
    )
    assert (status, [each["state"] for each in replayed]) == (0, ["replayed"]), said
    assert acting.store["matching"]["requirements"].find_one({"_id": need})
    assert acting.store["matching"]["parked"].find_one() is None
    status, said, _ = run(acting, "operator", "rebuild", "matching")
    assert status == 0, said
    assert "0 events that wait as dead letters, 1" in said
