"""Kafka, the store and the mailbox as one thing that is started, found again, stopped and wiped."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from deploy.local import java, store, topics
from deploy.local.jars import Progress
from deploy.local.kafka import Kafka
from deploy.local.mailbox import Mailbox
from deploy.local.ports import free_port
from deploy.local.processes import Process, alone
from deploy.local.store import Store

CHECKOUT = Path(__file__).parents[2]
ROOT = Path(os.environ.get("ALLIANCE_LOCAL") or CHECKOUT / ".local")
"""Where the local stack keeps its data, logs and keys."""

CACHE = CHECKOUT / ".local" / "cache"
PORTS = {"kafka": 19092, "controller": 19093, "store": 27117, "smtp": 2525}


class NotStarted(RuntimeError):
    """No stack was ever started there."""


@dataclass(frozen=True)
class Addresses:
    """Where the parts are: Kafka's host:port, MongoDB's URI, the mail server and its mail."""

    kafka: str
    mongodb: str
    smtp_host: str
    smtp_port: int
    maildir: Path

    def environment(self) -> dict[str, str]:
        """The same as environment variables, for a service's process."""
        return {
            "ALLIANCE_KAFKA": self.kafka,
            "ALLIANCE_MONGODB": self.mongodb,
            "ALLIANCE_SMTP_HOST": self.smtp_host,
            "ALLIANCE_SMTP_PORT": str(self.smtp_port),
        }


class Stack:
    """The local stack below `root`: data in kafka/, store/ and mail/, logs and pid files in run/.

    `usual_ports` asks for the ports a person expects (Kafka 19092, store 27117, SMTP 2525) where
    they are free; otherwise, and for tests, any free ones. A stack that was started before takes
    its old ports again while they are free. `kafka`, `store` and `mailbox` can be stopped, killed
    (`.process.kill()`), paused and started one by one.
    """

    program: type[Process] = Process
    """What runs a program on it."""

    def __init__(self, root: Path = ROOT, cache: Path = CACHE, usual_ports: bool = False) -> None:
        self.root = root
        self.cache = cache
        self.usual_ports = usual_ports
        self._state = root / "stack.json"
        self._use(self._noted() or dict.fromkeys(PORTS, 0))

    @classmethod
    def attach(cls, root: Path = ROOT, cache: Path = CACHE) -> Stack:
        """The stack that some process started there; it may have ended since: see `running`.

        Raises NotStarted.
        """
        stack = cls(root, cache)
        if stack._noted() is None:
            raise NotStarted(f"no local stack was started in {root}")
        return stack

    def start(self, progress: Progress = lambda line: None) -> Addresses:
        """Start what does not run, with the topics there, and return when all of it answers.

        If it runs already nothing is started; what a crashed one left is stopped first. On an
        error everything is stopped again. `progress` is called from several threads. Raises
        NoJava, JarsMissing, NoStore, ProcessFailed, TopicWrong.
        """
        with alone(self.root / "stack.lock"):
            if (
                noted := self._noted()
            ) and noted != self._ports:  # another process started it since
                self._use(noted)
            if not self.running():
                java.runtime()  # what is missing is said before anything starts
                store.server()
                self.stop()
                self._choose_ports()
                try:
                    self._start_all(progress)
                except BaseException:
                    self.stop()
                    raise
        return self.addresses

    def stop(self) -> None:
        """Stop everything that runs on it: services first, then its own parts. Data stays."""
        own = {part.process.name: part for part in (self.mailbox, self.kafka, self.store)}
        others = [process for process in self.processes() if process.name not in own]
        for group in (others, [self.mailbox.process, self.kafka, self.store.process]):
            with ThreadPoolExecutor() as pool:
                list(pool.map(lambda part: part.stop(30.0), group))

    def wipe(self) -> None:
        """End it at once and delete its data, mail, logs and state; the jars in the cache stay.

        Nothing is asked to end well, since what it would write on its way is deleted; but Kafka is
        once, for what makes its next starts faster.
        """
        if self.kafka.process.alive() and not self.kafka.starts_fast:
            self.stop()
        with ThreadPoolExecutor() as pool:
            list(pool.map(Process.kill, self.processes()))
        for directory in (
            self.kafka.home,
            self.store.data,
            self.mailbox.maildir,
            self.root / "run",
        ):
            shutil.rmtree(directory, ignore_errors=True)
        self._state.unlink(missing_ok=True)

    def running(self) -> bool:
        """Whether all three parts run."""
        return all(part.process.alive() for part in (self.kafka, self.store, self.mailbox))

    @property
    def addresses(self) -> Addresses:
        """Where the parts are, or were when it ran last."""
        return Addresses(
            self.kafka.bootstrap,
            self.store.uri,
            "127.0.0.1",
            self.mailbox.port,
            self.mailbox.maildir,
        )

    def process(
        self,
        name: str,
        command: Sequence[str | Path],
        env: Mapping[str, str] | None = None,
    ) -> Process:
        """A program that uses the stack, such as a service: `stop` of the stack stops it too."""
        return self.program(name, command, env, self.root / "run", CHECKOUT)

    def processes(self) -> list[Process]:
        """All that was started on it and not stopped, its own parts among them."""
        return [self.process(file.stem, []) for file in sorted((self.root / "run").glob("*.pid"))]

    def _start_all(self, progress: Progress) -> None:
        with ThreadPoolExecutor() as pool:
            parts = [
                pool.submit(self.kafka.start, progress),
                pool.submit(self.store.start, progress),
                pool.submit(self.mailbox.start),
            ]
            for part in parts:
                part.result()
            # In a thread of its own, since the caller may be inside an event loop.
            created = pool.submit(lambda: asyncio.run(topics.apply(self.kafka.bootstrap))).result()
        progress(f"{len(created)} topics created" if created else "the topics are there")

    def _choose_ports(self) -> None:
        before = self._noted() or (PORTS if self.usual_ports else dict.fromkeys(PORTS, None))
        ports = {name: free_port(before.get(name)) for name in PORTS}
        self._use(ports)
        self._state.write_text(json.dumps({"ports": ports}, indent=2) + "\n")

    def _use(self, ports: dict[str, int]) -> None:
        self._ports = ports
        self.kafka = Kafka(self.root, self.cache, ports["kafka"], ports["controller"])
        self.store = Store(self.root, ports["store"])
        self.mailbox = Mailbox(self.root, ports["smtp"])

    def _noted(self) -> dict[str, int] | None:
        try:
            noted = json.loads(self._state.read_text())["ports"]
            return {name: int(noted[name]) for name in PORTS}
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return None
