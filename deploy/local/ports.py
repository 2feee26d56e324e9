"""TCP ports of this machine: one that is free, and whether somebody answers on one."""

from __future__ import annotations

import contextlib
import random
import socket

# Below Linux's range for outgoing connections (32768 on), so that no client socket takes the
# port of a server which is down for a restart.
_PORTS = range(20000, 32768)
_given: set[int] = set()
"""What was given out to be listened on soon: nobody else gets it, though nobody may listen yet."""


class NoPort(RuntimeError):
    """No free port was found; the machine is very busy or forbids listening."""


def free_port(preferred: int | None = None) -> int:
    """A TCP port of 127.0.0.1 that nobody listens on: `preferred` when it is free, else one that
    this process did not give out before."""
    others = [port for port in random.sample(_PORTS, 200) if port not in _given]
    for port in [*([] if preferred is None else [preferred]), *others]:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", port))
                _given.add(port)
                return port
    raise NoPort(f"no free port of 200 tried between {_PORTS.start} and {_PORTS.stop - 1}")


def answers(host: str, port: int, timeout: float = 1.0) -> bool:
    """Whether somebody accepts TCP connections there within `timeout` seconds."""
    try:
        with socket.create_connection((host, port), timeout):
            return True
    except OSError:
        return False
