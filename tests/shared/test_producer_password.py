"""A producer keeps the password it was made with; where it gets nowhere, it is made anew."""

from pathlib import Path
from typing import Any

import pytest

from shared.kafka import BrokerAway, Producer, Security


class Unreachable:
    """A producer of aiokafka's whose broker was restarted and no longer takes its password."""

    client: Any

    def __init__(self) -> None:
        self.client = self

    async def force_metadata_update(self) -> bool:
        """aiokafka says only that nobody answered."""
        return False

    async def stop(self) -> None:
        """Nothing is open."""


@pytest.mark.parametrize(("now", "forgotten"), [("the new one", True), ("the old one", False)])
async def test_asking_forgets_a_producer_with_an_old_password(
    tmp_path: Path, now: str, forgotten: bool
) -> None:
    """Readiness asks and does not send: without this it would never be ready again."""
    file = tmp_path / "password"
    file.write_text(now)
    producer = Producer("kafka:9092", client_id="test", security=Security("members", file))
    made: Any = Unreachable()
    producer._producer, producer._password = made, "the old one"
    with pytest.raises(BrokerAway):
        await producer.partitions("members.events")
    assert (producer._producer is None) == forgotten
