"""The MongoDB server: `mongod` where it is installed, else SecantusDB, as one process."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

from deploy.local.jars import Progress
from deploy.local.processes import Process

SERVER_VARIABLE = "ALLIANCE_STORE_SERVER"
REPLICA_SET = "alliance"
_CACHE = "256M"  # of WiredTiger


class NoStore(RuntimeError):
    """No MongoDB server was found to run."""


def server() -> Path:
    """The program to run: what ALLIANCE_STORE_SERVER names, `mongod` on the PATH, or SecantusDB's.

    Raises NoStore, saying how to get one.
    """
    if named := os.environ.get(SERVER_VARIABLE):
        if found := shutil.which(named):
            return Path(found)
        raise NoStore(f"{SERVER_VARIABLE} names {named!r}, which is no program")
    # A virtual environment that is not activated has its programs beside its interpreter only.
    here = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    for program in ("mongod", "secantusd-py"):
        if found := shutil.which(program, path=here):
            return Path(found)
    raise NoStore(
        "no MongoDB server: `mongod` is not on the PATH and the package secantusdb is not installed"
    )


class Store:
    """One server on 127.0.0.1 that survives its own crash: what it acknowledged is on disk.

    Data in `<root>/store`; started again there, it has all it had. `process` is the running
    program, for tests that kill or pause it; `start` brings it back.
    """

    def __init__(self, root: Path, port: int) -> None:
        self.data = root.absolute() / "store"
        self.port = port
        self._server_note = self.data / "made-by"
        self.process = Process("store", [], root=root / "run", cwd=Path(__file__).parents[2])

    @property
    def uri(self) -> str:
        """Where clients connect. Direct, so that no host name the server gives is looked up.

        Raises NoStore.
        """
        made_by = self._made_by() or server().name
        return f"mongodb://127.0.0.1:{self.port}/?replicaSet={_replica_set(made_by)}&directConnection=true"

    def start(self, progress: Progress = lambda line: None, timeout: float = 60.0) -> None:
        """Start it and wait, at most `timeout` seconds, until it takes writes.

        Raises ProcessFailed, and NoStore also when the data there are another server's.
        """
        program = server()
        if (made_by := self._made_by()) not in (None, program.name):
            raise NoStore(
                f"the data in {self.data} are {made_by}'s and {program.name} would run:"
                f" wipe, or run {made_by}"
            )
        (self.data / "data").mkdir(parents=True, exist_ok=True)
        self._server_note.write_text(program.name)
        self.process.command = _command(program, self.port, self.data)
        self.process.start()
        me = f"127.0.0.1:{self.port}" if _is_mongod(program.name) else None
        self.process.wait_ready(lambda: takes_writes(self.port, me), timeout)
        progress(f"{program.name} is ready on 127.0.0.1:{self.port}")

    def stop(self, grace: float = 30.0) -> None:
        """Stop it in order, at most `grace` seconds."""
        self.process.stop(grace)

    def _made_by(self) -> str | None:
        return self._server_note.read_text() if self._server_note.exists() else None


def takes_writes(port: int, member: str | None = None) -> bool:
    """Whether the server on that port of 127.0.0.1 takes writes, asked for at most about 1 s.

    `member` is the host:port under which a `mongod` finds itself: given that, a new one is told
    to be a replica set of one, and one that moved is told its new port.
    """
    address = f"mongodb://127.0.0.1:{port}/?directConnection=true"
    with MongoClient[dict[str, Any]](
        address, serverSelectionTimeoutMS=1000, connectTimeoutMS=1000
    ) as client:
        try:
            if bool(client.admin.command("hello").get("isWritablePrimary")):
                return True
            if member is not None:
                _join(client, member)
        except PyMongoError:
            pass
        return False


def _is_mongod(program: str) -> bool:
    return program.startswith("mongod")


def _replica_set(program: str) -> str:
    return REPLICA_SET if _is_mongod(program) else "secantus"


def _command(program: Path, port: int, data: Path) -> list[str]:
    """Each server's own flags."""
    if _is_mongod(program.name):
        from deploy.local.secantus import lifetime  # the operators' image has no SecantusDB

        flags = ["--bind_ip", "127.0.0.1", "--port", str(port), "--dbpath", str(data / "data")]
        return [
            str(program),
            *flags,
            "--replSet",
            REPLICA_SET,
            "--wiredTigerCacheSizeGB",
            "0.25",
            "--setParameter",
            f"transactionLifetimeLimitSeconds={max(1, round(lifetime()))}",
        ]
    # Without --sync-on-commit a SIGKILL loses transactions it had acknowledged.
    flags = [
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "--storage-path",
        str(data),
        "--sync-on-commit",
    ]
    python = program.name == "secantusd-py"
    return [
        *([sys.executable, "-m", "deploy.local.secantus"] if python else [str(program)]),
        *flags,
        *(("--cache-size", _CACHE) if _knows(program, "--cache-size") else ()),
    ]


def _knows(program: Path, flag: str) -> bool:
    """Whether it has a flag; the Python server has it, and would take 1 s to say so."""
    if program.name == "secantusd-py":
        return True
    said = subprocess.run(
        [program, "--help"], capture_output=True, text=True, timeout=60, check=False
    )
    return flag in said.stdout + said.stderr


def _join(client: MongoClient[dict[str, Any]], member: str) -> None:
    try:
        config = client.admin.command("replSetGetConfig")["config"]
    except OperationFailure as error:
        if error.code != 94:  # NotYetInitialized
            raise
        client.admin.command(
            "replSetInitiate",
            {"_id": REPLICA_SET, "members": [{"_id": 0, "host": member}]},
        )
        return
    if config["members"][0]["host"] != member:
        config["members"][0]["host"] = member
        config["version"] += 1
        client.admin.command("replSetReconfig", config, force=True)
