"""Python programs that tests start by forking a process which has imported what services import.

A service takes three seconds of a processor to import its libraries, and the tests start services
some hundreds of times. `Forked` is a `Process` that asks a template for a fork of itself instead of
starting an interpreter; the fork runs the module as `python -m` does, with its own environment,
directory, session and log. Everything else, from the first line of the module to its death by a
signal, is as in any process.

`python -m tests.forked` is the template: a request and an answer a line, both JSON.
"""

import atexit
import gc
import importlib
import json
import os
import pkgutil
import runpy
import subprocess
import sys
import threading
import time
from functools import cache
from pathlib import Path
from typing import Any

from deploy.local.processes import Child, Process

CHECKOUT = Path(__file__).parents[1]


class Forked(Process):
    """A process whose command is `[sys.executable, "-m", module, …]`; any other one is started as
    usual."""

    def _spawn(self) -> Child:
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
            return json.loads(self._process.stdout.readline())

    def _close(self) -> None:
        self._process.communicate()


@cache
def _template() -> Template:
    return Template()


# --- the template -------------------------------------------------------------------------------


def main() -> None:
    """Import, then fork as asked; a fork returns from here as the module's end."""
    import_services()
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
        print(json.dumps(answer), flush=True)


def import_services() -> None:
    """Everything that a service imports, but its `app`, which reads its settings."""
    importlib.import_module("uvicorn")
    importlib.import_module("shared.serving")
    services = importlib.import_module("services")
    for module in pkgutil.walk_packages(services.__path__, "services."):
        if not module.name.endswith(".app"):
            importlib.import_module(module.name)


def become(request: dict[str, Any]) -> None:
    """Be `python -m` of a request, to its end."""
    os.setsid()
    log = os.open(request["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    sys.argv = request["argv"]
    runpy.run_module(request["argv"][0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
