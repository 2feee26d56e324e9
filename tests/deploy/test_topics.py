"""The table of topics is created once, and whatever differs from it is named."""

import asyncio

import pytest

from deploy.local.stack import Stack
from deploy.local.topics import Topic, TopicWrong, apply, table


def test_table_has_the_logs_and_the_dead_letters() -> None:
    """Logs are kept for ever in three partitions, dead letters, twice the size, in one."""
    topics = {topic.name: topic for topic in table()}
    assert len(topics) == 8
    for owner in ("members", "projects", "matching", "notify"):
        log, dead = topics[f"{owner}.events"], topics[f"{owner}.dead-letters"]
        assert (log.partitions, dead.partitions) == (3, 1)
        assert log.settings["retention.ms"] == dead.settings["retention.ms"] == "-1"
        assert int(dead.settings["max.message.bytes"]) == 2 * int(log.settings["max.message.bytes"])


def test_applying_again_creates_nothing(stack: Stack) -> None:
    """The stack has created the table; a second run finds it right, a new topic is added alone."""
    assert asyncio.run(apply(stack.addresses.kafka)) == []
    extra = Topic("extra.events", 2, {"retention.ms": "-1"})
    assert asyncio.run(apply(stack.addresses.kafka, [*table(), extra])) == ["extra.events"]
    assert asyncio.run(apply(stack.addresses.kafka, [*table(), extra])) == []


def test_two_appliers_at_once_both_succeed(stack: Stack) -> None:
    """Services that start together may both create topics: each is created by one of them."""
    wanted = [Topic(f"race-{number}.events", 1, {}) for number in range(6)]

    async def both() -> list[list[str]]:
        return await asyncio.gather(*(apply(stack.addresses.kafka, wanted) for _ in range(2)))

    created = [name for names in asyncio.run(both()) for name in names]
    assert sorted(created) == [topic.name for topic in wanted]


@pytest.mark.parametrize(
    ("present", "setting", "found", "wanted"),
    [
        (
            Topic("wrong-retention.events", 3, {"retention.ms": "60000"}),
            "retention.ms",
            "60000",
            "-1",
        ),
        (
            Topic("wrong-partitions.events", 1, {"retention.ms": "-1"}),
            "partitions",
            "1",
            "3",
        ),
    ],
)
def test_wrong_setting_of_an_existing_topic_is_named(
    stack: Stack, present: Topic, setting: str, found: str, wanted: str
) -> None:
    """The error has topic, setting, what was found and what is wanted; nothing is changed."""
    asyncio.run(apply(stack.addresses.kafka, [present]))
    right = Topic(present.name, 3, {"retention.ms": "-1"})
    with pytest.raises(
        TopicWrong,
        match=f"topic {present.name}: {setting} is {found}, and .* wants {wanted}",
    ):
        asyncio.run(apply(stack.addresses.kafka, [right]))
    assert asyncio.run(apply(stack.addresses.kafka, [present])) == []
