"""The table of rights is what the services do: no right is missing, and none is more."""

from confluent_kafka.admin import AclOperation, ResourceType

from cli.services import NAMES, known
from deploy.kafka.acls import Right, identities, table
from deploy.local import topics
from services.notify import reporter

TOPIC, GROUP = ResourceType.TOPIC, ResourceType.GROUP
READ, WRITE = AclOperation.READ, AclOperation.WRITE


def test_a_service_may_do_what_it_does_and_nothing_else() -> None:
    """It writes its own log; where it handles events it reads their logs in its own group, and
    writes and reads its own dead letters. notify reads everybody's, to tell the operator."""
    wanted = set()
    for name in NAMES:
        wanted.add(Right(name, TOPIC, f"{name}.events", WRITE))
        wanted.add(Right(name, TOPIC, f"{name}.events", AclOperation.DESCRIBE_CONFIGS))
        if subscribed := known(name).on.topics():
            wanted |= {Right(name, TOPIC, topic, READ) for topic in subscribed}
            wanted |= {
                Right(name, TOPIC, f"{name}.dead-letters", operation) for operation in (READ, WRITE)
            }
            wanted.add(Right(name, GROUP, name, READ))
    wanted |= {Right("notify", TOPIC, f"{name}.dead-letters", READ) for name in reporter.CONSUMERS}
    assert {right for right in table() if right.identity in NAMES} == wanted


def test_an_auditor_reads_every_log_and_changes_nothing() -> None:
    """All logs, no dead letters, no writing."""
    logs = {topic.name for topic in topics.table() if topic.name.endswith(".events")}
    assert {r for r in table() if r.identity == "auditor"} == {
        Right("auditor", TOPIC, log, READ) for log in logs
    }


def test_the_table_names_only_what_there_is() -> None:
    """Every topic is one of topics.toml; nobody is named but the services and the auditor."""
    there = {topic.name for topic in topics.table()}
    assert {right.name for right in table() if right.kind is TOPIC} <= there
    assert identities() == [*NAMES, "auditor"]
