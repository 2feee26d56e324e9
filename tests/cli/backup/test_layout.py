"""A restored topic has each record at its old offset, whatever lay between the events."""

from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import bson

from cli.backup.layout import Layout, as_record, extras, pack
from tests.cli.test_redecide import story

HEADERS = [("a", b"\xff"), ("a", None), ("dlq-error", "ї".encode())]
GARBAGE = "no event"


async def topic(*laid: tuple[int, int | str]) -> AsyncIterator[Any]:
    """Records by partition: an event of a position, or what is none."""
    ends: dict[int, int] = {}
    event = story().logs["projects"][0]
    for partition, what in laid:
        offset = ends[partition] = ends.get(partition, -1) + 1
        key, value, headers = None, None, HEADERS
        if isinstance(what, int):
            here = event.at(what)
            key, value, headers = here.key(), here.value(), list(here.headers())
        yield SimpleNamespace(
            partition=partition, offset=offset, key=key, value=value, headers=headers
        )


def places(found: list[dict[str, Any]]) -> list[tuple[int, int, int | str]]:
    """Partition, offset, and what stands there."""
    return [(e["partition"], e["offset"], e.get("position", GARBAGE)) for e in found]


async def test_a_topic_that_is_its_log_has_nothing_beside_it() -> None:
    """Positions ascend on each partition, and have gaps there: the rest is on the others."""
    laid = topic((0, 0), (0, 3), (1, 1), (1, 2), (1, 4))
    assert await extras("projects", laid, end=5) == []


async def test_what_was_sent_again_and_what_is_no_event_is_kept_with_its_place() -> None:
    """A relay that crashed sent 1 to 3 again; somebody wrote what is no event."""
    laid = topic((0, GARBAGE), (0, 0), (0, 3), (0, 1), (0, 3), (0, GARBAGE), (1, 2), (1, 2))
    found = await extras("projects", laid, end=4)
    assert places(found) == [(0, 0, GARBAGE), (0, 3, 1), (0, 4, 3), (0, 5, GARBAGE), (1, 1, 2)]


async def test_what_came_after_the_cut_is_left_out() -> None:
    """From the first later event of a partition on: offsets after it will be given anew."""
    laid = topic((0, 0), (0, 5), (0, GARBAGE), (0, 0), (1, 1), (1, 1))
    found = await extras("projects", laid, end=5)
    assert places(found) == [(1, 1, 1)]


async def test_each_extra_is_due_at_its_offset_and_comes_back_as_it_was() -> None:
    """Null keys and values, a header twice, bytes that are no text."""
    laid = topic((0, GARBAGE), (0, GARBAGE), (0, 0), (0, 0), (0, 1))
    found = bson.decode_all(pack(await extras("projects", laid, end=2)))
    layout = Layout(found)
    assert places(layout.before(0)) == [(0, 0, GARBAGE), (0, 1, GARBAGE)]
    layout.next[0] += 1  # event 0
    assert places(layout.before(0)) == [(0, 3, 0)]
    layout.next[0] += 1  # event 1
    assert (layout.before(0), layout.next[0], layout.before(1)) == ([], 5, [])
    record = as_record("projects.events", found[0])
    assert (record.key, record.value, record.partition) == (None, None, 0)
    assert record.headers == HEADERS
