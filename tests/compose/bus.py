"""What lies on a deployment's bus, record by record, and how whole it is; asked inside of it."""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cli.asked import Asked
from cli.laws import kept
from shared.events import Envelope, read_event, read_record
from shared.events.rounds import MatchingRoundCompleted
from tests.chaos import history
from tests.chaos.history import Answer, Document, Seen
from tests.compose.deployment import Deployment
from tests.waiting import within

OWNERS = ("members", "projects", "matching", "notify")
PARTITIONS = 3

_RECORDS = """
import asyncio, base64, json, os
from pathlib import Path
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.helpers import create_ssl_context

def text(given):
    return None if given is None else base64.b64encode(given).decode()

async def main():
    consumer = AIOKafkaConsumer(
        bootstrap_servers=os.environ["ALLIANCE_KAFKA"], enable_auto_commit=False,
        auto_offset_reset="earliest",  # else a partition may begin at its end, in spite of a seek
        security_protocol="SASL_SSL", sasl_mechanism="SCRAM-SHA-512", sasl_plain_username="auditor",
        sasl_plain_password=Path("/run/secrets/kafka-auditor.password").read_text().strip(),
        ssl_context=create_ssl_context(cafile="/run/secrets/ca.pem"))
    await consumer.start()
    all_ = [TopicPartition(f"{o}.events", p)
            for o in ("members", "projects", "matching", "notify") for p in range(3)]
    consumer.assign(all_)
    ends = await consumer.end_offsets(all_)
    while any([await consumer.position(p) < ends[p] for p in all_]):
        for records in (await consumer.getmany(timeout_ms=200)).values():
            for r in records:
                headers = [[name, text(value)] for name, value in r.headers]
                at = [r.topic, r.partition, r.offset]
                print(json.dumps([*at, text(r.key), text(r.value), headers]))
    await consumer.stop()

asyncio.run(main())
"""
"""As the auditor, whom the table of rights lets read every log and nothing else."""

_IN_SYNC = """
import json, os, sys, time
from pathlib import Path
from confluent_kafka.admin import AdminClient

admin = AdminClient({
    "bootstrap.servers": os.environ["ALLIANCE_KAFKA"], "security.protocol": "SASL_SSL",
    "sasl.mechanism": "SCRAM-SHA-512", "sasl.username": "admin",
    "sasl.password": Path("/run/secrets/kafka-admin.password").read_text().split()[0],
    "ssl.ca.location": "/run/secrets/ca.pem"})
least = int(sys.argv[1])
deadline = time.monotonic() + float(sys.argv[2])
while True:
    topics = admin.list_topics(timeout=30).topics
    found = {f"{n}[{p.id}]": len(p.isrs) for n, t in topics.items() for p in t.partitions.values()}
    behind = {name: n for name, n in found.items() if n < least}
    if not behind or time.monotonic() > deadline:
        print(json.dumps([len(found), behind]))
        break
    time.sleep(0.3)
"""


@dataclass(frozen=True)
class Bus:
    """Every record of every log, at one moment."""

    topics: Mapping[str, Sequence[Seen]]

    def log(self, owner: str) -> list[Envelope]:
        """An owner's events once each, by their positions."""
        found: dict[str, Envelope] = {}
        for r in self.topics[owner]:
            event = read_record(r.headers, r.value, owner)
            found.setdefault(event.id, event)
        return sorted(found.values(), key=lambda e: e.sequence or 0)

    def faults(self, answers: Sequence[Answer]) -> list[str]:
        """What of this and of what was answered breaks a promise; nothing should."""
        documents = {owner: [_document(e) for e in self.log(owner)] for owner in self.topics}
        found = history.answered_and_recorded(answers, documents)
        for owner, records in self.topics.items():
            of_topic = [
                *history.positions_are_gapless(documents[owner]),
                *history.copies_are_identical(records),
                *history.subjects_are_in_order(records),
            ]
            found += [f"{owner}: {fault}" for fault in of_topic]
        if found:
            return found
        matching, projects = self.log("matching"), self.log("projects")
        return [
            *history.one_live_match(documents["matching"]),
            *kept(matching, Asked(projects, matching, PARTITIONS)).faults,
            *one_decides(matching),
        ]

    @property
    def told(self) -> str:
        """How many events there are, and how many records are copies."""
        return ", ".join(
            f"{owner} {len(records) - history.copies(records)} (+{history.copies(records)} again)"
            for owner, records in self.topics.items()
        )


def one_decides(matching: Sequence[Envelope]) -> list[str]:
    """Each round had seen the round before it: two that decide at the same time had not."""
    faults, last = [], None
    for position, envelope in enumerate(matching):
        event = read_event(envelope)
        if not isinstance(event, MatchingRoundCompleted):
            continue
        seen = event.decision.seen
        if last and not (last[0] <= seen.own_through or last[1] in seen.own_also):
            faults.append(f"{position}: round {event.round_id} had not seen the one at {last[0]}")
        last = (position, envelope.id)
    return faults


def read(deployment: Deployment) -> Bus:
    """All that is on the bus now. Raises CommandFailed."""
    topics: dict[str, list[Seen]] = {owner: [] for owner in OWNERS}
    for line in deployment.run("ops", "python", "-c", _RECORDS).stdout.splitlines():
        topic, partition, offset, key, value, headers = json.loads(line)
        named = tuple((name, _bytes(text) or b"") for name, text in headers)
        record = Seen(partition, offset, _bytes(key), _bytes(value), named)
        topics[topic.removesuffix(".events")].append(record)
    return Bus(topics)


def in_sync(deployment: Deployment, brokers: int, timeout: float) -> int:
    """Return, as soon as every partition is whole at so many brokers, how many there are.

    Raises AssertionError with those that are not after `timeout` seconds.
    """
    timeout = within(timeout)
    asked = ("python", "-c", _IN_SYNC, str(brokers), str(timeout))
    partitions, behind = json.loads(deployment.run("ops", *asked).stdout)
    assert not behind, f"after {timeout:g} s: {behind}"
    return int(partitions)


def _document(event: Envelope) -> Document:
    return {
        "_id": event.id,
        "type": event.type,
        "subject": event.subject,
        "correlation_id": event.correlation_id,
        "position": event.sequence,
        "data": event.data,
    }


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else base64.b64decode(text)
