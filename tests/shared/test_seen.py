"""What a service says it had seen, and its state again as of that moment."""

import asyncio
import random
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from aiokafka import ConsumerRecord
from aiokafka.partitioner import DefaultPartitioner

from shared.actor import Actor, Cause
from shared.dead_letters import DeadLetters
from shared.events.envelope import Envelope
from shared.events.ids import EventId, MemberId, NeedId, PledgeId
from shared.events.matches import NeedCovered
from shared.events.members import MemberAdmitted
from shared.events.pledges import PledgeWithdrawn
from shared.events.projects import NeedWithdrawn
from shared.events.registry import Event
from shared.events.seen import MOST_UNSEQUENCED, Seen, SeenPartition
from shared.handlers import Delivery, Handlers
from shared.inbox import Inbox
from shared.kafka import partition_of
from shared.log import SEEN, Folded, Records, State, entry
from shared.mongo import Session, Store
from shared.replay import LogBroken, as_of, replay
from shared.seen import TooManyUnsequenced, positions
from shared.uow import UnitOfWork
from tests.given import PARTITIONS, an_id, numbered
from tests.memory import Document, MemoryStore

IRPIN = an_id(MemberId, "irpin")
SESSION = cast(Session, None)
TOPICS = {"projects": PARTITIONS, "members": PARTITIONS}


class Told(State):
    """The events that were told of one thing, in their order."""

    what = "tale"
    reasons: tuple[str, ...] = ()


def evolve(told: Told | None, event: Any) -> Told:
    """Add what it says."""
    return Told(reasons=(*(told.reasons if told else ()), event.reason))


RECORDS = Records(
    "matching",
    Folded("pledges", Told, evolve, {PledgeWithdrawn: "pledge_id"}),
    Folded("needs", Told, evolve, {NeedWithdrawn: "need_id"}),
    Folded("members", Told, evolve, {MemberAdmitted: "member_id"}),
)


def need(number: int) -> NeedWithdrawn:
    """Something that happened to one of ten needs."""
    return NeedWithdrawn(
        need_id=numbered(NeedId, number % 10), authority_id=IRPIN, reason=f"{number}"
    )


def pledge(number: int) -> PledgeWithdrawn:
    """Something that happened to one of four pledges."""
    return PledgeWithdrawn(
        pledge_id=numbered(PledgeId, number % 4), partner_id=IRPIN, withdrawn=(), reason=f"{number}"
    )


def log_of(*events: Event) -> list[Envelope]:
    """A log: positions from 0, ids that ascend."""
    versions: dict[str, int] = {}
    found = []
    for position, event in enumerate(events):
        versions[event.subject] = versions.get(event.subject, 0) + 1
        found.append(
            Envelope(
                id=numbered(EventId, position),
                source=f"/{event.owner}",
                type=event.ce_type(),
                subject=event.subject,
                subject_version=versions[event.subject],
                time="2023-09-01T09:00:00.000000Z",
                actor="service:test",
                correlation_id="one test",
                data=event.data(),
                sequence=position,
            )
        )
    return found


def on_partition(log: list[Envelope], partition: int) -> list[Envelope]:
    """Those of a log that are on one partition of its topic."""
    return [e for e in log if partition_of(e.key(), PARTITIONS) == partition]


OWN = log_of(*map(pledge, range(12)))
NEEDS = log_of(*map(need, range(40)))


def reasons(logs: dict[str, list[Envelope]], collection: str) -> set[str]:
    """All that was told of a collection's things."""
    return {r for told in replay(RECORDS, logs)[collection].values() for r in told["reasons"]}


# --- the logs as of a moment ----------------------------------------------------------------------


def test_partition_is_the_one_that_the_producer_puts_the_key_on() -> None:
    """The same bytes give the same partition, whatever the number of partitions."""
    place = DefaultPartitioner()
    for key in [b"", "Ірпінь".encode(), *(numbered(NeedId, n).encode() for n in range(200))]:
        for partitions in (1, 3, 7):
            there = place(key, list(range(partitions)), list(range(partitions)))
            assert partition_of(key, partitions) == there


def test_foreign_log_of_three_partitions_that_were_seen_unevenly() -> None:
    """One read to its end, one for a part, one not at all: just what was handled is folded."""
    whole, part, none = (on_partition(NEEDS, p) for p in range(PARTITIONS))
    assert all((whole, part, none))
    seen = Seen(
        own_through=-1,
        foreign=(
            SeenPartition(owner="projects", partition=0, position=whole[-1].sequence or 0),
            SeenPartition(owner="projects", partition=1, position=part[2].sequence or 0),
        ),
    )
    sublogs = as_of({"matching": OWN, "projects": NEEDS}, seen, "matching", TOPICS)
    assert sublogs["matching"] == []
    assert sublogs["projects"] == [e for e in NEEDS if e in whole or e in part[:3]]
    handled = {str(e.sequence) for e in (*whole, *part[:3])}
    assert reasons(sublogs, "needs") == handled


def test_own_events_that_had_no_position_yet_were_seen() -> None:
    """Later, others stand between them: those were committed afterwards, and are left out."""
    seen = Seen(own_through=4, own_also=(EventId(OWN[6].id), EventId(OWN[9].id)))
    sublogs = as_of({"matching": OWN}, seen, "matching", {})
    assert [e.sequence for e in sublogs["matching"]] == [0, 1, 2, 3, 4, 6, 9]
    assert reasons(sublogs, "pledges") == {"0", "1", "2", "3", "4", "6", "9"}


def test_log_read_in_any_order_and_twice_gives_the_same_moment() -> None:
    """As a topic is read: partition by partition, and with what was published again."""
    seen = Seen(
        own_through=3, foreign=(SeenPartition(owner="projects", partition=2, position=last(2)),)
    )
    logs = {"matching": OWN, "projects": NEEDS}
    shuffled = [*NEEDS, *NEEDS[3:9]]
    random.Random(1).shuffle(shuffled)
    again = as_of({"matching": OWN[::-1], "projects": shuffled}, seen, "matching", TOPICS)
    assert again == as_of(logs, seen, "matching", TOPICS)


def test_moment_that_the_logs_do_not_reach_cannot_be_told() -> None:
    """A position or an event that was seen and is not in the log: it is not the whole log."""
    for seen, missing in (
        (Seen(own_through=12), "matching has no event at position 12, which was seen"),
        (
            Seen(own_through=3, own_also=(numbered(EventId, 99),)),
            f"matching has no event {numbered(EventId, 99)}, which was seen",
        ),
        (foreign(0, 40), "projects has no event at position 40 on partition 0, which was seen"),
        (foreign(0, last(1)), f"no event at position {last(1)} on partition 0"),
    ):
        with pytest.raises(LogBroken, match=missing):
            as_of({"matching": OWN, "projects": NEEDS}, seen, "matching", TOPICS)


def test_log_with_a_gap_is_broken_even_where_the_gap_was_not_seen() -> None:
    """The whole log is checked, a part of it has gaps by nature."""
    with pytest.raises(LogBroken, match="projects has no event at position 20"):
        as_of(
            {"matching": OWN, "projects": NEEDS[:20] + NEEDS[21:]},
            Seen(own_through=1),
            "matching",
            TOPICS,
        )


def last(partition: int) -> int:
    """The greatest position on a partition of the needs' log."""
    return on_partition(NEEDS, partition)[-1].sequence or 0


def foreign(partition: int, position: int) -> Seen:
    """One partition of the needs' topic was seen so far."""
    mark = SeenPartition(owner="projects", partition=partition, position=position)
    return Seen(own_through=-1, foreign=(mark,))


# --- what a transaction says it sees --------------------------------------------------------------


def a_unit_of_work(store: MemoryStore) -> UnitOfWork:
    """One of matching's."""
    return UnitOfWork(
        cast(Store, store),
        SESSION,
        RECORDS,
        actor=Actor("service:test"),
        cause=Cause("one test"),
        now=datetime(2023, 9, 1, tzinfo=UTC),
    )


def seen_in(store: MemoryStore) -> Seen:
    """What a transaction says it sees."""
    return asyncio.run(positions(a_unit_of_work(store)))


def pending(*numbers: int) -> list[Document]:
    """Events in the log that have no position yet."""
    return [{"_id": numbered(EventId, n), "pending": True} for n in numbers]


def test_new_store_has_seen_nothing() -> None:
    """No event of its own, no partition of another's."""
    assert seen_in(MemoryStore()) == Seen(own_through=-1)


def test_positions_are_the_last_sequenced_the_unsequenced_and_each_partitions_mark() -> None:
    """Partitions by owner and number, not as text: 2 before 10."""
    store = MemoryStore(
        leases=[{"_id": "relay", "next": 7}, {"_id": "rounds", "next": 99}],
        log=[*pending(9, 8), {"_id": "sequenced", "position": 6}],
        seen=[
            {"_id": "projects/10", "position": 3},
            {"_id": "projects/2", "position": 5},
            {"_id": "members/0", "position": 0},
        ],
    )
    found = seen_in(store)
    assert (found.own_through, found.own_also) == (6, tuple(numbered(EventId, n) for n in (8, 9)))
    assert [(p.owner, p.partition, p.position) for p in found.foreign] == [
        ("members", 0, 0),
        ("projects", 2, 5),
        ("projects", 10, 3),
    ]


def test_own_events_recorded_in_the_same_transaction_are_seen() -> None:
    """They are written before it is said what was seen, as they are before a find."""

    uow = a_unit_of_work(MemoryStore())
    uow._entries.append(entry(OWN[0]))
    assert asyncio.run(positions(uow)).own_also == (OWN[0].id,)


def test_more_unsequenced_events_than_an_event_can_name_are_too_many() -> None:
    """The most that can be named are; one more is refused, never left out."""
    most = pending(*range(MOST_UNSEQUENCED))
    assert len(seen_in(MemoryStore(log=most)).own_also) == MOST_UNSEQUENCED
    with pytest.raises(TooManyUnsequenced):
        seen_in(MemoryStore(log=[*most, *pending(MOST_UNSEQUENCED)]))


# --- the marks ------------------------------------------------------------------------------------


class Consuming:
    """Matching's inbox over a store in memory, whose handlers do nothing."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        on = Handlers()

        @on(NeedWithdrawn, NeedCovered, MemberAdmitted)
        async def heard(event: Event, uow: UnitOfWork) -> None:
            pass

        self.inbox = Inbox(
            "matching",
            cast(Store, self.store),
            Records("matching", Folded("pledges", Told, evolve, {PledgeWithdrawn: "pledge_id"})),
            on,
            cast(DeadLetters, None),
        )

    def handles(self, partition: int, *events: Envelope) -> int:
        """A batch comes from a partition of the needs' topic; how many of it were new."""
        batch = [Delivery(a_record(partition, e), e, need(int(e.sequence or 0))) for e in events]
        return asyncio.run(self.inbox._run(SESSION, batch))

    def marks(self) -> dict[str, int]:
        """How far each partition was seen."""
        return {m["_id"]: m["position"] for m in self.store[SEEN].documents.values()}


def a_record(partition: int, envelope: Envelope) -> "ConsumerRecord[Any, Any]":
    """As it comes from Kafka."""
    return ConsumerRecord(
        topic="projects.events",
        partition=partition,
        offset=0,
        timestamp=0,
        timestamp_type=0,
        key=envelope.key(),
        value=envelope.value(),
        checksum=None,
        serialized_key_size=0,
        serialized_value_size=0,
        headers=envelope.headers(),
    )


@pytest.fixture
def consuming() -> Consuming:
    """A consumer that has handled two partitions, each for a part."""
    found = Consuming()
    assert found.handles(0, NEEDS[0], NEEDS[3], NEEDS[9]) == 3
    assert found.handles(2, NEEDS[5]) == 1
    return found


def test_mark_of_a_partition_is_the_last_handled_event_of_it(consuming: Consuming) -> None:
    """Each partition's own, whatever the others are at."""
    assert consuming.marks() == {"projects/0": 9, "projects/2": 5}
    consuming.handles(0, NEEDS[12])
    assert consuming.marks() == {"projects/0": 12, "projects/2": 5}


def test_batch_that_comes_again_does_not_move_the_mark(consuming: Consuming) -> None:
    """Neither one that was handled whole nor one with something new below the mark."""
    assert consuming.handles(0, NEEDS[0], NEEDS[3]) == 0
    assert consuming.marks()["projects/0"] == 9
    assert consuming.handles(0, NEEDS[3], NEEDS[4]) == 1
    assert consuming.marks()["projects/0"] == 9
