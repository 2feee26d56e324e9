"""The set-up job of a store finds the member that takes writes, whichever it is by now."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from pymongo.errors import AutoReconnect

from deploy.mongo import setup

HOSTS = ("one:27017", "two:27017", "three:27017")
NEW: Mapping[str, Any] = {"isWritablePrimary": False}
PRIMARY: Mapping[str, Any] = {"isWritablePrimary": True, "setName": "alliance"}
SECONDARY: Mapping[str, Any] = {"isWritablePrimary": False, "setName": "alliance"}


class Imitated:
    """A connection to a store that only says what it is."""

    def __init__(self, said: Mapping[str, Any]) -> None:
        self.admin = self
        self._said = said

    def command(self, name: str) -> Mapping[str, Any]:
        assert name == "hello"
        return self._said

    def close(self) -> None:
        """Nothing is open."""


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    """The root user's new password, and the one before."""
    (tmp_path / "mongo-members-root.password").write_text("new\n")
    (tmp_path / "mongo-members-root.previous").write_text("old\n")
    return tmp_path


def found(
    monkeypatch: pytest.MonkeyPatch, secrets: Path, stores: Mapping[str, Any], maybe_new: bool
) -> str:
    """Which store the job would write to; None: it knows no root user, absent: it is away."""

    def signed_in(host: str, user: str, secret: str, source: str) -> Imitated | None:
        if host not in stores:
            raise AutoReconnect("away")
        said = stores[host]
        return Imitated(said) if said is not None and secret == "old" else None

    monkeypatch.setattr(setup, "_signed_in", signed_in)
    deadline = time.monotonic() + 0.3
    return setup._writable("members", HOSTS, secrets, deadline, maybe_new)[0]


def test_the_first_member_begins_a_new_set(monkeypatch: pytest.MonkeyPatch, secrets: Path) -> None:
    """The others have no root user; once there is a set, the first is written to as its primary."""
    new = {HOSTS[0]: NEW, HOSTS[1]: None, HOSTS[2]: None}
    assert found(monkeypatch, secrets, new, maybe_new=True) == HOSTS[0]
    with pytest.raises(setup.NotSetUp, match="one:27017: it is not the primary"):
        found(monkeypatch, secrets, new, maybe_new=False)


def test_the_primary_is_found_where_it_went(monkeypatch: pytest.MonkeyPatch, secrets: Path) -> None:
    """After an election, with the first member a secondary, or away."""
    moved = {HOSTS[0]: SECONDARY, HOSTS[1]: SECONDARY, HOSTS[2]: PRIMARY}
    assert found(monkeypatch, secrets, moved, maybe_new=True) == HOSTS[2]
    del moved[HOSTS[0]]
    assert found(monkeypatch, secrets, moved, maybe_new=True) == HOSTS[2]


def test_each_member_is_said_to_be_what_it_is(
    monkeypatch: pytest.MonkeyPatch, secrets: Path
) -> None:
    """Where none takes writes, the message names each with its reason."""
    with pytest.raises(setup.NotSetUp) as said:
        found(monkeypatch, secrets, {HOSTS[0]: SECONDARY, HOSTS[1]: None}, maybe_new=True)
    assert str(said.value) == (
        "one:27017: it is not the primary of its replica set; "
        "two:27017: no password of the root user is right; three:27017: away"
    )
