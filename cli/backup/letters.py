"""Dead letters in a backup: those of events that their consumer had left behind at the cut.

A letter of a later event is left out: after a restore the event comes again, and its letter with
it. So each is there once.
"""

from collections.abc import Mapping
from typing import Any

import bson

from cli.backup.places import Places
from cli.backup.topics import records
from shared.events import NotAnEvent, read_record
from shared.kafka import Record


async def letters_before(places: Places, topic: str, seen: Mapping[str, int]) -> list[bytes]:
    """The letters of a topic that a backup holds, each as BSON, in their order."""
    return [
        pack(record.key, record.value, record.headers)
        async for record in records(places, topic)
        if _left_behind(record.headers, record.value, seen)
    ]


def pack(key: bytes | None, value: bytes | None, headers: Any) -> bytes:
    """A letter as BSON."""
    return bson.encode({"key": key, "value": value, "headers": [list(h) for h in headers]})


def unpack(topic: str, data: bytes) -> Record:
    """A letter as it is sent again."""
    found = bson.decode(data)
    headers = [(name, value) for name, value in found["headers"]]
    return Record(topic, found["key"], found["value"], headers)


def _left_behind(headers: Any, value: bytes | None, seen: Mapping[str, int]) -> bool:
    found = dict(headers)
    owner = (found.get("dlq-topic") or b"").decode("utf-8", "replace").removesuffix(".events")
    partition = (found.get("dlq-partition") or b"").decode("utf-8", "replace")
    try:
        position = read_record(headers, value or b"", owner).sequence
    except NotAnEvent:
        return True  # what is no event is in no log, so it will not come again
    return position is None or position <= seen.get(f"{owner}/{partition}", -1)
