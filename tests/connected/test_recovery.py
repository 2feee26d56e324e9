"""Every service loses its store; each is filled again from Kafka and goes on where it was."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import pytest_asyncio

from cli.places import Places
from cli.rebuild import rebuild
from cli.recovery import Recovered, RecoveryRefused, recover
from cli.services import NAMES, known
from deploy.local.mailbox import messages
from services.notify.store import FACTS
from shared.events.notify import NoticeSent
from shared.log import DEAD_LETTERS, INBOX, LOG, RESTORING, SEEN
from shared.replay import in_order, state_hash
from shared.worker import LEASES
from tests.chaos.load import Load
from tests.connected.acting import Acting, until
from tests.connected.test_backup import joins, places_of, poisoned
from tests.system import running

Documents = dict[str, dict[str, Any]]
WORK = 8.0
"""Seconds for which members work before the loss."""


@dataclass
class Kept:
    """What a service's store held, by collection and id."""

    state: dict[str, Documents]
    log: Documents
    inbox: Documents
    seen: Documents
    letters: Documents
    facts: Documents


@dataclass
class Story:
    """What the stores held before they were lost, and what came of recovering them."""

    acting: Acting
    places: Places
    before: dict[str, Kept] = field(default_factory=dict)
    after: dict[str, Kept] = field(default_factory=dict)
    recovered: dict[str, Recovered] = field(default_factory=dict)
    refused: str = ""
    lost: dict[str, str] = field(default_factory=dict)
    """What a service said that was started on an empty store."""
    asked: int = 0
    """The status that it answered to a command."""
    mails: int = 0


def kept(acting: Acting, service: str) -> Kept:
    """All of a service's store that a recovery must bring back."""

    def documents(collection: str, *without: str) -> Documents:
        found = acting.store[service][collection].find({}, dict.fromkeys(without, 0))
        return {str(d["_id"]): d for d in found}

    state = {c.name: documents(c.name, "lock") for c in known(service).records.collections}
    return Kept(
        state,
        documents(LOG),
        documents(INBOX),
        documents(SEEN),
        documents(DEAD_LETTERS, "since"),
        documents(FACTS),
    )


async def started_on_nothing(told: Story) -> None:
    """Projects is started before its store was recovered, and somebody posts a need."""
    process, system = told.acting.system.process("projects"), told.acting.system
    await asyncio.to_thread(process.start)
    await asyncio.to_thread(process.wait_ready, system.ports["projects"], 60)

    async def said() -> dict[str, str]:
        answer = await told.acting.read("projects", "/health/ready")
        found: dict[str, str] = answer.json()
        return found if "lost" in found["relay"] else {}

    told.lost = await until(said, say="what projects says of its store")
    need = told.acting.a_need()
    told.asked = (await told.acting.ask("irpin", "projects", "/needs", need)).status_code
    await asyncio.to_thread(process.stop)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def story() -> AsyncIterator[Story]:
    """Played once."""
    with running() as system:
        acting = Acting(system)
        await acting.found()
        await joins(acting, "irpin", "ukraine")
        await joins(acting, "cascais", "partner")
        told = Story(acting, places_of(system))
        await poisoned(told.places)
        load = Load(acting, seed=11, pause=0.2)
        load.start()
        await asyncio.sleep(WORK)
        await load.stop()
        await acting.at_rest()
        for name in NAMES:
            await asyncio.to_thread(system.process(name).stop)
        told.mails = len(list(messages(system.addresses.maildir)))
        for name in NAMES:
            told.before[name] = kept(acting, name)
            try:
                await recover(told.places, name, print)
            except RecoveryRefused as refused:
                told.refused += str(refused)
            acting.store.drop_database(name)
            if name == "projects":
                await started_on_nothing(told)
                acting.store.drop_database(name)
            told.recovered[name] = await recover(told.places, name, print)
            told.after[name] = kept(acting, name)
        await asyncio.to_thread(system.start)
        await acting.at_rest()
        yield told
        await acting.close()


@pytest.mark.timeout(600)
async def test_store_is_what_it_was(story: Story) -> None:
    """Log with positions, hashes and versions, folded state, what was handled and how far it was
    seen, dead letters that wait, copies of what notices tell of."""
    for name in NAMES:
        before, after = story.before[name], story.after[name]
        assert before.log, name
        for collection, documents in before.state.items():
            assert state_hash(after.state[collection].values()) == state_hash(documents.values()), (
                f"{name}/{collection}"
            )
        assert after == before, name
        assert story.recovered[name].events == len(before.log)
    assert story.before["matching"].letters
    assert story.before["notify"].facts


async def test_store_that_holds_anything_is_not_touched(story: Story) -> None:
    """It says what it found and what to do."""
    for name in NAMES:
        assert f"nothing was touched; the store of {name} holds " in story.refused
        assert f"Stop {name}, give its store an empty volume" in story.refused


async def test_service_does_not_begin_its_log_anew(story: Story) -> None:
    """On an empty store whose topic has events it refuses to write, and says what to do."""
    assert "projects.events has events and the store none" in story.lost["relay"]
    assert "alliance recover" in story.lost["relay"]
    assert story.asked == 503


async def test_services_go_on_and_nothing_is_done_twice(story: Story) -> None:
    """The next event has the next position, nobody handles or publishes again what was, and the
    states are what the logs give."""
    acting = story.acting
    assert len({e.id for n in NAMES for e in acting.log(n)}) == sum(
        len(acting.log(n)) for n in NAMES
    )
    need = await acting.post_need("irpin")
    await acting.pledge("cascais", need_id=need)
    await acting.proposals(need)
    await acting.at_rest()
    for name in NAMES:
        log = acting.log(name)
        assert in_order(name, log) == log
        ids = [e.id for e in log]
        assert ids[: len(story.before[name].log)] == [
            d["_id"] for d in sorted(story.before[name].log.values(), key=lambda d: d["position"])
        ]
        assert len(set(ids)) == len(ids)
        relay = acting.store[name][LEASES].find_one({"_id": "relay"}) or {}
        assert relay["next"] == relay["published"] == len(log)
        assert acting.store[name][RESTORING].find_one() is None
        found = await rebuild(name, story.places.kafka, story.places.mongodb)
        assert found.equal, found.different
    assert len(acting.log("projects")) > len(story.before["projects"].log)


async def test_no_mail_comes_twice(story: Story) -> None:
    """What was sent stays sent; addresses are gone, and nothing is sent to anybody."""
    received = [str(m["Message-ID"]) for m in messages(story.acting.system.addresses.maildir)]
    assert len(received) == len(set(received)) == story.mails
    sent = [e.notice_id for e in story.acting.events("notify") if isinstance(e, NoticeSent)]
    assert sent
    assert len(sent) == len(set(sent))
    assert any("addresses of contacts" in each for each in story.recovered["notify"].lost)
