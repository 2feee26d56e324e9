"""Three brokers, killed under load: nothing that was acknowledged is lost."""

import asyncio
import random
import time
from collections.abc import Iterator

import pytest
import pytest_asyncio

from tests.chaos.load import Load
from tests.compose import bus
from tests.compose.conftest import deployed
from tests.compose.deployment import Deployment, docker
from tests.compose.outside import Clients, at_rest, kill_one, load
from tests.waiting import within

pytestmark = pytest.mark.timeout(900)

BROKERS = ("kafka", "kafka-2", "kafka-3")
OVERLAY = "deploy/compose.three-brokers.yml"


@pytest.fixture(scope="module")
def three(images: None) -> Iterator[Deployment]:
    """A deployment of its own with three brokers."""
    with deployed([OVERLAY]) as made:
        made.set({"ALLIANCE_KAFKA_HEAP": "320m"})
        print(f"\nthree brokers: up in {made.up(timeout=600):.1f} s")
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def clients(three: Deployment) -> Clients:
    """Members who act on it."""
    found = Clients(three)
    await found.join()
    return found


def test_every_topic_is_on_all_three(three: Deployment) -> None:
    """Every partition is in sync at each broker; the set-up job finds nothing to change, so each
    topic has three replicas, min.insync.replicas 2 and no unclean election."""
    assert bus.in_sync(three, 3, timeout=60) >= 16
    assert three.run("kafka-setup").stdout.strip() == "nothing to change"


async def test_each_broker_in_turn_may_die_under_load(three: Deployment, clients: Clients) -> None:
    """Whoever leads the controllers is among them. Commands go on; each broker comes back by itself
    and catches up; every acknowledged event is on the bus once, gapless."""
    seed = random.SystemRandom().randrange(2**31)
    chance, asking = random.Random(seed), load(clients, seed)
    for broker in BROKERS:
        await asyncio.sleep(3)
        answered = len(asking.answers)
        await asyncio.to_thread(kill_one, three, broker, chance)
        began = time.monotonic()
        await asyncio.sleep(3)
        asking.fault()
        assert len(asking.answers) > answered
        await asyncio.to_thread(_healthy, three, broker)
        await asyncio.to_thread(bus.in_sync, three, 3, 180)
        print(f"{broker} killed, in sync again {time.monotonic() - began:.1f} s later")
    await asking.stop(240)
    await asyncio.to_thread(_check, three, asking)


async def test_with_two_brokers_dead_the_relay_waits(three: Deployment, clients: Clients) -> None:
    """One of three is no majority: commands are recorded and answered, none is published; when the
    two are back, all is."""
    asking = load(clients, random.SystemRandom().randrange(2**31))
    await asyncio.sleep(2)
    dead = await asyncio.to_thread(three.containers, "kafka-2", "kafka-3")
    await asyncio.to_thread(docker, "kill", *dead)  # and so they stay
    answered = len(asking.answers)
    await asyncio.sleep(12)
    asking.fault()
    said = await asyncio.to_thread(_said, three, "projects")
    assert len(asking.answers) > answered + 5
    print(f"{len(asking.answers) - answered} commands answered with two brokers dead; {said}")
    await asyncio.to_thread(docker, "start", *dead)
    began = time.monotonic()
    for broker in BROKERS:
        await asyncio.to_thread(_healthy, three, broker)
    await asking.stop(240)
    await asyncio.to_thread(bus.in_sync, three, 3, 180)
    print(f"in sync again {time.monotonic() - began:.1f} s after their start")
    await asyncio.to_thread(three.wait_ready)
    await asyncio.to_thread(_check, three, asking)


def _check(three: Deployment, asking: Load) -> None:
    found = at_rest(three)
    print(
        f"{len(asking.asked)} commands: {dict(asking.attempts())}, "
        f"{asking.replayed} answered again; {found.told}"
    )
    assert asking.refused == []
    assert len(asking.answers) == len(asking.asked)
    assert found.faults(asking.answers) == []


def _healthy(three: Deployment, broker: str, timeout: float = 240.0) -> None:
    deadline = time.monotonic() + within(timeout)
    while True:
        [found] = three.inspect(broker)
        state = found["State"]
        if state["Running"] and state["Health"]["Status"] == "healthy":
            return
        assert time.monotonic() < deadline, f"{broker} after {timeout:g} s: {state}"
        time.sleep(0.5)


def _said(three: Deployment, service: str) -> str:
    """What a service says of its readiness."""
    with three.http() as http:
        return http.get(f"{three.url}/api/{service}/health/ready").text
