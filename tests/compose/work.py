"""Light work on a deployment while something is done to it: each command until it is answered."""

import itertools
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import uuid4

import httpx

from cli.cast import PRINCIPLES
from cli.story import IRPIN
from services.members import principles
from shared.events import Envelope
from shared.events.ids import ContactRef
from tests.compose.acting import Tokens
from tests.compose.deployment import Deployment

PATIENCE = 300.0
"""Seconds in which a command is answered at last, however often it is asked."""

RECORDED = {"projects": "need-posted", "matching": "pledge-made", "members": "member-applied"}


@dataclass
class Command:
    """One command, asked with the same key until there is an answer; `subject` is what it made."""

    who: str
    service: str
    method: str
    path: str
    body: dict[str, Any]
    key: str = field(default_factory=lambda: str(uuid4()))
    attempts: list[int | str] = field(default_factory=list)
    subject: str = ""
    answered: float = 0.0
    """When, by the monotonic clock."""


class Work:
    """Needs, pledges, applications and addresses, one of each after another, until `stop`.

    The members are the story's, by their short names.
    """

    def __init__(
        self,
        deployment: Deployment,
        tokens: Tokens,
        members: Mapping[str, str],
        pause: float = 0.3,
    ) -> None:
        self.commands: list[Command] = []
        self._deployment, self._pause = deployment, pause
        self._headers = {who: tokens.member(members[who]) for who in ("irpin", "cascais")}
        self._headers["operator"] = tokens.operator()
        self._label = uuid4().hex[:8]
        self._stopped = threading.Event()
        self._failed: BaseException | None = None
        self._thread = threading.Thread(target=self._go_on, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Ask nothing new, and return when all that was asked is answered. Raises what failed."""
        self._stopped.set()
        self._thread.join(PATIENCE + 60)
        assert not self._thread.is_alive(), "a command was not answered"
        if self._failed:
            raise self._failed

    def goes_on(self, seconds: float = 240.0) -> None:
        """Return when each service has answered a command that was asked from now on."""
        began, first = time.monotonic(), len(self.commands)
        while {c.service for c in self.commands[first:] if c.answered} != {*RECORDED, "notify"}:
            assert time.monotonic() - began < seconds, "work does not go on"
            if self._failed:
                raise self._failed
            time.sleep(0.1)

    def attempts(self) -> Counter[int | str]:
        """What all attempts came to: a status, or an error's name."""
        return Counter(attempt for command in self.commands for attempt in command.attempts)

    def faults(self) -> list[Command]:
        """Commands that came to anything but an answer, a 503 or a connection that broke."""
        good = {200, 201, 204, 503}
        return [
            c for c in self.commands if any(type(a) is int and a not in good for a in c.attempts)
        ]

    def lost(self, logs: Mapping[str, list[Envelope]]) -> list[Command]:
        """Answered commands whose event is not in its owner's log exactly once, or whose address
        notify does not hold."""
        found = Counter((e.name, e.subject) for log in logs.values() for e in log)
        with self._deployment.http(headers=self._headers["operator"]) as http:
            return [
                c
                for c in self.commands
                if (
                    found[RECORDED[c.service], c.subject] != 1
                    if c.service in RECORDED
                    else http.get(f"{self._deployment.url}/api/notify{c.path}").status_code != 200
                )
            ]

    def unasked(self, logs: Mapping[str, list[Envelope]]) -> list[str]:
        """What this work's names are on in the logs beyond what was answered: done twice."""
        answered = {c.subject for c in self.commands}
        names = set(RECORDED.values())
        return [
            f"{e.name} {e.subject}"
            for log in logs.values()
            for e in log
            if e.name in names and self._label in e.data and e.subject not in answered
        ]

    def _go_on(self) -> None:
        try:
            with self._deployment.http() as http:
                for number in itertools.count():
                    for command in self._turn(number):
                        if self._stopped.wait(self._pause):
                            return
                        self.commands.append(command)
                        self._ask(http, command)
        except BaseException as error:
            self._failed = error

    def again(self, command: Command) -> str:
        """Ask an answered command once more with its key; what is made, as the answer says."""
        repeated = replace(command, attempts=[], subject="")
        with self._deployment.http() as http:
            self._ask(http, repeated)
        return repeated.subject

    def _turn(self, number: int) -> list[Command]:
        label = f"{self._label}-{number}"
        euros = {"amount": f"{100 + number}.00", "currency": "EUR"}
        lines = [{"line": 1, "kind": "funding", "amount": euros}]
        need = {
            "place": IRPIN,
            "sector": "education",
            "project_type": "rehabilitation",
            "title": {"en": f"Need {label}"},
            "lines": lines,
        }
        member = {
            "side": "partner",
            "kind": "city",
            "country": "PT",
            "organisation_id": f"XI-WORK-{label}",
            "names": {"en": f"City {label}"},
            "principles": PRINCIPLES,
            "principles_version": principles.CURRENT,
        }
        pledge = {"title": {"en": f"Pledge {label}"}, "lines": lines}
        address = {"email": f"{label}@example.org", "language": "en", "timezone": "Europe/Kyiv"}
        return [
            Command("irpin", "projects", "POST", "/needs", need),
            Command("cascais", "matching", "POST", "/pledges", pledge),
            Command("operator", "members", "POST", "/members", member),
            Command("operator", "notify", "PUT", f"/contacts/{ContactRef.new()}", address),
        ]

    def _ask(self, http: httpx.Client, command: Command) -> None:
        headers = {**self._headers[command.who], "Idempotency-Key": command.key, "If-Match": "*"}
        url = f"{self._deployment.url}/api/{command.service}{command.path}"
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            try:
                answer = http.request(command.method, url, json=command.body, headers=headers)
            except httpx.TransportError as error:
                command.attempts.append(type(error).__name__)
                time.sleep(0.5)
                continue
            command.attempts.append(answer.status_code)
            if answer.is_success:
                command.subject = answer.json()["id"] if answer.content else command.path
                command.answered = time.monotonic()
                return
            if answer.status_code != 503:
                raise AssertionError(f"{command}: {answer.text}")
            time.sleep(0.5)
        raise AssertionError(f"no answer: {command}")
