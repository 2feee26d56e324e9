"""A log that comes again, whole and in another order, changes nothing and sends nothing."""

import asyncio
import itertools
import random
from collections import Counter, deque
from collections.abc import AsyncIterator, Iterable
from contextlib import suppress
from typing import Any

import pytest_asyncio
from aiokafka import ConsumerRecord
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.protocol.admin import DeleteGroupsRequest

from cli import story
from cli.cast import Cast
from cli.services import NAMES, known
from cli.timeline import Timeline
from cli.topics import lag, read_all
from deploy.local.mailbox import messages
from shared.kafka import Producer, Record
from shared.log import INBOX, LOG, SEEN
from shared.replay import state_hash
from tests.connected.acting import Acting, until
from tests.system import TestBuild, running

TOPICS = tuple(f"{name}.events" for name in NAMES)
CONSUMERS = tuple(name for name in NAMES if known(name).on.topics())
SUBSCRIPTIONS = {service: known(service).on.topics() for service in CONSUMERS}


class Played:
    """A system on which a story was played to its end, and all that came of it."""

    def __init__(self, system: TestBuild, acting: Acting) -> None:
        self.system = system
        self.acting = acting
        self.records: list[ConsumerRecord[Any, Any]] = []
        self.copies = 1

    def mails(self) -> Counter[str]:
        """How often each message arrived."""
        return Counter(str(m["Message-ID"]) for m in messages(self.system.addresses.maildir))

    def state(self) -> dict[str, Any]:
        """All that must stay as it is: folded state, logs, inboxes, marks, parked, mails."""
        found: dict[str, Any] = {"mails": self.mails()}
        for name in NAMES:
            store = self.acting.store[name]
            for collection in known(name).records.collections:
                documents = list(store[collection.name].find())
                found[f"{name}/{collection.name}"] = (len(documents), state_hash(documents))
            for plain in (LOG, INBOX, "parked", "requests"):
                found[f"{name}/{plain}"] = sorted(str(d["_id"]) for d in store[plain].find())
            found[f"{name}/{SEEN}"] = list(store[SEEN].find().sort("_id", 1))
        return found

    def handled(self, service: str) -> int:
        """How many of the story's events a service handles."""
        on = known(service).on
        assert on is not None
        wanted = {e.ce_type().encode() for e in on.events()}
        topics = on.topics()
        return sum(dict(r.headers)["ce_type"] in wanted for r in self.records if r.topic in topics)

    async def outcomes(self, service: str) -> Counter[str]:
        """What a service's inbox did since the service was started."""
        return Counter((await self.acting.got(service, "/health/progress"))["inbox"])

    async def send(self, records: Iterable[ConsumerRecord[Any, Any]]) -> None:
        """Write records once more, byte for byte, each into its partition."""
        producer = Producer(self.system.addresses.kafka, client_id="test", timeout=30)
        again = [Record(r.topic, r.key, r.value, list(r.headers), r.partition) for r in records]
        for start in range(0, len(again), 200):
            await producer.send(again[start : start + 200])
        await producer.discard()

    async def repeated(self, times: int, before: dict[str, Counter[str]]) -> None:
        """Return when every consumer has seen the whole log `times` more than `before`, and has
        committed all of it; nothing of it was news."""

        async def all_seen() -> bool:
            for service in CONSUMERS:
                found = (await self.outcomes(service)) - before[service]
                if found["repeated"] < times * self.handled(service):
                    return False
            behind = await lag(self.system.addresses.kafka, SUBSCRIPTIONS)
            return all(found and not any(found.values()) for found in behind.values())

        came: bool = await until(all_seen, 40, "the redelivery")
        assert came
        for service in CONSUMERS:
            found = (await self.outcomes(service)) - before[service]
            assert found["repeated"] == times * self.handled(service)
            assert not found["handled"]
            assert not found["dead-letter"]
        await asyncio.sleep(1)  # what would follow from it would follow now

    async def seen(self) -> dict[str, Counter[str]]:
        """What every consumer did so far."""
        return {service: await self.outcomes(service) for service in CONSUMERS}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def played() -> AsyncIterator[Played]:
    """The alliance, and Cascais and Irpin: played to the end, with mail."""
    with running({"ALLIANCE_ROUND_DEBOUNCE_SECONDS": "0.1"}) as system:
        timeline = Timeline(system.addresses.kafka, lambda entry: None)
        following = asyncio.create_task(timeline.follow())
        cast = Cast(system, timeline, lambda line: None)
        for part in (story.alliance, story.irpin):
            await part(cast)
        await cast.at_rest()
        await cast.close()
        following.cancel()
        with suppress(asyncio.CancelledError):
            await following
        acting = Acting(system)
        await acting.at_rest()
        found = Played(system, acting)
        for topic in TOPICS:
            found.records += await read_all(system.addresses.kafka, topic)
        assert len(found.mails()) > 30
        yield found
        await acting.close()


async def test_a_log_that_comes_twice_more_changes_nothing(played: Played) -> None:
    """All records of all topics twice, in their order: nothing changes, no mail is sent again."""
    before, seen = played.state(), await played.seen()
    assert len(played.records) == sum(len(before[f"{name}/log"]) for name in NAMES)
    await played.send(itertools.chain(played.records, played.records))
    await played.repeated(2, seen)
    assert played.state() == before
    assert set(played.mails().values()) == {1}
    played.copies += 2


async def test_a_log_shuffled_between_its_subjects_changes_nothing(played: Played) -> None:
    """Each subject's own order kept, everything else at random, over all topics."""
    before, seen = played.state(), await played.seen()
    subjects: dict[tuple[str, bytes], deque[ConsumerRecord[Any, Any]]] = {}
    for record in played.records:
        subjects.setdefault((record.topic, record.key), deque()).append(record)
    order = [subject for subject, records in subjects.items() for _ in records]
    random.Random(20220630).shuffle(order)
    shuffled = [subjects[subject].popleft() for subject in order]
    assert shuffled != played.records
    await played.send(shuffled)
    await played.repeated(1, seen)
    assert played.state() == before
    assert set(played.mails().values()) == {1}
    played.copies += 1


async def test_consumers_that_lost_their_offsets_read_all_again_and_change_nothing(
    played: Played,
) -> None:
    """The groups are deleted while the services are stopped: they begin at the beginning."""
    system, before = played.system, played.state()
    for service in NAMES:
        await asyncio.to_thread(system.process(service).stop)
    await _delete(system.addresses.kafka, CONSUMERS)
    forgotten = await lag(system.addresses.kafka, SUBSCRIPTIONS)
    assert all(sum(partitions.values()) for partitions in forgotten.values())
    await asyncio.to_thread(system.start)
    await played.repeated(played.copies, {service: Counter() for service in CONSUMERS})
    caught_up = await lag(system.addresses.kafka, SUBSCRIPTIONS)
    assert not any(sum(partitions.values()) for partitions in caught_up.values())
    assert played.state() == before
    assert set(played.mails().values()) == {1}


async def _delete(bootstrap: str, groups: Iterable[str]) -> None:
    """Delete consumer groups, which must be empty, with their offsets."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        for group in groups:
            node = await admin.find_coordinator(group)
            answer = await admin._send_request_to_node(node, DeleteGroupsRequest([group]))
            assert answer.results == [(group, 0)]
    finally:
        await admin.close()
