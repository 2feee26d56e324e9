"""Python programs that tests start by forking a process which has imported what they import.

A service takes three seconds of a processor to import its libraries, the command line no less, and
the tests start them some hundreds of times. `Forked` is a `Process` that asks a template for a fork
of itself instead of starting an interpreter; the fork runs the module as `python -m` does, with its
own environment, directory, session and log. Everything else, from the first line of the module to
its death by a signal, is as in any process. `run` does the same for a command that ends by itself.

`python -m tests.forked` is the template: a request and an answer a line, both JSON.
"""

import atexit
import gc
import importlib
import json
import os
import pkgutil
import runpy
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

from deploy.local.processes import Child, Process

CHECKOUT = Path(__file__).parents[1]


class Forked(Process):
    """A process whose command is `[sys.executable, "-m", module, …]`; any other one is started as
    usual."""

    started: ClassVar[dict[Path, "Forked"]] = {}
    """Each that this process started, the last of each log."""

    @classmethod
    def ended(cls) -> "list[Forked]":
        """Those that nobody stopped or killed and that don't run any more."""
        return [one for one in cls.started.values() if one.pid_file.exists() and not one.alive()]

    def _spawn(self) -> Child:
        self.started[self.log_file] = self
        if self.command[:2] != [sys.executable, "-m"]:
            return super()._spawn()
        return Fork(
            {
                "argv": self.command[2:],
                "env": os.environ | self.env,
                "cwd": str(self.cwd or Path.cwd()),
                "log": str(self.log_file.resolve()),
            }
        )


def run(
    *arguments: str, env: Mapping[str, str], text: str = "", timeout: float = 300.0
) -> "subprocess.CompletedProcess[str]":
    """`python -m` these arguments in the checkout, with this environment and nothing else of ours,
    and `text` as its input. Raises subprocess.TimeoutExpired."""
    with tempfile.TemporaryDirectory(prefix="alliance-run-") as directory:
        given, out, err = (Path(directory) / name for name in ("in", "out", "err"))
        given.write_text(text)
        request = {"argv": arguments, "env": dict(env), "cwd": str(CHECKOUT)}
        fork = Fork(request | {"in": str(given), "log": str(out), "errors": str(err)})
        try:
            status = fork.wait(timeout)
        except subprocess.TimeoutExpired:
            os.kill(fork.pid, signal.SIGKILL)
            raise
        said = [path.read_text() if path.exists() else "" for path in (out, err)]
    return subprocess.CompletedProcess(arguments, status, *said)


class Fork:
    """One fork of the template."""

    def __init__(self, request: dict[str, Any]) -> None:
        self.pid: int = _template().ask(request)
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """How it ended: its status, or minus a signal's number; None while it runs."""
        if self.returncode is None:
            self.returncode = _template().ask({"poll": self.pid})
        return self.returncode

    def wait(self, timeout: float) -> int:
        """The same, waited for. Raises subprocess.TimeoutExpired."""
        deadline = time.monotonic() + timeout
        while (status := self.poll()) is None:
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired(str(self.pid), timeout)
            time.sleep(0.02)
        return status


class Template:
    """The process that is forked; it ends with this one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.forked"],
            cwd=CHECKOUT,
            env=os.environ | {"PYTHONUTF8": "1"},  # what a fork writes is the same anywhere
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        atexit.register(self._close)

    def ask(self, request: dict[str, Any]) -> Any:
        """What it answers."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._lock:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
            answer = self._process.stdout.readline()
        assert answer, f"the template ended with {self._process.wait()}"
        return json.loads(answer)

    def _close(self) -> None:
        self._process.communicate()


@cache
def _template() -> Template:
    return Template()


# --- the template -------------------------------------------------------------------------------


def main() -> None:
    """Import, then fork as asked; a fork returns from here as the module's end."""
    import_all()
    assert threading.active_count() == 1, "a fork takes no thread along"
    gc.collect()
    gc.freeze()
    ended: dict[int, int] = {}
    for line in sys.stdin:
        request = json.loads(line)
        if pid := request.get("poll"):
            answer = ended.get(pid)
            if answer is None:
                found, status = os.waitpid(pid, os.WNOHANG)
                answer = os.waitstatus_to_exitcode(status) if found else None
                if answer is not None:
                    ended[pid] = answer
        else:
            answer = os.fork()
            if answer == 0:
                become(request)
                return
            ended.pop(answer, None)  # of another that had this pid before
        print(json.dumps(answer), flush=True)


def import_all() -> None:
    """Everything that a service or the command line imports; not an `app`, which reads settings."""
    importlib.import_module("uvicorn")
    importlib.import_module("shared.serving")
    for package in map(importlib.import_module, ("services", "cli")):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.endswith((".app", ".__main__")):
                importlib.import_module(module.name)


def become(request: dict[str, Any]) -> None:
    """Be `python -m` of a request, to its end."""
    os.setsid()
    appending = os.O_WRONLY | os.O_APPEND | os.O_CREAT
    log = os.open(request["log"], appending, 0o644)
    os.dup2(os.open(request.get("in", os.devnull), os.O_RDONLY), 0)
    os.dup2(log, 1)
    os.dup2(os.open(request["errors"], appending, 0o644) if "errors" in request else log, 2)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115  as it is where a program begins
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    sys.argv = request["argv"]
    runpy.run_module(request["argv"][0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
