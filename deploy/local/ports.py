"""TCP ports of this machine: one that is free, and whether somebody answers on one."""

from __future__ import annotations

import contextlib
import fcntl
import os
import random
import socket
import tempfile
from functools import cache
from pathlib import Path
from typing import IO

# Below Linux's range for outgoing connections (32768 on), so that no client socket takes the
# port of a server which is down for a restart.
_PORTS = range(20000, 32768)
_given: set[int] = set()
"""What was given out to be listened on soon: nobody else gets it, though nobody may listen yet."""


class NoPort(RuntimeError):
    """No free port was found; the machine is very busy or forbids listening."""


def free_port(preferred: int | None = None) -> int:
    """A TCP port of 127.0.0.1 that nobody listens on: `preferred` when it is free, else one that
    this process did not give out before. Nor did another of this user's that still runs: each
    claims a port by a lock on the byte of its number in one file."""
    others = [port for port in random.sample(_PORTS, 200) if port not in _given]
    for port in [*([] if preferred is None else [preferred]), *others]:
        with socket.socket() as probe, contextlib.suppress(OSError):
            fcntl.lockf(_claims(), fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            _given.add(port)
            return port
    raise NoPort(f"no free port of 200 tried between {_PORTS.start} and {_PORTS.stop - 1}")


@cache
def _claims() -> IO[bytes]:
    """Open until this process ends: to close it would give all its locks up."""
    return (Path(tempfile.gettempdir()) / f"alliance-ports-{os.getuid()}").open("ab")


def answers(host: str, port: int, timeout: float = 1.0) -> bool:
    """Whether somebody accepts TCP connections there within `timeout` seconds."""
    try:
        with socket.create_connection((host, port), timeout):
            return True
    except OSError:
        return False
