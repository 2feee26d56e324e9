"""The system under test: the local stack and services in the test build, on free ports."""

import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from deploy.local.system import System

FAST = {
    "ALLIANCE_LEASE_SECONDS": "2",
    "ALLIANCE_POLL_SECONDS": "0.1",
    "ALLIANCE_SESSION_SECONDS": "2",
    "ALLIANCE_ROUND_DEBOUNCE_SECONDS": "0",
    "ALLIANCE_STORE_PATIENCE_SECONDS": "2",
}
"""Settings by which a test does not wait long for what an operator would wait longer for."""


class TestBuild(System):
    """A system whose services can be killed at named points."""

    __test__ = False

    def command(self, service: str, port: int) -> list[str]:
        return [sys.executable, "-m", "tests.chaos.service", service, str(port)]


@contextmanager
def running(settings: Mapping[str, str] | None = None, **kwargs: object) -> Iterator[TestBuild]:
    """A clean system that is stopped and deleted at the end."""
    with tempfile.TemporaryDirectory(prefix="alliance-test-") as root:
        system = TestBuild(Path(root), settings={**FAST, **(settings or {})}, **kwargs)  # type: ignore[arg-type]
        try:
            system.start()
            yield system
        finally:
            system.stop()
