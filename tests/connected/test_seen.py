"""What a service says it has seen, while everyone writes: the logs as of then give its state."""

import asyncio
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

import pytest

from cli.services import known
from cli.topics import partitions, read_log
from shared.actor import Actor, Cause
from shared.events.envelope import Envelope
from shared.events.seen import Seen
from shared.mongo import Session, Store
from shared.replay import as_of, replay, state_hash
from shared.seen import positions
from shared.uow import UnitOfWork
from tests.connected.acting import THREE, Acting, euros
from tests.system import TestBuild, running

LOOKS = 40
"""How often each service is looked at, at the least."""

LEAST = 5
"""How many different moments are enough to show something: the writers go on until then."""

PATIENCE = 150.0
"""Seconds until then, at the most."""

LOOKED_AT = ("projects", "matching")
"""Those that are written to."""


@pytest.fixture(scope="module")
def system() -> Iterator[TestBuild]:
    """The relays look for events every two seconds and are told of none, so that some wait."""
    with running({"ALLIANCE_POLL_SECONDS": "2"}, services=THREE) as started:
        yield started


@dataclass
class Moment:
    """A service's collections as one transaction saw them, by hash, and what it said it saw."""

    service: str
    seen: Seen
    hashes: dict[str, str]


async def moment(store: Store, service: str) -> Moment:
    """Its state and its positions in one transaction."""
    records = known(service).records

    async def look(session: Session) -> Moment:
        uow = UnitOfWork(
            store,
            session,
            records,
            actor=Actor("service:test"),
            cause=Cause("one test"),
            now=datetime.now(UTC),
        )
        hashes = {}
        for collection in records.collections:
            found = store[collection.name].find({}, session=session)
            hashes[collection.name] = state_hash(await found.to_list(None))
        return Moment(service, await positions(uow), hashes)

    return await store.transaction(look)


class Shown(NamedTuple):
    """How many different moments of a service there are: by state, by what it had seen of others,
    and with events of its own that had no position yet."""

    states: int
    marks: int
    waiting: int


def shown(moments: Sequence[Moment], service: str) -> Shown:
    """Of all that were seen."""
    its = [m for m in moments if m.service == service]
    waiting = sum(bool(m.seen.own_also) for m in its)
    return Shown(len({str(m.hashes) for m in its}), len({m.seen.foreign for m in its}), waiting)


async def write(acting: Acting, authority: str, partner: str, enough: asyncio.Event) -> None:
    """Needs and pledges, which bring rounds and matches; matches are agreed or declined."""
    for number in itertools.count():
        if enough.is_set():
            return
        await acting.post_need(authority, euros(100 + number % 100))
        await acting.pledge(partner, euros(60))
        for match in (await acting.got("matching", "/matches?status=proposed"))[:1]:
            path = f"/matches/{match['id']}"
            if number % 3 == 0:
                await acting.ask(partner, "matching", f"{path}/declines", {"reason": "no"})
            else:
                for member_id in (match["authority_id"], match["partner_id"]):
                    side = next(who for who, its in acting.ids.items() if its == member_id)
                    await acting.ask(side, "matching", f"{path}/acceptances", {})


async def test_state_at_any_moment_is_the_logs_as_of_the_positions_named_then(
    acting: Acting,
) -> None:
    """Moments of two services while two authorities and two partners write: each is replayed."""
    stores = {s: Store(acting.system.addresses.mongodb, s) for s in LOOKED_AT}
    enough = asyncio.Event()
    moments: list[Moment] = []

    async def look() -> None:
        async with asyncio.timeout(PATIENCE):
            few = True
            while few or len(moments) < 2 * LOOKS:
                moments.extend(await asyncio.gather(*(moment(stores[s], s) for s in LOOKED_AT)))
                few = min(min(shown(moments, s)) for s in LOOKED_AT) < LEAST
        enough.set()

    async with asyncio.TaskGroup() as group:
        group.create_task(look())
        group.create_task(write(acting, "irpin", "cascais", enough))
        group.create_task(write(acting, "irpin2", "cascais2", enough))
    for store in stores.values():
        store.close()
    await acting.at_rest()

    bootstrap = acting.system.addresses.kafka
    logs: dict[str, list[Envelope]] = {s: await read_log(bootstrap, s) for s in THREE}
    topics = {s: await partitions(bootstrap, s) for s in THREE}
    wrong = []
    for m in moments:
        what = known(m.service)
        read = {owner: logs[owner] for owner in what.owners}
        again = replay(what.records, as_of(read, m.seen, m.service, topics))
        hashes = {name: state_hash(documents.values()) for name, documents in again.items()}
        wrong += [(m.service, m.seen, n) for n in hashes if hashes[n] != m.hashes[n]]

    print({service: shown(moments, service) for service in LOOKED_AT})
    assert not wrong
