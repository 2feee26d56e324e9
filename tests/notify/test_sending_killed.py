"""The sender killed at every step of sending: nothing is lost, and what came twice is counted."""

import asyncio
import os
import random
import sys
from collections import Counter
from collections.abc import Iterator
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
from tests.bench.notices import fill
from tests.notify.misbehaving import HANG, Misbehaving

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
            "ALLIANCE_LOG_LEVEL": "WARNING",
        }
        self.notices = MongoClient[dict[str, Any]](mongodb)["notify"]["notices"]
        self.attempts = self.notices.database["attempts"]

    def process(self, armed: str = "") -> Process:
        """The test build, to be started."""
        env = self._env | ({crash.VARIABLE: armed} if armed else {})
        command = [sys.executable, "-m", "tests.chaos.service", "notify", str(free_port())]
        return Process("notify", command, env, root=self._root)

    def left(self) -> int:
        """Notices that are queued still."""
        return self.notices.count_documents({"status": "queued"})


async def until_dead(process: Process, server: Misbehaving, step: str) -> None:
    """Wait for the end of a process; one that is to die during DATA is killed there."""
    async with asyncio.timeout(MOST_SECONDS):
        while await asyncio.to_thread(lambda: process.exit_status) is None:
            if step == DURING and not server.says["MESSAGE"]:
                process.kill()
            await asyncio.sleep(0.02)
    assert process.exit_status == -9, process.log_tail()


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
    store = Store(mongo.uri, "notify", patience=30)
    await fill(store, number)
    store.close()
    async with Misbehaving().running() as server:
        service = Dying(tmp_path, mongo.uri, server.port)
        for step in steps:
            server.says["MESSAGE"] = [HANG] if step == DURING else []
            assert await asyncio.to_thread(service.left), "all was sent before the last kill"
            process = service.process("" if step == DURING else f"{step}:{chance.randint(1, 3)}")
            process.start()
            await until_dead(process, server, step)
        server.says["MESSAGE"] = []
        process = service.process()
        process.start()
        async with asyncio.timeout(120):
            while await asyncio.to_thread(service.left):
                await asyncio.sleep(0.1)
        await asyncio.to_thread(process.stop)
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
