"""The containers' health check: exit 0 only for a service that is ready, and what is missing."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from deploy.local.ports import free_port
from shared import probe


class _Health(BaseHTTPRequestHandler):
    answers: Any = (200, {"ready": True, "store": "ok"})

    def do_GET(self) -> None:
        """What `answers` says, or nothing for long."""
        if self.answers is None:
            time.sleep(2)
            return
        status, body = self.answers
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode() if isinstance(body, dict) else body)

    def log_message(self, *_: Any) -> None:
        """Nothing."""


@pytest.fixture
def url() -> Iterator[str]:
    """A health route on this machine."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Health) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/health/ready"
        server.shutdown()


def run(url: str) -> tuple[int, str]:
    """The command as a container runs it."""
    command = [sys.executable, "-m", "shared.probe", url]
    done = subprocess.run(
        command,
        cwd=Path(__file__).parents[2],
        env={"http_proxy": "http://127.0.0.1:1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    return done.returncode, done.stdout.strip()


@pytest.mark.parametrize(
    ("answers", "found"),
    [
        ((200, {"ready": True, "store": "ok"}), (0, "ready")),
        (
            (503, {"ready": False, "store": "away: no answer", "broker": "ok", "relay": "waits"}),
            (1, "store: away: no answer\nrelay: waits"),
        ),
        ((500, b"oops"), (1, "answers 500")),
        ((404, b"[]"), (1, "answers 404")),
    ],
)
def test_probe_says_what_is_missing(
    answers: Any, found: tuple[int, str], url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line for each part; a proxy of the machine's is not asked."""
    monkeypatch.setattr(_Health, "answers", answers)
    status, said = run(url)
    assert (status, said.removeprefix(f"{url} ")) == found


def test_nobody_listens() -> None:
    """A process that is not there is not ready."""
    status, said = run(f"http://127.0.0.1:{free_port()}/health/ready")
    assert status == 1
    assert "does not answer" in said


def test_a_silent_service_is_not_waited_for(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine's own time-out would count the same, but say nothing."""
    monkeypatch.setattr(_Health, "answers", None)
    monkeypatch.setattr(probe, "PATIENCE", 0.2)
    assert probe.missing(url) == [f"{url} does not answer: timed out"]
