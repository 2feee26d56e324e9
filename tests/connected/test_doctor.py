"""`alliance doctor` on a running system: well, then with a broker that is away."""

import asyncio
import json
import os
from collections.abc import Iterator
from typing import Any

import pytest

from cli.services import NAMES
from deploy.local.system import System
from tests import forked
from tests.connected.acting import Acting
from tests.system import TestBuild, running


@pytest.fixture(scope="module")
def system() -> Iterator[TestBuild]:
    """The whole system."""
    with running() as started:
        yield started


async def doctor(system: System, *, operator: bool = True) -> tuple[int, dict[str, Any]]:
    """The command as a process: its exit status and what it says."""
    token = system.authorization("desk", roles=("operator",) if operator else ("auditor",))
    env = os.environ | {
        "ALLIANCE_API": " ".join(f"{name}={system.url(name)}" for name in NAMES),
        "ALLIANCE_TOKEN": token["Authorization"].removeprefix("Bearer "),
    }
    done = await asyncio.to_thread(forked.run, "cli", "doctor", "--json", env=env)
    assert done.returncode in (0, 1), done.stderr
    return done.returncode, json.loads(done.stdout)


def of(said: dict[str, Any], check: str, state: str) -> dict[str, str]:
    """What each service's finding of a check says."""
    return {
        f["about"]: f["said"]
        for f in said["findings"]
        if (f["check"], f["state"]) == (check, state)
    }


async def test_a_system_at_rest_is_well(system: TestBuild) -> None:
    """After something happened: lag, backlog and clock of all services, by their own words."""
    acting = Acting(system)
    await acting.open()
    status, said = await doctor(system)
    while status and (of(said, "lag", "to-do") or of(said, "relay", "to-do")):
        status, said = await doctor(system)
    print(json.dumps(said, ensure_ascii=False, indent=1))
    await acting.close()
    assert (status, said["well"]) == (0, True)
    for check in ("ready", "clock", "version", "relay", "lag"):
        assert of(said, check, "well").keys() == set(NAMES), check
    assert set(of(said, "relay", "well").values()) == {"0 events not published"}


async def test_who_is_no_operator_is_told_less(system: TestBuild) -> None:
    """By the services: 403, and why."""
    status, said = await doctor(system, operator=False)
    assert status == 0
    for refused in of(said, "lag", "not-asked").values():
        assert refused == "only operators read how far behind a service is (403)"


async def test_a_broker_that_is_away_is_found(system: TestBuild) -> None:
    """Each service says so; with the broker back, there is nothing to do any more."""
    system.stack.kafka.process.kill()
    try:
        status, said = await doctor(system)
        assert status == 1
        assert of(said, "ready", "to-do").keys() == set(NAMES)
        assert all("broker: away" in each for each in of(said, "ready", "to-do").values())
        advice = {f["see"] for f in said["findings"] if f["state"] == "to-do"}
        assert advice == {"docs/runbook.md#not-ready"}
    finally:
        system.stack.kafka.start()

    for _ in range(30):
        status, said = await doctor(system)
        if status == 0:
            break
    assert said["well"]
