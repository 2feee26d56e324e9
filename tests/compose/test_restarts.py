"""Containers restart and are killed in any order while work goes on: all are well again by
themselves, nothing is lost, nothing is done twice."""

import os
import random
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from deploy.local.system import SERVICES
from tests.compose.acting import Tokens
from tests.compose.deployment import CommandFailed, Deployment, docker
from tests.compose.story import Played
from tests.compose.wholeness import healthy, whole
from tests.compose.work import Work

pytestmark = pytest.mark.timeout(1500)

ORDERS = 20
HANDS = 4
"""So many containers may be down by our doing at once."""


class Order:
    """All containers of a deployment in one random order, each restarted or killed once."""

    def __init__(self, deployment: Deployment, chance: random.Random) -> None:
        self._steps = [
            (name, container, chance.choice(("restarted", "killed")), chance.uniform(0.0, 0.4))
            for name, container in _containers(deployment).items()
        ]
        chance.shuffle(self._steps)
        self._lock = threading.Lock()
        self._left: Iterator[tuple[str, str, str, float]] = iter(self._steps)

    def run(self) -> Counter[str]:
        """Do it to all of them, one begun after another: how many were done which way."""
        with ThreadPoolExecutor(HANDS) as hands:
            for done in [hands.submit(self._go_on) for _ in range(HANDS)]:
                done.result()
        return Counter(how for _, _, how, _ in self._steps)

    def __str__(self) -> str:
        return " ".join(
            f"{name}{'!' if how == 'killed' else ''}" for name, _, how, _ in self._steps
        )

    def _go_on(self) -> None:
        while True:
            with self._lock:
                step = next(self._left, None)
                if step is None:
                    return
                time.sleep(step[3])
            _, container, how, _ = step
            if how == "restarted" or not _kill(container):
                docker("restart", "-t", "10", container)


def _containers(deployment: Deployment) -> dict[str, str]:
    """The containers that are to run for ever, by their service's name."""
    return {
        container["Config"]["Labels"]["com.docker.compose.service"]: container["Id"]
        for container in deployment.inspect()
        if container["HostConfig"]["RestartPolicy"]["Name"] == "unless-stopped"
    }


def _kill(container: str) -> bool:
    """Kill its process and leave it to the engine to start it again; False if it has none now."""
    with suppress(CommandFailed):
        pid = docker("inspect", "--format", "{{.State.Pid}}", container).strip()
        if pid != "0":
            return subprocess.run(["kill", "-9", pid], check=False).returncode == 0
    return False


def test_twenty_random_orders_of_restarts(
    deployment: Deployment, tokens: Tokens, played: Played
) -> None:
    """Each of 20 orders restarts or kills every container; needs, pledges, applications and
    addresses are posted meanwhile, each with its key until it is answered. Nobody helps: then all
    is healthy, every answered command is in its log once, logs are gapless, state is as rebuilt."""
    seed = int(os.environ.get("ALLIANCE_SEED", random.randrange(10**6)))
    print(f"\nseed {seed} (ALLIANCE_SEED)")
    chance = random.Random(seed)
    work = Work(deployment, tokens, played.members)
    work.start()
    done: Counter[str] = Counter()
    began = time.monotonic()
    for number in range(1, ORDERS + 1):
        order = Order(deployment, chance)
        done += order.run()
        print(f"{number:2} after {time.monotonic() - began:5.1f} s: {order}")
        if number % 5 == 0:
            print(f"   healthy after {healthy(deployment):.1f} s more")
    work.goes_on()
    work.stop()
    assert work.faults() == []
    assert deployment.one_shots_are_well()
    print(f"{ORDERS} orders in {time.monotonic() - began:.0f} s: {dict(done)}")
    whole(deployment, work, *SERVICES)
