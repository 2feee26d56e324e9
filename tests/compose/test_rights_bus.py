"""Who may do what on the bus: every identity × topic × operation is tried, the table decides."""

import subprocess
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.admin import AclOperation, ResourceType

from deploy.kafka import acls
from tests.compose.deployment import ROOT, Deployment
from tests.compose.tried import tried
from tests.compose.trying.bus import ADMIN, NOBODY
from tests.compose.trying.records import OF_GROUPS

pytestmark = pytest.mark.timeout(600)

KAFKAS_OWN = ["__consumer_offsets", "__cluster_metadata"]
_SETTINGS = ["alter_configs", "describe", "describe_configs"]
EVERYTHING = {
    "topic": {*_SETTINGS, "alter", "create", "delete", "read", "write"},
    "group": {*_SETTINGS, "delete", "read"},
    "cluster": {*_SETTINGS, "alter", "cluster_action", "create", "idempotent_write"},
}
THE_BROKER = "the broker's certificate"


@pytest.fixture(scope="module")
def found(deployment: Deployment) -> dict[str, Any]:
    """What came of every try."""
    secrets = deployment.root / "deploy" / "secrets"
    names = [*acls.identities(), ADMIN]
    passwords = {
        name: (secrets / f"kafka-{name}.password").read_text().split()[0] for name in names
    }
    broker = deployment.containers("kafka")[0]
    given = {
        "ca": deployment.ca_file.read_text(),
        "identities": passwords,
        "topics": [*topics(), *KAFKAS_OWN],
        "groups": [*acls.identities(), "anything"],
        "strangers": strangers(secrets, passwords),
    }
    answer: dict[str, Any] = tried(deployment, [f"container:{broker}"], "bus", given)
    print(Counter(outcome for *_, outcome in answer["tried"]))
    return answer


def topics() -> list[str]:
    """Every topic of the deployment."""
    rows = tomllib.loads((ROOT / "deploy" / "kafka" / "topics.toml").read_text())
    return [name for row in rows.values() for name in row.get("topics", [])]


def may(identity: str, kind: ResourceType, name: str, operation: AclOperation) -> bool:
    """Whether the table says so."""
    return acls.Right(identity, kind, name, operation) in acls.table()


def expected(identity: str, operation: str, name: str) -> bool:
    """Whether the table, or what comes with a right of it, allows this try."""
    if identity == ADMIN:
        return True
    read = may(identity, ResourceType.TOPIC, name, AclOperation.READ)
    write = may(identity, ResourceType.TOPIC, name, AclOperation.WRITE)
    if operation in OF_GROUPS:
        return may(identity, ResourceType.GROUP, name, AclOperation.READ)
    if operation == "idempotence":
        rights = (AclOperation.WRITE, ResourceType.TOPIC)
        return any(r.identity == identity and (r.operation, r.kind) == rights for r in acls.table())
    settings = may(identity, ResourceType.TOPIC, name, AclOperation.DESCRIBE_CONFIGS)
    allowed = {"read": read, "write": write, "describe": read or write}
    return {**allowed, "describe settings": settings}.get(operation, False)


def test_exactly_the_table_is_allowed(found: dict[str, Any]) -> None:
    """Written, read, described, altered, deleted, joined, committed, given rights: each try is
    refused for lack of a right, or is one that the table has."""
    wrong = [
        f"{identity}: {operation} {name} is {outcome}"
        for identity, operation, name, outcome in found["tried"]
        if outcome != ("allowed" if expected(identity, operation, name) else "refused")
    ]
    assert not wrong
    tries = {(identity, operation, name) for identity, operation, name, _ in found["tried"]}
    for right in acls.table():
        words = {AclOperation.DESCRIBE_CONFIGS: "describe settings"}
        word = words.get(right.operation, right.operation.name.lower())
        word = "join" if right.kind is ResourceType.GROUP else word
        assert (right.identity, word, right.name) in tries, right


def test_the_broker_itself_says_the_same(found: dict[str, Any]) -> None:
    """Every operation that Kafka knows, also such as were not tried: whoever may write or read may
    describe, nobody may do anything to the cluster or see others' groups."""
    for identity, kind, name, operations in found["operations"]:
        if kind == "groups seen":
            known = {*acls.identities()} if identity == ADMIN else {identity}
            assert set(operations) <= known, identity
        elif identity == ADMIN:
            nothing = name == "__cluster_metadata"
            assert set(operations) == (set() if nothing else EVERYTHING[kind]), name
        else:
            kinds = {"topic": ResourceType.TOPIC, "group": ResourceType.GROUP}
            rights = [r for r in acls.table() if r.identity == identity and r.name == name]
            words = {r.operation.name.lower() for r in rights if r.kind is kinds.get(kind)}
            assert set(operations) == (words | {"describe"} if words else set()), (identity, name)
    assert {identity for identity, *_ in found["operations"]} >= {NOBODY, *acls.identities()}


def strangers(secrets: Path, passwords: dict[str, str]) -> dict[str, dict[str, Any]]:
    """Whoever is nobody here, and how it comes."""

    def pem(*names: str) -> str:
        return "".join((secrets / name).read_text() for name in names)

    def signs_in(name: str, secret: str, mechanism: str = "SCRAM-SHA-512") -> dict[str, Any]:
        how = {"sasl_mechanism": mechanism, "sasl_plain_username": name}
        return {**how, "sasl_plain_password": secret}

    ssl = {"security_protocol": "SSL"}
    gateway = pem("gateway.key", "gateway.pem")
    return {
        "without login": ssl,
        "without TLS": {"security_protocol": "PLAINTEXT"},
        "without TLS, with the password": {
            **signs_in("members", passwords["members"]),
            "security_protocol": "SASL_PLAINTEXT",
        },
        "wrong password": signs_in("members", "guessed"),
        "another's password": signs_in("members", passwords["projects"]),
        "unknown": signs_in("nobody", "guessed"),
        "the broker's name": signs_in("kafka", passwords["admin"]),
        "PLAIN": signs_in("members", passwords["members"], "PLAIN"),
        "SCRAM-SHA-256": signs_in("members", passwords["members"], "SCRAM-SHA-256"),
        "between brokers without a certificate": {**ssl, "port": 9094},
        "between controllers without a certificate": {**ssl, "port": 9093},
        "the gateway's certificate": {**ssl, "port": 9094, "certificate": gateway},
        "a certificate of another authority": {**ssl, "port": 9094, "certificate": foreign()},
        THE_BROKER: {**ssl, "port": 9094, "certificate": pem("kafka.pem")},
    }


def foreign() -> str:
    """The broker's name, signed by itself: key and certificate."""
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    command += ["-nodes", "-subj", "/CN=kafka", "-keyout", "/dev/stdout"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_nobody_else_is_let_in(found: dict[str, Any]) -> None:
    """Without a login, with a wrong password or certificate, by a mechanism that is not ours: of
    all that are tried, the broker's own certificate opens its door, so the others were tried."""
    assert found["let_in"] == [THE_BROKER]
