"""The table of topics (`deploy/kafka/topics.toml`), created, and compared with what is there."""

from __future__ import annotations

import asyncio
import sys
import tomllib
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from aiokafka.admin import AIOKafkaAdminClient, NewTopic  # type: ignore[import-untyped,unused-ignore]
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType  # type: ignore[import-untyped,unused-ignore]
from aiokafka.errors import (
    KafkaError,
    TopicAlreadyExistsError,
    UnknownTopicOrPartitionError,
    for_code,
)

TABLE = Path(__file__).parent.parent / "kafka" / "topics.toml"
REPLICATED = {"min.insync.replicas": "2", "unclean.leader.election.enable": "false"}
"""What a topic of three replicas is given beside the table's settings: a managed broker's own
defaults may be others."""


class TopicWrong(RuntimeError):
    """A topic exists with another setting than the table's."""

    def __init__(self, topic: str, setting: str, found: object, wanted: object) -> None:
        super().__init__(f"topic {topic}: {setting} is {found}, and {TABLE.name} wants {wanted}")
        self.topic, self.setting, self.found, self.wanted = (
            topic,
            setting,
            found,
            wanted,
        )


@dataclass(frozen=True)
class Topic:
    """One row of the table; settings are Kafka's names and values."""

    name: str
    partitions: int
    settings: dict[str, str]


def table(path: Path = TABLE) -> list[Topic]:
    """The topics that the table names."""
    groups = tomllib.loads(path.read_text()).values()
    return [
        Topic(name, group["partitions"], group["settings"])
        for group in groups
        for name in group["topics"]
    ]


async def apply(
    bootstrap: str,
    wanted: Sequence[Topic] | None = None,
    replicas: int = 1,
    options: Mapping[str, object] = MappingProxyType({}),
) -> list[str]:
    """Create the topics that are missing and return their names; may be run again at any time.

    With three replicas or more, two of them must have what is acknowledged, and none that lacks
    some of it may lead. `options` are aiokafka's, such as `Security.options()`.
    Raises TopicWrong when one that exists differs, KafkaError when the broker refuses one.
    """
    wanted = table() if wanted is None else wanted
    if replicas >= 3:
        wanted = [Topic(t.name, t.partitions, {**t.settings, **REPLICATED}) for t in wanted]
    async with _admin(bootstrap, options) as admin:
        present = set(await admin.list_topics())
        missing = [topic for topic in wanted if topic.name not in present]
        created = await _create(admin, missing, replicas)
        existing = [topic for topic in wanted if topic.name not in created]
        for patience in range(20):  # one that was just made is not known everywhere at once
            try:
                await _check(admin, existing, replicas)
                break
            except UnknownTopicOrPartitionError:
                if patience == 19:
                    raise
                await asyncio.sleep(0.1)
    return created


async def _create(admin: AIOKafkaAdminClient, missing: list[Topic], replicas: int) -> list[str]:
    if not missing:
        return []
    new = [
        NewTopic(topic.name, topic.partitions, replicas, topic_configs=topic.settings)
        for topic in missing
    ]
    answer = await admin.create_topics(new)
    created = []
    for name, code, *reason in answer.topic_errors:
        error = for_code(code)
        if code == 0:
            created.append(name)
        elif error is not TopicAlreadyExistsError:  # another process may have been faster
            raise error(f"topic {name}: {' '.join(map(str, reason))}")
    return created


async def _check(admin: AIOKafkaAdminClient, existing: list[Topic], replicas: int) -> None:
    if not existing:
        return
    partitions = {
        found["topic"]: found["partitions"]
        for found in await admin.describe_topics([topic.name for topic in existing])
    }
    settings = await _settings(admin, existing)
    for topic in existing:
        if (count := len(partitions[topic.name])) != topic.partitions:
            raise TopicWrong(topic.name, "partitions", count, topic.partitions)
        if (copies := min(len(p["replicas"]) for p in partitions[topic.name])) < replicas:
            raise TopicWrong(topic.name, "replicas", copies, replicas)
        for setting, value in topic.settings.items():
            if (found := settings[topic.name].get(setting)) != value:
                raise TopicWrong(topic.name, setting, found, value)


async def _settings(admin: AIOKafkaAdminClient, topics: list[Topic]) -> dict[str, dict[str, str]]:
    answers = await admin.describe_configs(
        [ConfigResource(ConfigResourceType.TOPIC, topic.name) for topic in topics]
    )
    found: dict[str, dict[str, str]] = {}
    for answer in answers:
        for code, reason, _type, name, entries in answer.resources:
            if code:
                raise for_code(code)(f"topic {name}: {reason}")
            found[name] = {entry[0]: entry[1] for entry in entries}
    return found


@asynccontextmanager
async def _admin(
    bootstrap: str, options: Mapping[str, object]
) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=30_000, **options)
    await admin.start()
    try:
        yield admin
    finally:
        await admin.close()


def main() -> None:
    """`python -m deploy.local.topics HOST:PORT`: create what is missing, or say what is wrong."""
    try:
        created = asyncio.run(apply(sys.argv[1]))
    except (TopicWrong, KafkaError) as error:
        sys.exit(str(error))
    print("\n".join(created) or "nothing to create")


if __name__ == "__main__":
    main()
