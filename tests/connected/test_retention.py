"""A log that the broker would shorten: the service does not run on it, unless it is told to."""

from collections.abc import Iterator

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from tests.connected.acting import until
from tests.system import TestBuild, running


@pytest.fixture(scope="module")
def system() -> Iterator[TestBuild]:
    """Projects on its own."""
    with running(services=("projects",)) as started:
        yield started


async def keep(system: TestBuild, setting: str, value: str) -> None:
    """Set how long the topic of projects is kept."""
    admin = AIOKafkaAdminClient(bootstrap_servers=system.addresses.kafka)
    await admin.start()
    wanted = {setting: value}
    resource = ConfigResource(ConfigResourceType.TOPIC, "projects.events", wanted)
    await admin.alter_configs([resource])
    await admin.close()


@pytest.mark.parametrize(
    ("setting", "value"),
    [("retention.ms", "604800000"), ("retention.bytes", "1048576"), ("cleanup.policy", "compact")],
)
async def test_a_topic_that_loses_events_ends_the_service(
    system: TestBuild, setting: str, value: str
) -> None:
    """With a line that says what is allowed."""
    process = system.process("projects")
    process.stop()
    await keep(system, setting, value)
    process.start()
    await until(lambda: not process.alive(), 30, "projects runs")
    said = process.log_tail(200)
    assert f"projects.events would lose events: {setting} is {value}" in said
    assert "ALLIANCE_ALLOW_UNSAFE=finite-retention" in said


async def test_it_may_be_allowed_by_name(system: TestBuild) -> None:
    """Whoever keeps the log elsewhere says so, and the log of the service repeats it."""
    process = system.process("projects", {"ALLIANCE_ALLOW_UNSAFE": "finite-retention"})
    process.stop()
    await keep(system, "retention.ms", "604800000")
    process.start()
    system.wait_ready("projects")
    await until(lambda: "will lose events, as ALLIANCE_ALLOW_UNSAFE" in process.log_tail(200), 30)
    assert process.alive()
