"""How far a consumer is behind, with a client that stands in for aiokafka's."""

import asyncio
from typing import Any, cast

from aiokafka import TopicPartition

from shared.consume import Consumer
from shared.inbox import Inbox

TOPIC = "projects.events"


class Client:
    """What `behind` asks of a client: partition 1 is taken while the position is looked up."""

    def __init__(self) -> None:
        self.assigned = {TopicPartition(TOPIC, number) for number in range(3)}

    def assignment(self) -> set[TopicPartition]:
        """All that are ours at this moment."""
        return set(self.assigned)

    async def position(self, partition: TopicPartition) -> int:
        """Where reading goes on."""
        await asyncio.sleep(0)
        self.assigned.discard(TopicPartition(TOPIC, 1))
        return 3 + int(partition.partition)

    def highwater(self, partition: TopicPartition) -> int:
        """aiokafka fails so, and a process whose watchdog fails ends."""
        assert partition in self.assigned, "Partition is not assigned"
        return 10


async def test_a_partition_that_is_taken_meanwhile_is_left_out() -> None:
    """As happens when another instance joins just then."""
    consumer = Consumer("matching", cast(Inbox, None), [TOPIC], "nowhere:1")
    cast(Any, consumer._subscriber).consumer = Client()
    assert await consumer.lag() == {f"{TOPIC}[0]": 7, f"{TOPIC}[2]": 5}
