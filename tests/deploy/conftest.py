"""One local stack for all tests here: its own root, any free ports, the checkout's jar cache."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.stack import Stack


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A started stack; a test that stops a part starts it again."""
    started = Stack(tmp_path_factory.mktemp("stack"))
    started.start(print)
    yield started
    started.wipe()


@pytest.fixture
def no_programs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine without Java, Maven and mongod: nothing is on the PATH."""
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.setenv("PATH", str(empty))
