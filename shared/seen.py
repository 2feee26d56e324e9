"""Which events a service has seen: the marks it keeps, and what a decision says of them.

Collection `seen`, one document for each partition of the topics it consumes:

    {"_id": "projects/1", "position": n}

`position` is the greatest of a handled event on that partition. A consumer handles a partition in
order, and positions ascend along it, so all that is below the mark was handled too, unless it was
set aside as a dead letter. One document a partition: replicas never wait for each other.
"""

from collections.abc import Sequence
from typing import Any

from shared.events.ids import EventId
from shared.events.seen import MOST_UNSEQUENCED, Seen, SeenPartition
from shared.handlers import Delivery
from shared.log import LOG, SEEN
from shared.mongo import Session, Store
from shared.uow import UnitOfWork
from shared.worker import LEASES


class TooManyUnsequenced(Exception):
    """More of the service's own events wait for a position than a decision can name."""


async def mark(store: Store, session: Session, deliveries: Sequence[Delivery]) -> None:
    """Move a partition's mark up to the last of these events; never back."""
    record = deliveries[0].record
    owner = record.topic.removesuffix(".events")
    await store[SEEN].update_one(
        {"_id": f"{owner}/{record.partition}"},
        {"$max": {"position": max(d.envelope.sequence or 0 for d in deliveries)}},
        upsert=True,
        session=session,
    )


async def positions(uow: UnitOfWork) -> Seen:
    """The events whose effects this transaction sees, those it has recorded itself included.

    Not for a handler, whose own batch is marked only at its end. Raises TooManyUnsequenced, while
    the relay is far behind.
    """
    await uow.flush()
    session = uow.session
    pending = uow.store[LOG].find({"pending": True}, {"_id": 1}, session=session).sort("_id", 1)
    also = await pending.limit(MOST_UNSEQUENCED + 1).to_list(None)
    if len(also) > MOST_UNSEQUENCED:
        raise TooManyUnsequenced(f"over {MOST_UNSEQUENCED} events have no position yet")
    # Positions are given in one transaction with this counter, so there is none missing below it.
    relay = await uow.store[LEASES].find_one({"_id": "relay"}, session=session) or {}
    marks = await uow.store[SEEN].find({}, session=session).to_list(None)
    return Seen(
        own_through=relay.get("next", 0) - 1,
        own_also=tuple(EventId(d["_id"]) for d in also),
        foreign=tuple(sorted(map(_partition, marks), key=lambda p: (p.owner, p.partition))),
    )


def _partition(document: dict[str, Any]) -> SeenPartition:
    owner, _, partition = document["_id"].rpartition("/")
    return SeenPartition.model_validate(
        {"owner": owner, "partition": int(partition), "position": document["position"]}
    )
