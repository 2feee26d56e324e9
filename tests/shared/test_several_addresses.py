"""Several brokers, and a store whose users are kept elsewhere: what clients are told."""

from pathlib import Path
from typing import Any, cast

import pytest
from motor.motor_asyncio import AsyncIOMotorClient

from shared import mongo
from shared.consume import Consumer
from shared.mongo import Login, Store


def test_a_consumer_knows_every_broker() -> None:
    """Each address by itself: one text would be looked up as one name."""
    consumer = Consumer("matching", cast(Any, None), ["members.events"], "one:9092,two:9092")
    url: Any = consumer._broker.specification.url
    assert url == ["one:9092", "two:9092"]


@pytest.mark.parametrize(
    ("query", "source"), [("", "members"), ("?authSource=admin", None), ("?authsource=x", None)]
)
async def test_users_are_the_databases_own_unless_the_address_says_otherwise(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, query: str, source: str | None
) -> None:
    """A managed cluster keeps all users in `admin`."""
    told: dict[str, Any] = {}

    def client(uri: str, **options: Any) -> "AsyncIOMotorClient[dict[str, Any]]":
        told.update(options)
        return AsyncIOMotorClient(uri, **options)

    monkeypatch.setattr(mongo, "AsyncIOMotorClient", client)
    password = tmp_path / "password"
    password.write_text("a password of the test\n")
    store = Store(f"mongodb://one:27017/{query}", "members", login=Login("members", password))
    store.close()
    assert told.get("authSource") == source
