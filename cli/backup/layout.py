"""How a topic's records lie, so that a restored one has every record at its old offset.

A topic of events is its owner's log by partition, but for records that a relay sent again and
those that are no events: these alone are kept, with their places. Offsets must stay, since what is
known of a record that was set aside is known by its place.
"""

from collections import Counter
from collections.abc import AsyncIterator, Iterable
from typing import Any

import bson
from aiokafka import ConsumerRecord

from shared.events import NotAnEvent, read_record
from shared.kafka import Record

Extra = dict[str, Any]
"""`{partition, offset}` and either `position`, of an event that was there before, or `key`,
`value` and `headers` of what is no event."""


def raw(record: "ConsumerRecord[Any, Any]") -> Extra:
    """A record as it is, with its place."""
    return {
        "partition": record.partition,
        "offset": record.offset,
        "key": record.key,
        "value": record.value,
        "headers": [list(header) for header in record.headers],
    }


async def extras(
    owner: str, records: AsyncIterator["ConsumerRecord[Any, Any]"], end: int
) -> list[Extra]:
    """What a topic has beside its log up to position `end`; what comes later on a partition is
    not of the backup."""
    found = []
    last: dict[int, int] = {}
    ended: set[int] = set()
    async for record in records:
        if record.partition in ended:
            continue
        try:
            position = read_record(record.headers, record.value, owner).sequence
            assert position is not None, "the relay gives it"
        except NotAnEvent:
            found.append(raw(record))
            continue
        if position >= end:
            ended.add(record.partition)
        elif position > last.get(record.partition, -1):
            last[record.partition] = position
        else:
            place = {"partition": record.partition, "offset": record.offset}
            found.append(place | {"position": position})
    return found


def pack(found: Iterable[Extra]) -> bytes:
    """As a member of a backup."""
    return b"".join(bson.encode(each) for each in found)


def as_record(topic: str, extra: Extra) -> Record:
    """A raw record as it is sent again, to its partition."""
    headers = [(name, value) for name, value in extra["headers"]]
    return Record(topic, extra["key"], extra["value"], headers, extra["partition"])


class Layout:
    """The extras of a topic while its log is sent: what is due at each partition's next offset."""

    def __init__(self, found: Iterable[Extra] = ()) -> None:
        self._extras = {(e["partition"], e["offset"]): e for e in found}
        self.next: Counter[int] = Counter()
        """The offset of each partition's next record."""

    def before(self, partition: int) -> list[Extra]:
        """The extras that stand before the partition's next event."""
        found = []
        while extra := self._extras.get((partition, self.next[partition])):
            found.append(extra)
            self.next[partition] += 1
        return found
