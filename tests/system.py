"""The system under test: the local stack and services in the test build, on free ports."""

import os
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from deploy.local.secantus import LIFETIME_VARIABLE
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
    os.environ.setdefault(LIFETIME_VARIABLE, "3")  # of a transaction whose client was killed
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the stack is stopped
    with tempfile.TemporaryDirectory(prefix="alliance-test-") as root:
        system = TestBuild(Path(root), settings={**FAST, **(settings or {})}, **kwargs)  # type: ignore[arg-type]
        try:
            system.start()
            yield system
        finally:
            system.stop()
