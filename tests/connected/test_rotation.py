"""The broker's password changes in its file: the consumer connects anew, where it was."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from deploy.local.stack import Stack
from shared.consume import Consumer
from shared.inbox import Inbox
from shared.kafka import Producer, Record, Security
from tests.connected.acting import until


class Noted:
    """In the inbox's place: the offsets of what came, in their order."""

    waits_for = ""

    def __init__(self) -> None:
        self.values: list[bytes] = []

    async def handle(self, records: list[Any]) -> None:
        """Note them."""
        self.values += [record.value for record in records]


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    """A broker of its own, which asks nobody: what is tested is ours, not SCRAM."""
    started = Stack(tmp_path)
    started.start()
    yield started
    started.wipe()


async def test_nothing_is_lost_or_taken_twice_over_a_change(stack: Stack, tmp_path: Path) -> None:
    """Records are sent all the while; two changes, a second apart."""
    file = tmp_path / "password"
    file.write_text("the first password")
    security, bootstrap, inbox = Security(None, file), stack.addresses.kafka, Noted()
    consumer = Consumer(
        "notify", cast(Inbox, inbox), ["members.events"], bootstrap, security=security, session=2.0
    )
    running = asyncio.create_task(consumer.run())
    producer = Producer(bootstrap, client_id="test", security=security)
    sent: list[bytes] = []

    async def send(number: int) -> None:
        sent.append(b"%d" % number)
        await producer.send([Record("members.events", b"one key", sent[-1], [])])

    for number in range(300):
        await send(number)
        if number in (100, 200):
            broker = consumer._broker
            file.write_text(f"the password after {number}")
            await until(lambda b=broker: consumer._broker is not b and consumer.started, 30)
    await until(lambda: len(inbox.values) >= len(sent), 30)
    assert inbox.values == sent
    assert set((await consumer.uncommitted()).values()) == {0}
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await consumer.stop()
    await producer.discard()
