"""The table of rights (`deploy/kafka/acls.toml`), and the broker made equal to it."""

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)

TABLE = Path(__file__).parent / "acls.toml"
_MEANING = {
    "write": (ResourceType.TOPIC, AclOperation.WRITE),
    "read": (ResourceType.TOPIC, AclOperation.READ),
    "group": (ResourceType.GROUP, AclOperation.READ),
    "settings": (ResourceType.TOPIC, AclOperation.DESCRIBE_CONFIGS),
}
_ANYTHING: Any = None  # librdkafka's name, principal or host of a filter; its types forget it
_EVERYTHING = AclBindingFilter(
    ResourceType.ANY,
    _ANYTHING,
    ResourcePatternType.ANY,
    _ANYTHING,
    _ANYTHING,
    AclOperation.ANY,
    AclPermissionType.ANY,
)
_SECONDS = 30.0


class Right(NamedTuple):
    """One identity may do one thing to one topic or group; in Kafka's words."""

    identity: str
    kind: ResourceType
    name: str
    operation: AclOperation

    def __str__(self) -> str:
        return f"{self.identity}: {self.operation.name} {self.kind.name} {self.name}"

    def binding(self) -> AclBinding:
        """It as Kafka has it: that name to the letter, from every host."""
        return AclBinding(
            self.kind,
            self.name,
            ResourcePatternType.LITERAL,
            f"User:{self.identity}",
            "*",
            self.operation,
            AclPermissionType.ALLOW,
        )


def table(path: Path = TABLE) -> set[Right]:
    """Every right that the table gives."""
    rows = tomllib.loads(path.read_text(encoding="utf-8"))
    return {
        Right(identity, kind, name, operation)
        for identity, row in rows.items()
        for word, names in row.items()
        for kind, operation in [_MEANING[word]]
        for name in names
    }


def identities(path: Path = TABLE) -> list[str]:
    """Whom the table names."""
    return list(tomllib.loads(path.read_text(encoding="utf-8")))


def apply(admin: AdminClient, wanted: set[Right]) -> Iterator[str]:
    """Give the rights that are missing, take away all others; what was changed, a line each.

    Raises KafkaException.
    """
    bindings = {right.binding(): right for right in wanted}
    found = set(admin.describe_acls(_EVERYTHING).result(_SECONDS))
    if missing := [binding for binding in bindings if binding not in found]:
        for done in admin.create_acls(missing).values():
            done.result(_SECONDS)
    yield from sorted(f"given   {bindings[binding]}" for binding in missing)
    foreign = [binding for binding in found if binding not in bindings]
    for binding in foreign:
        only = AclBindingFilter(
            binding.restype,
            binding.name,
            binding.resource_pattern_type,
            binding.principal,
            binding.host,
            binding.operation,
            binding.permission_type,
        )
        for done in admin.delete_acls([only]).values():
            done.result(_SECONDS)
    yield from sorted(
        f"taken   {b.principal}: {b.permission_type.name} {b.operation.name} "
        f"{b.restype.name} {b.name}"
        for b in foreign
    )
