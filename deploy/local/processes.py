"""Programs run as processes of their own, found again by a later process and stopped for certain.

Everything of the local stack and each of our services is a `Process`: what it prints goes to
`<root>/<name>.log`, and who it is to `<root>/<name>.pid`, so another process can build the same
`Process` and stop it. Calls are synchronous and short; from asyncio use `asyncio.to_thread`.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import psutil  # type: ignore[import-untyped,unused-ignore]

from deploy.local.ports import answers

Check = int | tuple[str, int] | Callable[[], bool]
"""What says that a process is ready: a TCP port of 127.0.0.1, a (host, port), or a function."""

_START_TIME_TOLERANCE = 1.0  # seconds; the kernel's boot time moves a little as the clock is set
_POLL = 0.02  # seconds


class Child(Protocol):
    """What this very process started, as `subprocess.Popen` has it."""

    @property
    def pid(self) -> int:
        """Its process id."""

    @property
    def returncode(self) -> int | None:
        """How it ended, where that was seen; minus the number of a signal."""

    def poll(self) -> int | None:
        """The same, looked at now."""

    def wait(self, timeout: float) -> int:
        """The same, waited for. Raises subprocess.TimeoutExpired."""


# By pid: this process alone can reap them, whichever `Process` asks.
_CHILDREN: dict[int, Child] = {}


class ProcessFailed(RuntimeError):
    """A process did not start, did not get ready, or ended; the message quotes its log's end."""


class Process:
    """One program, in a session of its own so that a Ctrl-C in the terminal does not reach it.

    `env` is added to the caller's environment. The object holds no state that matters: a second
    one with the same name and root, in any process, speaks of the same program.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        env: Mapping[str, str] | None = None,
        root: Path = Path(".local"),
        cwd: Path | None = None,
    ) -> None:
        self.name = name
        self.command = [str(part) for part in command]
        self.env = dict(env or {})
        self.root = root
        self.cwd = cwd
        self.log_file = root / f"{name}.log"
        self.pid_file = root / f"{name}.pid"
        self._child: Child | None = None

    def start(self) -> None:
        """Start it and return at once. Raises ProcessFailed if it runs already or cannot run."""
        if self.alive():
            raise ProcessFailed(f"{self.name} runs already, as process {self.pid}")
        self.root.mkdir(parents=True, exist_ok=True)
        try:
            self._child = self._spawn()
        except OSError as error:
            raise ProcessFailed(f"{self.name} did not start: {error}") from error
        _CHILDREN[self._child.pid] = self._child
        self._write_pid(self._child.pid)

    def _spawn(self) -> Child:
        """Run the command, its output appended to the log."""
        with self.log_file.open("ab") as log:
            return subprocess.Popen(
                self.command,
                env=os.environ | self.env,
                cwd=self.cwd,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def wait_ready(self, check: Check, timeout: float = 30.0) -> None:
        """Wait until `check` answers, at most `timeout` seconds.

        Raises ProcessFailed at once when the process ends first. A function that raises OSError
        counts as "not yet"; any other error of it is the caller's.
        """
        deadline = time.monotonic() + timeout
        while not _answers(check):
            if not self.alive():
                code = self._child.returncode if self._child else None
                raise ProcessFailed(
                    f"{self.name} ended with code {code} before it was ready{self._end_of_log()}"
                )
            if time.monotonic() > deadline:
                raise ProcessFailed(
                    f"{self.name} is not ready after {timeout:g} s{self._end_of_log()}"
                )
            time.sleep(_POLL)

    def stop(self, grace: float = 15.0) -> None:
        """Ask it to end (SIGTERM), wait `grace` seconds, then end it and its children (SIGKILL).

        A process that is paused is resumed first, or it could not hear. One that does not run is
        no error.
        """
        if (leader := self._find()) is not None:
            family = [leader, *_children(leader)]
            for signal_number in (signal.SIGTERM, signal.SIGCONT):
                _send([leader], signal_number)
            _wait(leader, grace)
            _send(family, signal.SIGKILL)
            for member in family:
                _wait(member, 5.0)
        self.pid_file.unlink(missing_ok=True)

    def kill(self) -> None:
        """End it and its children as a crash would (SIGKILL), and wait until they are gone."""
        if (leader := self._find()) is not None:
            family = [leader, *_children(leader)]
            _send(family, signal.SIGKILL)
            for member in family:
                _wait(member, 5.0)
        self.pid_file.unlink(missing_ok=True)

    def pause(self) -> None:
        """Freeze it and its children (SIGSTOP): connections stay open and nothing answers."""
        if (leader := self._find()) is not None:
            _send([leader, *_children(leader)], signal.SIGSTOP)

    def resume(self) -> None:
        """Let a frozen process go on (SIGCONT)."""
        if (leader := self._find()) is not None:
            _send([leader, *_children(leader)], signal.SIGCONT)

    def alive(self) -> bool:
        """Whether it runs; paused counts as running."""
        return self._find() is not None

    @property
    def pid(self) -> int | None:
        """Its process id while it runs."""
        found = self._find()
        return None if found is None else int(found.pid)

    @property
    def exit_status(self) -> int | None:
        """How it ended, where this very object started it: its status, or minus the signal's
        number; None while it runs."""
        return None if self._child is None else self._child.poll()

    def memory(self) -> int:
        """Resident bytes of it and its children; 0 when it does not run."""
        leader = self._find()
        total = 0
        for member in [] if leader is None else [leader, *_children(leader)]:
            with contextlib.suppress(psutil.NoSuchProcess):
                total += member.memory_info().rss
        return total

    def log_tail(self, lines: int = 20) -> str:
        """The last lines it printed; empty when there are none."""
        try:
            with self.log_file.open("rb") as log:
                log.seek(max(0, self.log_file.stat().st_size - 400 * lines))
                return "\n".join(log.read().decode(errors="replace").splitlines()[-lines:])
        except FileNotFoundError:
            return ""

    def _end_of_log(self) -> str:
        return f"; the end of {self.log_file}:\n{self.log_tail() or '(empty)'}"

    def _write_pid(self, pid: int) -> None:
        """Keep pid and start time: a pid alone may be another program's by the time it is read."""
        with contextlib.suppress(psutil.NoSuchProcess):
            fresh = self.pid_file.with_suffix(".pid.new")
            fresh.write_text(json.dumps({"pid": pid, "started": psutil.Process(pid).create_time()}))
            fresh.replace(self.pid_file)

    def _find(self) -> psutil.Process | None:
        """The running process that the pid file names; None if it is another one by now."""
        try:
            noted = json.loads(self.pid_file.read_text())
            _reap(noted["pid"])
            found = psutil.Process(int(noted["pid"]))
            same = abs(found.create_time() - float(noted["started"])) <= _START_TIME_TOLERANCE
            return found if same and not _over(found) else None
        except (FileNotFoundError, ValueError, KeyError, TypeError, psutil.Error):
            return None


def python_module(module: str, *arguments: str) -> list[str]:
    """The command that runs `module` with this interpreter."""
    return [sys.executable, "-m", module, *arguments]


@contextlib.contextmanager
def alone(lock_file: Path) -> Iterator[None]:
    """Keep other processes out of the same lock file meanwhile; they wait."""
    lock_file.parent.mkdir(parents=True, exist_ok=True)
    with lock_file.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def _answers(check: Check) -> bool:
    if isinstance(check, int):
        return answers("127.0.0.1", check)
    if isinstance(check, tuple):
        return answers(*check)
    try:
        return check()
    except OSError:
        return False


def _wait(member: psutil.Process, timeout: float) -> None:
    """Until it is gone; one that is over is gone, though an orphan stays listed for a while."""
    deadline = time.monotonic() + timeout
    if (child := _CHILDREN.get(member.pid)) is not None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(timeout)
    with contextlib.suppress(psutil.NoSuchProcess):
        while member.is_running() and not _over(member) and time.monotonic() < deadline:
            time.sleep(_POLL)
    _reap(member.pid)


def _over(member: psutil.Process) -> bool:
    """Whether it is a zombie with all its threads: while one of them has not ended, the ports of
    the process still answer."""
    return bool(member.status() == psutil.STATUS_ZOMBIE and member.num_threads() <= 1)


def _reap(pid: int) -> None:
    child = _CHILDREN.get(pid)
    if child is not None and child.poll() is not None:
        _CHILDREN.pop(pid, None)


def _children(leader: psutil.Process) -> list[psutil.Process]:
    try:
        return list(leader.children(recursive=True))
    except psutil.NoSuchProcess:
        return []


def _send(family: list[psutil.Process], signal_number: int) -> None:
    # psutil compares start times before it sends: a pid reused in between is not hit.
    for member in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            member.send_signal(signal_number)
