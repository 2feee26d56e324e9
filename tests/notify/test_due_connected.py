"""What is found due, on a real store: first queued first, and never what is in hand."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy.local.ports import free_port
from deploy.local.store import Store as LocalStore
from services.notify import queries
from services.notify.store import RECORDS
from services.notify.webhooks.commands import PING
from shared.mongo import Store

NOW = "2026-06-30T12:00:00Z"
BEFORE, LATER = "2026-06-30T11:00:00Z", "2026-06-30T13:00:00Z"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStore]:
    """A store."""
    local = LocalStore(Path(tmp_path_factory.mktemp("store")), free_port())
    local.start()
    yield local
    local.stop()


@pytest.fixture
async def store(server: LocalStore) -> AsyncIterator[Store]:
    """notify's, with its indexes and no notices."""
    found = Store(server.uri, "notify", 10.0)
    await found.ensure(RECORDS.indexes())
    await found["notices"].delete_many({})
    yield found
    found.close()


async def queue(store: Store, *ids: str, **values: Any) -> None:
    """Notices as documents, queued in the order of their ids."""
    common = {"status": "queued", "channel": "email", "contact_ref": "c", "digest": False}
    await store["notices"].insert_many(
        [{"_id": i, "last_event": i, "about": i, "thread": i, **common, **values} for i in ids]
    )


async def due(store: Store, **asked: Any) -> list[str]:
    """Ids of what is due."""
    return [d["_id"] for d in await queries.due(store, "email", NOW, **asked)]


async def test_what_is_in_hand_takes_no_place(store: Store) -> None:
    """As many as are asked for are found behind those that are in hand, however many these are."""
    ids = [f"n{i:03}" for i in range(300)]
    await queue(store, *ids)
    assert await due(store, limit=5) == ids[:5]
    assert await due(store, limit=5, not_these=set(ids[:250])) == ids[250:255]
    assert await due(store, limit=5, not_these=set(ids[1::2])) == ids[0:10:2]
    assert await due(store, limit=100, not_these=set(ids[:250])) == ids[250:]
    assert await due(store, limit=5, not_these=set(ids)) == []


async def test_those_that_waited_for_their_time_come_after(store: Store) -> None:
    """Also where what is in hand is among both."""
    await queue(store, "n1", "n2", "n3")
    await queue(store, "w1", "w2", not_before=BEFORE)
    await queue(store, "x1", not_before=LATER)
    await queue(store, "y1", not_before=BEFORE, status="sent")
    assert await due(store, limit=10) == ["n1", "n2", "n3", "w1", "w2"]
    assert await due(store, limit=4) == ["n1", "n2", "n3", "w1"]
    assert await due(store, limit=3, not_these={"n2", "w1"}) == ["n1", "n3", "w2"]
    assert await due(store, limit=10, not_to={"c"}) == []


async def test_a_digest_waits_for_its_grace(store: Store) -> None:
    """One whose moment has come, and one for which others may still be queued."""
    await queue(store, "d1", not_before=BEFORE, digest=True)
    await queue(store, "d2", not_before="2026-06-30T11:59:30Z", digest=True)
    grace = "2026-06-30T11:59:00Z"
    assert await due(store, limit=10, digests=grace) == ["d1"]


async def test_webhooks_are_found_among_mail(store: Store) -> None:
    """Each webhook with its own, and pings apart from what else is queued."""
    await queue(store, *(f"n{i:03}" for i in range(50)))
    await queue(store, "a1", "a2", channel="webhook", webhook_id="a", message="need-posted")
    await queue(store, "b1", channel="webhook", webhook_id="b", message=PING)
    await queue(store, "z1", channel="webhook", webhook_id="c", status="sent")
    assert sorted(await queries.with_queued_notices(store)) == ["a", "b"]
    assert await queries.with_queued_notices(store, message=PING) == ["b"]
    assert await queries.with_queued_notices(store, ["b1"], PING) == []
    found = await queries.queued_for(store, "a", {"a1"}, 5)
    assert [d["_id"] for d in found] == ["a2"]
    assert await queries.queued_for(store, "a", {}, 5, PING) == []
