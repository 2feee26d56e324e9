"""The sender against a mail server that misbehaves: dead domains, a server that is away, and
SIGKILL at each step of sending."""

import asyncio
import os
import random
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from deploy.local.ports import free_port
from deploy.local.processes import Process
from deploy.local.store import Store as StoreServer
from shared import crash
from shared.auth import Issuer
from shared.mongo import Store
from tests.bench.notices import bench, fill
from tests.forked import Forked
from tests.notify.misbehaving import HANG, Misbehaving
from tests.waiting import within

KILLS = int(os.environ.get("ALLIANCE_SENDING_KILLS", "14"))
MOST_SECONDS = 40.0
DURING = "during-data"
STEPS = (*crash.SENDING, DURING)
EACH = 20
"""Notices for each kill."""


@pytest.fixture
def mongo(tmp_path: Path) -> Iterator[StoreServer]:
    """A store, and no broker: sending needs none."""
    server = StoreServer(tmp_path, free_port())
    server.start()
    yield server
    server.process.stop()


class Dying:
    """notify as a process that is armed to die, and its database."""

    def __init__(self, root: Path, mongodb: str, smtp_port: int) -> None:
        issuer = Issuer(root / "key.pem")
        issuer.write_jwks(root / "jwks.json")
        self._root = root
        self._env = {
            "ALLIANCE_KAFKA": "127.0.0.1:1",
            "ALLIANCE_MONGODB": mongodb,
            "ALLIANCE_JWKS_FILE": str(root / "jwks.json"),
            "ALLIANCE_SMTP_HOST": "127.0.0.1",
            "ALLIANCE_SMTP_PORT": str(smtp_port),
            "ALLIANCE_LEASE_SECONDS": "0.6",
            "ALLIANCE_SEND_RETRY_SECONDS": "0.2",
            "ALLIANCE_SMTP_TIMEOUT_SECONDS": "1",
            "ALLIANCE_DOMAIN_RATE": "1000",
            "ALLIANCE_LOG_LEVEL": "WARNING",
        }
        self.notices = MongoClient[dict[str, Any]](mongodb)["notify"]["notices"]
        self.attempts = self.notices.database["attempts"]

    @asynccontextmanager
    async def running(self, armed: str = "") -> AsyncIterator[Process]:
        """The test build, started, and stopped at the end whatever happened."""
        env = self._env | ({crash.VARIABLE: armed} if armed else {})
        command = [sys.executable, "-m", "tests.chaos.service", "notify", str(free_port())]
        process = Forked("notify", command, env, root=self._root)
        process.start()
        try:
            yield process
        finally:
            await asyncio.to_thread(process.stop)

    def left(self) -> int:
        """Notices that are queued still."""
        return self.notices.count_documents({"status": "queued"})

    async def until_left(self, number: int, seconds: float) -> None:
        """Return when no more than so many are. Raises TimeoutError."""
        async with asyncio.timeout(within(seconds)):
            while await asyncio.to_thread(self.left) > number:
                await asyncio.sleep(0.05)


async def until_dead(process: Process, server: Misbehaving, step: str) -> None:
    """Wait for the end of a process; one that is to die during DATA is killed there."""
    async with asyncio.timeout(within(MOST_SECONDS)):
        while await asyncio.to_thread(lambda: process.exit_status) is None:
            if step == DURING and not server.says["MESSAGE"]:
                process.kill()
            await asyncio.sleep(0.02)
    assert process.exit_status == -9, process.log_tail()


async def filled(mongo: StoreServer, number: int, **how: Any) -> None:
    """So many notices are queued."""
    store = Store(mongo.uri, "notify", patience=30)
    await fill(store, number, **how)
    store.close()


async def test_a_domain_that_hangs_and_one_that_is_busy_hold_up_no_other(
    mongo: StoreServer, tmp_path: Path
) -> None:
    """300 notices to a domain whose RCPT hangs and 100 to one that says 450 are queued before 100
    to others: these go at once, and the 400 as soon as their servers answer."""

    def domain(contact: int) -> str:
        if contact < 300:
            return "hangs.example"
        return "busy.example" if contact < 400 else f"town{contact % 10}.example"

    await filled(mongo, 500, domain=domain)
    async with Misbehaving().running() as server:
        server.to |= {"hangs.example": HANG, "busy.example": "450 4.2.1 busy"}
        service = Dying(tmp_path, mongo.uri, server.port)
        async with service.running():
            await service.until_left(499, 60)
            began = time.monotonic()
            await service.until_left(400, 10)
            print(f"100 notices past 400 that wait: {time.monotonic() - began:.1f} s")
            tried = service.attempts.count_documents({"state": {"$ne": "taken"}})
            assert 0 < tried < 40, "a closed lane is not tried again and again"
            server.to.clear()
            await service.until_left(0, 180)
    assert len(server.taken) == 500
    assert set(server.taken.values()) == {1}
    assert service.notices.count_documents({"uncertain": {"$exists": True}}) == 0


async def test_a_server_that_refuses_us_costs_no_notice_an_attempt(
    mongo: StoreServer, tmp_path: Path
) -> None:
    """421 at every connection at first, and 454 in the middle: then each goes at its first."""
    await filled(mongo, 60)
    async with Misbehaving(most=4).running() as server:
        server.says["CONNECT"] = ["421 4.3.2 closing"] * 12
        server.says["RCPT"] = ["250 OK"] * 20 + ["454 4.7.0 temporary"]
        service = Dying(tmp_path, mongo.uri, server.port)
        async with service.running() as process:
            await service.until_left(0, 180)
    assert {n["attempts"] for n in service.notices.find()} == {1}
    assert {a["state"] for a in service.attempts.find()} == {"taken"}
    assert set(server.taken.values()) == {1}
    assert server.most_open <= 4
    assert "example" not in process.log_file.read_text()


def test_the_bench_runs() -> None:
    """A hundred notices, for the figures' sake not their size."""
    found = bench(100, 2)
    assert found.rate > 0
    assert found.floor > 0


@pytest.mark.timeout(600)
async def test_killed_at_each_step_no_notice_is_lost_and_each_duplicate_is_counted(
    mongo: StoreServer, tmp_path: Path
) -> None:
    """SIGKILL before the attempt is noted, after, with the recipient taken, during DATA, between
    the 250 and our record, before and after its commit; the Message-ID is always the same."""
    seed = random.SystemRandom().randrange(2**31)
    chance = random.Random(seed)
    steps = [STEPS[i % len(STEPS)] for i in range(KILLS)]
    chance.shuffle(steps)
    number = EACH * KILLS
    await filled(mongo, number)
    async with Misbehaving().running() as server:
        service = Dying(tmp_path, mongo.uri, server.port)
        for step in steps:
            server.says["MESSAGE"] = [HANG] if step == DURING else []
            assert await asyncio.to_thread(service.left), "all was sent before the last kill"
            armed = "" if step == DURING else f"{step}:{chance.randint(1, 3)}"
            async with service.running(armed) as process:
                await until_dead(process, server, step)
        server.says["MESSAGE"] = []
        async with service.running():
            await service.until_left(0, 120)
    notices = list(service.notices.find())
    assert len(notices) == number
    assert {n["status"] for n in notices} == {"sent"}
    assert set(server.taken) == {n["message_id"] for n in notices}, f"seed {seed}"
    for notice in notices:
        again = server.taken[notice["message_id"]] - 1
        assert again <= (notice.get("uncertain") or 0), f"seed {seed}: {notice}"
    states = Counter(attempt["state"] for attempt in service.attempts.find())
    uncertain = sum(n.get("uncertain") or 0 for n in notices)
    assert states["taken"] == number
    assert states["begun"] + states["uncertain"] == uncertain
    again = sum(server.taken.values()) - number
    print(
        f"seed {seed}: {KILLS} kills, {number} notices, none lost; {uncertain} attempts"
        f" uncertain, {again} messages twice under the same Message-ID"
    )
