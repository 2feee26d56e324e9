"""A password that is changed while a store is in use: nothing fails, nothing is started again."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.errors import OperationFailure

from deploy.local.ports import free_port
from deploy.local.store import Store as LocalStore
from deploy.local.store import server, takes_writes
from shared.mongo import Login, Session, Store, StoreAway

FIRST, SECOND, ROOT = "the first password", "the second password", "the password of root"


@dataclass
class Guarded:
    """A server that lets in by password only, and the file with ours."""

    uri: str
    file: Path

    def rotate(self, password: str) -> None:
        """Change it at the server, as the set-up job does."""
        with MongoClient[dict[str, Any]](
            self.uri, username="root", password=ROOT, authSource="admin"
        ) as root:
            root["members"].command("updateUser", "members", pwd=password)

    def store(self) -> Store:
        """What members has."""
        return Store(self.uri, "members", 2.0, Login("members", self.file))


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Guarded]:
    """A user of the database `members` with a password in a file."""
    local = LocalStore(tmp_path, free_port())
    local.start()
    with MongoClient[dict[str, Any]](local.uri) as first:
        first["admin"].command("createUser", "root", pwd=ROOT, roles=["root"])
        first["members"].command("createUser", "members", pwd=FIRST, roles=["readWrite"])
    local.stop()
    key = tmp_path / "key"
    key.write_text("k" * 64)
    key.chmod(0o600)
    mongod = server().name.startswith("mongod")
    local.process.command = [
        *local.process.command,
        *(["--keyFile", str(key)] if mongod else ["--auth"]),
    ]
    local.process.start()
    local.process.wait_ready(lambda: takes_writes(local.port), 60)
    (tmp_path / "password").write_text(f"{FIRST}\n")
    uri = f"mongodb://127.0.0.1:{local.port}/?directConnection=true"  # as in docker-compose.yml
    yield Guarded(uri, tmp_path / "password")
    local.stop()


async def write(store: Store, key: str) -> None:
    """One transaction."""

    async def work(session: Session) -> None:
        await store["things"].insert_one({"_id": key}, session=session)

    await store.transaction(work)


async def test_a_password_is_changed_while_transactions_run(guarded: Guarded) -> None:
    """New in the file, then at the server; every transaction is done, and by the end with the new
    password only."""
    store = guarded.store()
    await store.ensure({"things": []})
    done = 0

    async def client(name: int) -> None:
        nonlocal done
        for number in range(60):
            await write(store, f"{name}-{number}")
            done += 1
            await asyncio.sleep(0.01)

    clients = [asyncio.create_task(client(name)) for name in range(4)]
    await asyncio.sleep(0.2)
    guarded.file.write_text(f"{SECOND}\n")
    assert await store.renew() is False  # the server does not know it yet
    await asyncio.sleep(0.2)
    await asyncio.to_thread(guarded.rotate, SECOND)
    await store.ping()
    assert await store.renew() is False  # it was taken over
    await asyncio.gather(*clients)
    assert await store["things"].count_documents({}) == done == 240
    store.close()


async def test_what_began_before_goes_on_by_the_connections_it_began_with(guarded: Guarded) -> None:
    """Passwords are changed in the middle of a transaction and of a reading of one moment: neither
    is begun again, and both are done."""
    store = guarded.store()
    await store.ensure({"things": []})
    await write(store, "before")
    begun = 0

    async def work(session: Session) -> None:
        nonlocal begun
        begun += 1
        await store["things"].insert_one({"_id": "first"}, session=session)
        guarded.file.write_text(f"{SECOND}\n")
        await asyncio.to_thread(guarded.rotate, SECOND)
        assert await store.renew() is True
        await store["things"].insert_one({"_id": "second"}, session=session)

    async with store.snapshot() as moment:
        assert await store["things"].count_documents({}, session=moment) == 1
        await store.transaction(work)
        assert await store["things"].count_documents({}, session=moment) == 1
    assert begun == 1
    assert await store["things"].count_documents({}) == 3
    store.close()


async def test_a_refused_password_is_read_again(guarded: Guarded) -> None:
    """No connection is left from before: the transaction that is refused renews, and is done."""
    store = guarded.store()
    await asyncio.to_thread(guarded.rotate, SECOND)
    with pytest.raises(StoreAway):
        await write(store, "refused")
    guarded.file.write_text(f"{SECOND}\n")
    await write(store, "let in")
    store.close()


async def test_who_has_no_password_is_not_let_in(guarded: Guarded) -> None:
    """Else this test would prove nothing."""
    with MongoClient[dict[str, Any]](guarded.uri) as nobody, pytest.raises(OperationFailure):
        nobody["members"]["things"].find_one()
