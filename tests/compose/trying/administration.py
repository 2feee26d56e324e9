"""Changing topics, groups, users and rights, as a client for administrators has it; and what the
broker itself says that somebody may do.

Where the broker can be asked whether it would, it is asked so; a right that is to be given is
there, one that is to be taken and a user that is to be removed are not.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from itertools import chain
from typing import Any

from confluent_kafka import KafkaException, TopicCollection
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    ResourcePatternType,
    ResourceType,
    ScramMechanism,
    UserScramCredentialDeletion,
)

from tests.compose.trying.answers import NONE_SUCH, outcome

Asked = tuple[str, str, "Future[Any]"]
_SECONDS = 30.0


def tries(
    admin: AdminClient, topics: Sequence[str], groups: Sequence[str]
) -> Iterator[tuple[str, str, str]]:
    """Operation, name and outcome of each; one after the other."""
    asked = chain(
        _of_cluster(admin),
        *(_of_topic(admin, topic) for topic in topics),
        *(_of_group(admin, group) for group in groups),
    )
    for word, name, future in asked:
        yield word, name, outcome(_answer(future)[0])


def operations(
    admin: AdminClient, topics: Sequence[str], groups: Sequence[str]
) -> Iterator[tuple[str, str, list[str]]]:
    """Kind, name and what the broker says that may be done to it; nothing where it refuses to."""
    names = TopicCollection(list(topics))
    for name, topic in admin.describe_topics(names, include_authorized_operations=True).items():
        yield "topic", name, _named(topic)
    for name in groups:
        group = admin.describe_consumer_groups([name], include_authorized_operations=True)[name]
        yield "group", name, _named(group)
    yield "cluster", "", _named(admin.describe_cluster(include_authorized_operations=True))
    found = admin.list_consumer_groups().result(_SECONDS).valid
    yield "groups seen", "", sorted(group.group_id for group in found)


def _of_topic(admin: AdminClient, topic: str) -> Iterator[Asked]:
    where = ConfigResource(ResourceType.TOPIC, topic)
    changed = _changed(ResourceType.TOPIC, topic, "retention.ms")
    more = NewPartitions(topic, 9)
    yield "describe settings", topic, admin.describe_configs([where])[where]
    altered = admin.incremental_alter_configs([changed], validate_only=True)
    yield "alter settings", topic, altered[changed]
    yield "add partitions", topic, admin.create_partitions([more], validate_only=True)[topic]
    yield "delete", topic, admin.delete_topics([topic])[topic]


def _of_group(admin: AdminClient, group: str) -> Iterator[Asked]:
    yield "delete a group", group, admin.delete_consumer_groups([group])[group]


def _of_cluster(admin: AdminClient) -> Iterator[Asked]:
    own = ("members.events", ResourcePatternType.LITERAL, "User:members", "*")
    given = AclBinding(ResourceType.TOPIC, *own, AclOperation.WRITE, AclPermissionType.ALLOW)
    other = (NONE_SUCH, ResourcePatternType.LITERAL, "User:nobody", "*")
    taken = AclBindingFilter(
        ResourceType.TOPIC, *other, AclOperation.WRITE, AclPermissionType.ALLOW
    )
    removed = UserScramCredentialDeletion("nobody", ScramMechanism.SCRAM_SHA_512)
    broker = ConfigResource(ResourceType.BROKER, "1")
    changed = _changed(ResourceType.BROKER, "1", "log.retention.ms")
    new = NewTopic("tried.events", 1, 1)
    # To see users is not tried: librdkafka 2.16 crashes when it may not.
    yield "create a topic", "", admin.create_topics([new], validate_only=True)["tried.events"]
    yield "give rights", "", admin.create_acls([given])[given]
    yield "take rights", "", admin.delete_acls([taken])[taken]
    yield "change users", "", admin.alter_user_scram_credentials([removed])["nobody"]
    yield "see the broker's settings", "", admin.describe_configs([broker])[broker]
    altered = admin.incremental_alter_configs([changed], validate_only=True)
    yield "alter the broker's settings", "", altered[changed]


def _changed(kind: ResourceType, name: str, setting: str) -> ConfigResource:
    entry = ConfigEntry(setting, "1000", incremental_operation=AlterConfigOpType.SET)
    return ConfigResource(kind, name, incremental_configs=[entry])


def _answer(future: "Future[Any]") -> tuple[int, Any]:
    """The broker's code, and what it gave."""
    try:
        return 0, future.result(_SECONDS)
    except KafkaException as error:
        code: int = error.args[0].code()
        return code, None


def _named(future: "Future[Any]") -> list[str]:
    found = _answer(future)[1]
    listed = [] if found is None else found.authorized_operations or []
    return sorted(operation.name.lower() for operation in listed)
