"""`alliance rebuild --replace`: what differs from the logs is corrected, nothing else touched."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from cli.places import Places
from cli.rebuild import rebuild
from cli.replacing import MARK, ReplacementRefused, replace
from shared.log import PLAIN, RESTORING
from tests.connected.acting import Acting, Json, until
from tests.system import running

WATCHED = 4.0
"""Twice the lease of the test build."""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def acting() -> AsyncIterator[Acting]:
    """A system with a need, a pledge and a match."""
    with running() as system:
        found = Acting(system)
        await found.open()
        need = await found.post_need("irpin")
        await found.pledge("cascais", need_id=need)
        await found.proposals(need)
        await found.at_rest()
        yield found
        await found.close()


@pytest.fixture
def places(acting: Acting) -> Places:
    """Where it all is."""
    at = acting.system.addresses
    return Places(at.kafka, at.mongodb)


def beside(acting: Acting) -> dict[str, list[Json]]:
    """What matching holds that is folded from no log."""
    return {
        name: sorted(acting.store["matching"][name].find(), key=lambda d: str(d["_id"]))
        for name in PLAIN
        if name != "leases"  # of who was stopped and started
    }


async def stop(acting: Acting) -> None:
    """Matching stops."""
    await acting.at_rest()
    await asyncio.to_thread(acting.system.process("matching").stop)


async def start(acting: Acting) -> None:
    """Matching starts again; everything is handled."""
    process = acting.system.process("matching")
    await asyncio.to_thread(process.start)
    await asyncio.to_thread(process.wait_ready, acting.system.ports["matching"], 60)
    await acting.at_rest()


async def test_what_runs_is_not_touched(acting: Acting, places: Places) -> None:
    """It is said that it runs, and no mark is left that would keep it from starting again."""
    with pytest.raises(ReplacementRefused, match="matching is running: stop it first"):
        await replace(places, "matching", print, WATCHED)
    assert acting.store["matching"][RESTORING].find_one() is None


async def test_documents_are_again_what_the_logs_say(acting: Acting, places: Places) -> None:
    """One that was changed, one that is gone, one of nobody, all of another shape; what was not
    handled yet is handled later, and what is in no log stays."""
    await stop(acting)
    late = await acting.post_need("irpin")  # while matching is away
    await until(lambda: late in {e.subject for e in acting.log("projects")}, say="it is published")
    store = acting.store["matching"]
    kept = beside(acting)
    store["pledges"].update_many({}, {"$set": {"title.en": "another"}, "$unset": {"lines": 1}})
    store["requirements"].delete_many({})
    store["matches"].insert_one({"_id": "nobody's", "revision": 1})

    assert len(kept["requests"]) > 0

    written = await replace(places, "matching", print, WATCHED)
    pledges, requirements = [
        store[name].count_documents({}) for name in ("pledges", "requirements")
    ]
    assert pledges
    assert requirements
    assert written == pledges + requirements + 1
    assert store["requirements"].find_one({"_id": late}) is None
    assert beside(acting) == kept
    assert await replace(places, "matching", print, 0.1) == 0

    await start(acting)
    assert store["requirements"].find_one({"_id": late}) is not None
    found = await rebuild("matching", places.kafka, places.mongodb)
    assert found.equal, found.different
    need = await acting.post_need("irpin")
    await acting.pledge("cascais", need_id=need)
    assert await acting.proposals(need)


async def test_half_a_replacement_is_not_started_on(acting: Acting, places: Places) -> None:
    """Its mark stays, the service says what it waits for, and the command again ends it."""
    await stop(acting)
    store = acting.store["matching"]
    store[RESTORING].insert_one({"_id": MARK, "since": "now"})
    store["requirements"].delete_many({})
    process = acting.system.process("matching")
    await asyncio.to_thread(process.start)
    await until(lambda: "it is being restored" in process.log_tail(50), say="what it says")
    assert (await acting.read("matching", "/health/ready")).status_code == 503
    await asyncio.to_thread(process.stop)
    assert await replace(places, "matching", print, 0.1) > 0
    assert store[RESTORING].find_one() is None
    await start(acting)
    found = await rebuild("matching", places.kafka, places.mongodb)
    assert found.equal, found.different


async def test_other_restores_are_left_alone(acting: Acting, places: Places) -> None:
    """A recovery that did not end is to be ended first."""
    mark = {"_id": "recovery", "since": "now"}
    acting.store["matching"][RESTORING].insert_one(mark)
    try:
        with pytest.raises(ReplacementRefused, match="a recovery of matching has not ended"):
            await replace(places, "matching", print, 0.1)
        assert list(acting.store["matching"][RESTORING].find()) == [mark]
    finally:
        acting.store["matching"][RESTORING].drop()
