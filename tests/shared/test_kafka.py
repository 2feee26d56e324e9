"""The producer while the broker is away: an error in time, and nothing left behind."""

import asyncio
import gc
import socket
from collections.abc import AsyncIterator, Iterator

import pytest

from shared.kafka import BrokerAway, Producer, Record
from tests.waiting import within

RECORD = Record("projects.events", b"N1", b"{}", [("ce_id", b"1")])
TIMEOUT = 1.5
STOPPING = 1.0
"""How long a producer that was made may take to stop, on top."""


@pytest.fixture
def closed() -> str:
    """An address on which nothing listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{free.getsockname()[1]}"


@pytest.fixture
def silent() -> Iterator[str]:
    """An address that takes connections and never says a word."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield f"127.0.0.1:{listening.getsockname()[1]}"


@pytest.fixture(autouse=True)
async def nothing_is_left_behind() -> AsyncIterator[None]:
    """After the test the loop runs what it ran before, and no producer was left unstopped."""
    loop = asyncio.get_running_loop()
    complaints: list[str] = []
    loop.set_exception_handler(lambda _, context: complaints.append(context["message"]))
    before = asyncio.all_tasks()
    yield
    await asyncio.sleep(0.05)  # a task that was cancelled ends in the next turns of the loop
    left = asyncio.all_tasks() - before - {asyncio.current_task()}
    gc.collect()  # aiokafka complains to the loop about a producer that nobody stopped
    loop.set_exception_handler(None)
    assert (left, complaints) == (set(), [])


async def seconds_until_away(producer: Producer, *records: Record) -> float:
    """How long `send` takes to raise BrokerAway."""
    loop = asyncio.get_running_loop()
    started = loop.time()
    with pytest.raises(BrokerAway) as caught:
        await producer.send(records)
    assert str(caught.value)
    return loop.time() - started


async def test_send_to_a_closed_port_raises_in_time(closed: str) -> None:
    """Nothing listens: BrokerAway within the timeout, and no task is left."""
    producer = Producer(closed, client_id="test", timeout=TIMEOUT)
    assert await seconds_until_away(producer, RECORD) < within(TIMEOUT + STOPPING)


async def test_send_to_a_broker_that_never_answers_raises_in_time(silent: str) -> None:
    """A connection that says nothing is given up after the timeout."""
    producer = Producer(silent, client_id="test", timeout=TIMEOUT)
    assert await seconds_until_away(producer, RECORD) < within(TIMEOUT + STOPPING + 0.5)


async def test_timeout_is_one_for_all_brokers_that_are_tried(silent: str) -> None:
    """Five addresses that say nothing take no longer than one."""
    producer = Producer(",".join([silent] * 5), client_id="test", timeout=TIMEOUT)
    assert await seconds_until_away(producer, RECORD) < within(TIMEOUT + STOPPING + 0.5)


async def test_send_can_be_tried_again_and_again(closed: str) -> None:
    """Each attempt makes a new producer; the third fails like the first."""
    producer = Producer(closed, client_id="test", timeout=TIMEOUT)
    for _ in range(3):
        await seconds_until_away(producer, RECORD)


async def test_send_that_is_cancelled_leaves_nothing_behind(silent: str) -> None:
    """A service that stops while it connects gets its cancellation, not an error."""
    producer = Producer(silent, client_id="test", timeout=30)
    sending = asyncio.create_task(producer.send([RECORD]))
    await asyncio.sleep(0.2)
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending


async def test_partitions_of_a_closed_port_raise_in_time(closed: str) -> None:
    """Readiness gets its answer within its own, shorter timeout."""
    producer = Producer(closed, client_id="test", timeout=30)
    started = asyncio.get_running_loop().time()
    with pytest.raises(BrokerAway):
        await producer.partitions("projects.events", timeout=0.5)
    assert asyncio.get_running_loop().time() - started < within(0.5 + STOPPING)


async def test_discarding_what_was_never_made_does_nothing() -> None:
    """A service that never sent stops like any other."""
    await Producer("127.0.0.1:1", client_id="test").discard()
