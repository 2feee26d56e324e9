"""A backup that is taken while everybody works, restored to a clean system that goes on from it."""

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from unittest.mock import patch

import httpx
import pyrage
import pytest
import pytest_asyncio

from cli.backup.archive import BackupRefused, Writing
from cli.backup.create import create
from cli.backup.manifest import Manifest
from cli.backup.restore import restore
from cli.backup.verify import verify
from cli.places import Places
from cli.rebuild import rebuild
from cli.services import NAMES, known
from cli.topics import committed, records
from deploy.local.mailbox import messages, verification_link
from deploy.local.secantus import LIFETIME_VARIABLE
from shared.events import Event
from shared.events.ids import ContactRef
from shared.events.notify import NoticeQueued, NoticeSent
from shared.kafka import Producer, Record
from shared.log import RESTORING
from shared.replay import in_order
from shared.worker import LEASES
from tests.chaos.load import Load
from tests.connected.acting import Acting, Json, until
from tests.system import TestBuild, running

pytestmark = pytest.mark.timeout(600)

KEY = pyrage.x25519.Identity.generate()
BACKUPS = 4
SETTINGS = {"ALLIANCE_ROUND_DEBOUNCE_SECONDS": "2"}
"""Not a round for each command: what there is to restore hangs less on the machine."""

GARBAGE = Record("members.events", b"key", b"no event", [("x", b"y")])


@dataclass
class Story:
    """What happened: backups under load, then a wipe, then a restore, then the services."""

    system: TestBuild
    acting: Acting
    places: Places
    manifests: list[Manifest] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)
    recorded_meanwhile: int = 0
    refused: str = ""
    """What a restore said while the services ran."""
    restored: Manifest | None = None
    said: list[str] = field(default_factory=list)
    offsets: dict[str, dict[str, int]] = field(default_factory=dict)
    """Of each consumer group, before the services were started."""
    letters: dict[str, int] = field(default_factory=dict)
    """Of each service, before the services were started."""

    @property
    def last(self) -> Manifest:
        """The backup that was restored."""
        return self.manifests[-1]


def places_of(system: TestBuild) -> Places:
    """Where a system's parts are."""
    return Places(system.addresses.kafka, system.addresses.mongodb)


async def backed_up(places: Places, out: Path) -> Manifest:
    """`alliance backup create`."""
    with Writing(out, [KEY.to_public()]) as writing:
        manifest = await create(places, writing, lambda line: None)
        await asyncio.to_thread(writing.finish)
    return manifest


async def letters_of(places: Places, service: str) -> int:
    """How many dead letters a service has written."""
    return len([r async for r in records(places, f"{service}.dead-letters")])


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def story(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Story]:
    """Played once."""
    directory = tmp_path_factory.mktemp("backups")
    # As a store has it by default: what is read within one transaction takes its time.
    with patch.dict(os.environ, {LIFETIME_VARIABLE: "60"}), running(SETTINGS) as system:
        acting = Acting(system)
        await acting.found()
        for who in ("irpin", "irpin2"):
            await joins(acting, who, "ukraine")
        for who in ("cascais", "cascais2"):
            await joins(acting, who, "partner")
        told = Story(system, acting, places_of(system))
        await poisoned(told.places)
        load = Load(acting, seed=7, pause=0.4)
        load.start()
        for number in range(BACKUPS):
            before = sum(acting.recorded().values())
            told.files.append(directory / f"{number}.age")
            told.manifests.append(await backed_up(told.places, told.files[-1]))
            told.recorded_meanwhile += sum(acting.recorded().values()) - before
        load.fault()
        try:
            await restore(told.places, told.files[-1], [KEY], told.said.append)
        except BackupRefused as refused:
            told.refused = str(refused)
        await load.stop()
        await acting.close()
        await asyncio.to_thread(system.stack.wipe)
        await asyncio.to_thread(system.stack.start)
        told.places = places_of(system)
        told.restored = await restore(told.places, told.files[-1], [KEY], told.said.append)
        for name in NAMES:
            told.offsets[name] = await committed(told.places, name, known(name).on.topics())
            told.letters[name] = await letters_of(told.places, name)
        await asyncio.to_thread(system.start)
        told.acting = Acting(system)
        told.acting.ids = acting.ids
        await told.acting.at_rest(240)
        yield told
        await told.acting.close()


async def joins(acting: Acting, who: str, side: str) -> None:
    """A member that is admitted and reads its mail, at an address that it verified."""
    ref = str(ContactRef.new())
    body: Json = {"email": f"{who}@example.org", "language": "en", "timezone": "Europe/Kyiv"}
    answer = await acting.ask("operator", "notify", f"/contacts/{ref}", body, method="PUT")
    assert answer.is_success, answer.text
    maildir = acting.system.addresses.maildir

    def asked() -> str:
        links = (verification_link(m) for m in messages(maildir) if m["To"] == body["email"])
        return next((link for link in links if link), "")

    link = await until(asked, say=f"the mail that verifies {body['email']}")
    async with httpx.AsyncClient() as http:
        assert (await http.post(link)).is_success
    await acting.apply(who, side, contact_ref=ref)
    endorser = "auc" if side == "ukraine" else "cemr"
    path = f"/members/{acting.ids[who]}/endorsements"
    await acting.done(endorser, "members", path, {"reason": "known to us"})


async def poisoned(places: Places) -> None:
    """A record that is no event, and so a dead letter of every service that reads members'."""
    producer = Producer(places.kafka, client_id="test")
    await producer.send([GARBAGE])
    await producer.discard()
    for name in ("projects", "matching", "notify"):
        while not await letters_of(places, name):
            await asyncio.sleep(0.2)


@pytest.mark.timeout(600)
async def test_each_backup_under_load_is_consistent(story: Story) -> None:
    """Taken at any moment: whole, and its states are what its logs give; work went on meanwhile."""
    for file, manifest in zip(story.files, story.manifests, strict=True):
        assert await asyncio.to_thread(verify, file, [KEY]) == manifest
    ends = [sum(s.next + s.pending for s in m.services.values()) for m in story.manifests]
    assert ends == sorted(ends)
    assert story.recorded_meanwhile > 10 * BACKUPS


async def test_restore_beside_running_services_is_refused(story: Story) -> None:
    """It names what it found and touches nothing."""
    for name in NAMES:
        assert f"the store of {name} holds " in story.refused
        assert f"{name}.events has had " in story.refused
    assert "consumer group matching has offsets for members.events" in story.refused


async def test_restored_states_and_logs_are_the_backups(story: Story) -> None:
    """Each collection with its hash, each topic with its log; and `rebuild` finds the same."""
    assert story.restored == story.last
    for name, about in story.last.services.items():
        for collection, said in about.collections.items():
            if said.state:
                line = f"  equal  {name}/{collection:<14} {said.documents:>6}  {said.state}"
                assert line in story.said
        assert f"  equal  {name}.events, the topic and the log: {about.next} events" in story.said
    for name in NAMES:
        at = story.system.addresses
        assert (await rebuild(name, at.kafka, at.mongodb)).equal


async def test_services_go_on_where_they_were(story: Story) -> None:
    """Nothing that was handled is read again, positions have no gap, and new commands work."""
    for name in NAMES:
        partitions = {
            f"{p.rpartition('/')[0]}.events[{p.rpartition('/')[2]}]"
            for p in story.last.services[name].seen
        }
        assert set(story.offsets[name]) == partitions
    need = await story.acting.post_need("irpin")
    await story.acting.pledge("cascais", need_id=need)
    await story.acting.proposals(need)
    await story.acting.at_rest()
    for name in NAMES:
        log = story.acting.log(name)
        assert in_order(name, log) == log
        assert len(log) >= story.last.services[name].next
        assert len({e.id for e in log}) == len(log)
        assert story.acting.store[name][LEASES].find_one({"_id": "relay"})


async def test_no_mail_is_sent_again_and_none_is_lost(story: Story) -> None:
    """The new mailbox holds what was queued at the backup or came later, and nothing waits."""
    events: list[Event] = story.acting.events("notify")
    before = events[: story.last.services["notify"].next]
    sent = {e.message_id for e in before if isinstance(e, NoticeSent)}
    assert sent
    received = [str(m["Message-ID"]) for m in messages(story.system.addresses.maildir)]
    assert not sent & set(received)
    assert len(received) == len(set(received))
    queued = {e.notice_id for e in events if isinstance(e, NoticeQueued)}
    statuses = {d["status"] for d in story.acting.store["notify"]["notices"].find({})}
    assert queued
    assert "queued" not in statuses


async def test_dead_letters_are_there_once(story: Story) -> None:
    """With the bytes that came, and not written again by the services that were started; what they
    were made of stands where they say."""
    at = {(r.partition, r.offset): r async for r in records(story.places, GARBAGE.topic)}
    assert story.letters == {"members": 0, "projects": 1, "matching": 1, "notify": 1}
    for name, number in story.letters.items():
        found = [r async for r in records(story.places, f"{name}.dead-letters")]
        assert len(found) == number
        assert all((r.key, r.value) == (GARBAGE.key, GARBAGE.value) for r in found)
        for letter in found:
            said = dict(letter.headers)
            assert said["dlq-reason"] == b"not-an-event"
            place = int(said["dlq-partition"]), int(said["dlq-offset"])
            assert at[place].value == GARBAGE.value
            shown = await story.acting.ask("operator", name, "/dead-letters/0", method="GET")
            assert shown.json()["state"] == "waiting", shown.text
            assert shown.json()["offset"] == place[1]


async def test_service_waits_on_a_store_that_is_half_restored(story: Story) -> None:
    """It is not ready, says why, changes nothing, and begins when the mark is gone."""
    mark = story.acting.store["projects"][RESTORING]
    process = story.system.process("projects")
    await asyncio.to_thread(process.stop)
    mark.insert_one({"_id": "restore", "since": "now"})
    await asyncio.to_thread(process.start)

    await asyncio.to_thread(process.wait_ready, story.system.ports["projects"], 60)
    try:
        answer = await story.acting.read("projects", "/health/ready")
        assert answer.status_code == 503
        assert "waits for the store" in answer.json()["relay"]
    finally:
        mark.drop()
    await asyncio.to_thread(story.system.wait_ready, "projects")
