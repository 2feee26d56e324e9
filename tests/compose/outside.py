"""Members who act on a deployment through its gateway, for tests that put it under load."""

import asyncio
import itertools
import os
import random
import signal
import time
from typing import Any

import httpx

from tests.chaos.load import Load
from tests.compose import bus
from tests.compose.acting import Outside, Tokens
from tests.compose.bus import Bus
from tests.compose.deployment import Deployment
from tests.connected.acting import Acting, Json, euros
from tests.waiting import within

KNOWN = within(60.0)
"""Seconds within which a service knows a new member."""

AUTHORITIES, PARTNERS = ("irpin", "irpin2"), ("cascais", "cascais2")


class Clients(Acting):
    """As on the local stack; nothing of a store can be asked from outside."""

    def __init__(self, deployment: Deployment, ids: dict[str, str] | None = None) -> None:
        system: Any = Outside(deployment, Tokens(deployment))
        self.system = system
        self.ids = dict(ids or {})
        self._numbers = itertools.count(1)
        self._http = httpx.AsyncClient(
            timeout=60, verify=deployment.trust, limits=httpx.Limits(max_keepalive_connections=0)
        )

    async def close(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    async def join(self) -> None:
        """The members who act are there, and every service knows them; each has its token."""
        if not self.ids:
            await self.found()
        for who in (*AUTHORITIES, *PARTNERS):
            if who not in self.ids:
                await self.admit(who, "ukraine" if who in AUTHORITIES else "partner")
        self.system.authorization("cemr", self.ids["cemr"])
        pledge = {"title": {"en": "A first pledge"}, "lines": [euros(100)]}
        for who in AUTHORITIES:
            await self._taken(who, "projects", "/needs", self.a_need())
        for who in PARTNERS:
            await self._taken(who, "matching", "/pledges", pledge)

    async def _taken(self, who: str, service: str, path: str, body: Json) -> None:
        """Ask until it is. Raises TimeoutError, with what was answered last."""
        deadline = time.monotonic() + KNOWN
        while (answer := await self.ask(who, service, path, body)).status_code != 201:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{service} answers {who} after {KNOWN:g} s: {answer.text}")
            await asyncio.sleep(0.3)


def load(clients: Clients, seed: int) -> Load:
    """Clients that go on asking, started."""
    found = Load(clients, seed, pause=0.4, patience=20)
    found.start(needs=3, pledges=2, members=1)
    return found


def kill_one(deployment: Deployment, service: str, chance: random.Random) -> str:
    """SIGKILL to the process of one running container of a service, as if it had crashed: the
    engine starts it again. Its name."""
    running = [c for c in deployment.inspect(service) if c["State"]["Running"]]
    one = chance.choice(running)
    os.kill(one["State"]["Pid"], signal.SIGKILL)
    return str(one["Name"]).removeprefix(f"/{deployment.project}-")


def at_rest(deployment: Deployment, timeout: float = 300.0) -> Bus:
    """The bus, once nothing new has come for some seconds and no notice waits to be sent.

    Raises TimeoutError.
    """
    deadline, before = time.monotonic() + timeout, -1
    while True:
        found = bus.read(deployment)
        now = sum(map(len, found.topics.values()))
        with deployment.http() as http:
            waits = http.get(f"{deployment.url}/api/notify/notices?status=queued")
        queued = len(waits.json()) if waits.status_code == 200 else -1
        if now == before and queued == 0:
            return found
        if time.monotonic() > deadline:
            raise TimeoutError(f"not at rest after {timeout:g} s: {now} records, {queued} queued")
        before = now
        time.sleep(2)
