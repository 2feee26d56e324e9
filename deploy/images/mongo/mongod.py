"""`mongod`'s flags, for SecantusDB: what this deployment gives to it, and nothing else.

As `mongod` does, it refuses a key file that others may read (it needs none itself, since it is
alone), and it ends when its storage engine has given up: on a full disk, or a failing one. Flags
that it has no use for are named on standard error and ignored.
"""

import argparse
import os
import signal
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import Any

from deploy.local.secantus import LIFETIME_VARIABLE, Server

_LIFETIME = "transactionLifetimeLimitSeconds="
_OPEN = 0o077
_ENDED_ABRUPTLY = 14
"""`mongod`'s status when it ends itself."""


def arguments(given: list[str]) -> argparse.Namespace:
    """The flags, read."""
    parser = argparse.ArgumentParser(prog="mongod", allow_abbrev=False)
    parser.add_argument("--replSet", default="secantus")
    parser.add_argument("--keyFile", type=Path)
    parser.add_argument("--auth", action="store_true")
    parser.add_argument("--bind_ip_all", action="store_true")
    parser.add_argument("--bind_ip", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=27017)
    parser.add_argument("--dbpath", type=Path, default=Path("/data/db"))
    parser.add_argument("--wiredTigerCacheSizeGB", type=float, default=0.25)
    parser.add_argument("--setParameter", action="append", default=[])
    known, unknown = parser.parse_known_args(given)
    if unknown:
        print(f"mongod: SecantusDB stands in and ignores {' '.join(unknown)}", file=sys.stderr)
    return known


def check_key_file(path: Path) -> None:
    """Exits as `mongod` does when the key file can't be read, or others may read it too."""
    try:
        path.read_text()
    except OSError as error:
        sys.exit(f"mongod: error opening file: {error}")
    if path.stat().st_mode & _OPEN:
        sys.exit(f"mongod: permissions on {path} are too open")


def server(dbpath: Path, host: str, port: int, auth: bool, cache: float, name: str) -> Any:
    """SecantusDB on that directory; what it acknowledged is on disk."""
    return Server(
        host=host,
        port=port,
        storage_path=str(dbpath),
        require_auth=auth,
        replica_set_name=name,
        cache_size=f"{max(64, round(cache * 1024))}M",
        sync_on_commit=True,
    )


def panicked(running: Any) -> str:
    """What WiredTiger says when it does nothing any more until the process is started again."""
    try:
        running.storage._conn.open_session().close()
    except Exception as error:
        return str(error) if "WT_PANIC" in str(error) else ""
    return ""


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    given = arguments(sys.argv[1:])
    if given.keyFile:
        check_key_file(given.keyFile)
    for parameter in given.setParameter:
        if parameter.startswith(_LIFETIME):
            os.environ[LIFETIME_VARIABLE] = parameter.removeprefix(_LIFETIME)
    running = server(
        given.dbpath,
        "0.0.0.0" if given.bind_ip_all else given.bind_ip.split(",")[0],
        given.port,
        given.auth or given.keyFile is not None,
        given.wiredTigerCacheSizeGB,
        given.replSet,
    )
    asked_to_end = threading.Event()

    def end(number: int, frame: FrameType | None) -> None:
        asked_to_end.set()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    running.start()
    print(f"mongod: SecantusDB serves {given.dbpath} on port {given.port}", file=sys.stderr)
    while not asked_to_end.wait(1.0):
        if problem := panicked(running):
            print(f"mongod: {problem}; the process must exit and restart", file=sys.stderr)
            os._exit(_ENDED_ABRUPTLY)
    running.stop()


if __name__ == "__main__":
    main()
