"""Each check of a history finds what was doctored, and nothing in a history that is right."""

import json
from typing import Any

import pytest

from shared.events.envelope import Envelope
from shared.log import entry, envelope
from tests.chaos import history
from tests.chaos.history import Answer, Document, Seen

POSTED, AMENDED = "alliance.need-posted.v1", "alliance.need-amended.v1"
PLACES = [
    ("a", 1, POSTED),
    ("b", 1, POSTED),
    ("a", 2, AMENDED),
    ("b", 2, AMENDED),
    ("a", 3, AMENDED),
]


def a_log() -> list[Document]:
    """Two needs, posted and amended in turns: five events, each from a command of its own."""
    found = []
    for position, (subject, version, type_) in enumerate(PLACES):
        event = Envelope(
            id=f"event-{position}",
            source="/projects",
            type=type_,
            subject=subject,
            subject_version=version,
            time="2022-06-30T10:00:00.000000Z",
            actor="member:irpin",
            correlation_id=f"key-{position}",
            data=json.dumps({"n": position}),
        ).at(position)
        found.append(entry(event) | {"position": position, "leaf": event.leaf_hash()})
    return found


def published(log: list[Document]) -> list[Seen]:
    """The log in Kafka, `a` and `b` in partitions of their own, the last two events twice."""
    found: list[Seen] = []
    for d in [*log, *log[-2:]]:
        event, partition = envelope("projects", d), 0 if d["subject"] == "a" else 1
        offset = sum(r.partition == partition for r in found)
        headers = tuple(event.headers())
        found.append(Seen(partition, offset, event.key(), event.value(), headers))
    return found


ANSWERS = [
    Answer(f"key-{n}", "projects", type_.split(".")[1], subject)
    for n, (subject, _, type_) in enumerate(PLACES)
]
INBOX = [f"/projects event-{n}" for n in range(5)]
LEARNT: list[Document] = [{"_id": "a", "revision": 3}, {"_id": "b", "revision": 2}]
TYPES = (POSTED, AMENDED)


def swapped(items: list[Any], one: int, other: int) -> list[Any]:
    """The same with two of them in each other's place."""
    found = list(items)
    found[one], found[other] = found[other], found[one]
    return found


def at_offsets(records: list[Seen]) -> list[Seen]:
    """Records in the order they are given: each takes its partition's next offset."""
    return [
        r._replace(offset=sum(before.partition == r.partition for before in records[:n]))
        for n, r in enumerate(records)
    ]


def test_a_right_history_has_no_faults() -> None:
    """Republished copies and commands without an answer are no faults."""
    log = a_log()
    records = published(log)
    assert history.copies(records) == 2
    logs = {"projects": log}
    keys = [a.key for a in ANSWERS]
    assert not history.answered_and_recorded(ANSWERS[:3], logs)
    assert not history.nothing_unasked([*keys, "in vain"], logs)
    assert not history.positions_are_gapless(log)
    assert not history.leaves_are_hashes("projects", log)
    assert not history.published_as_recorded("projects", log, records)
    assert not history.copies_are_identical(records)
    assert not history.subjects_are_in_order(records)
    assert not history.handled_once(TYPES, logs, INBOX)
    assert not history.learnt_once(log, TYPES, LEARNT)


def test_an_answered_command_that_is_not_recorded_is_found() -> None:
    """A lost event: the answer stands, the log does not say so."""
    log = a_log()
    del log[3]
    (fault,) = history.answered_and_recorded(ANSWERS, {"projects": log})
    assert fault == "key-3: need-amended b was answered and is not in the log"


def test_a_command_that_is_recorded_twice_is_found() -> None:
    """A duplicated effect: one key, two events of its type."""
    log = a_log()
    log.append(log[0] | {"_id": "event-5", "subject": "c", "position": 5})
    (fault,) = history.answered_and_recorded(ANSWERS, {"projects": log})
    assert fault == "key-0: need-posted is in the log 2 times: ['a', 'c']"


def test_a_command_that_is_recorded_otherwise_than_answered_is_found() -> None:
    """The answer names one need, the log another."""
    log = a_log()
    log[0]["subject"] = "c"
    (fault,) = history.answered_and_recorded(ANSWERS, {"projects": log})
    assert fault == "key-0: need-posted was answered a, recorded c"


def test_an_event_that_nobody_asked_for_is_found() -> None:
    """Its correlation id is no key of anyone's."""
    (fault,) = history.nothing_unasked([a.key for a in ANSWERS[:4]], {"projects": a_log()})
    assert fault == "projects: need-amended event-4 belongs to key-4, which nobody asked for"


def test_gaps_and_shared_positions_and_missing_ones_are_found() -> None:
    """Positions 0, 1, 1, none and 4."""
    log = a_log()
    log[2]["position"], log[3]["position"] = 1, None
    assert history.positions_are_gapless(log) == [
        "1 events have no position",
        "position 1 is given 2 times",
        "no event at position 2",
        "no event at position 3",
    ]


def test_positions_that_do_not_begin_at_0_are_found() -> None:
    """The first event is missing."""
    assert history.positions_are_gapless(a_log()[1:]) == ["no event at position 0"]


def test_stored_data_that_is_not_what_was_hashed_is_found() -> None:
    """One changed byte in the store."""
    log = a_log()
    log[1]["data"] = '{"n":9}'
    assert history.leaves_are_hashes("projects", log) == [
        "projects: the leaf of event-1 is not its hash"
    ]


def test_an_event_that_was_never_published_is_found() -> None:
    """It is in the store and no partition has it."""
    log = a_log()
    records = [r for r in published(log) if r.event_id != "event-2"]
    assert history.published_as_recorded("projects", log, records) == [
        "projects: event-2 was recorded and never published"
    ]


def test_a_record_that_is_not_in_the_log_is_found() -> None:
    """Published from a transaction that was then undone, for instance."""
    log = a_log()
    (fault,) = history.published_as_recorded("projects", log[:4], published(log)[:5])
    assert fault == "projects[0]@2 is event event-4, which is not in the log"


@pytest.mark.parametrize("part", ["key", "value", "headers"])
def test_a_changed_byte_of_a_copy_is_found(part: str) -> None:
    """In the key, the value or a header of the second copy of an event."""
    log = a_log()
    records = published(log)
    last = records[-1]
    changed: dict[str, Any] = {
        "key": b"A",
        "value": b'{"n":4} ',
        "headers": (*last.headers[:-1], (last.headers[-1][0], b"x")),
    }
    records[-1] = last._replace(**{part: changed[part]})
    (fault,) = history.published_as_recorded("projects", log, records)
    assert fault.startswith(f"projects[0]@3: another {part} of event-4 than was recorded")
    assert history.copies_are_identical(records) == ["event-4 was published in 2 ways"]


def test_a_copy_in_another_partition_is_found() -> None:
    """The same bytes, where its subject's other readers do not look."""
    records = published(a_log())
    records[-1] = records[-1]._replace(partition=2)
    assert history.copies_are_identical(records) == ["event-4 was published in 2 ways"]


def test_an_order_that_is_swapped_is_found() -> None:
    """The second and third event of a subject in each other's place; positions fall back too."""
    records = at_offsets(swapped(published(a_log()), 2, 4))
    assert history.subjects_are_in_order(records) == [
        "[0]@1: a is at 3, due is 2",
        "[0]@2: a is at 2, due is 4",
        "[0]@2: position 2 after a later one",
    ]


def test_a_version_that_is_left_out_is_found() -> None:
    """A subject's second event is missing, its third is there."""
    records = [r for r in published(a_log()) if r.event_id != "event-2"]
    assert history.subjects_are_in_order(records) == ["[0]@2: a is at 3, due is 2"]


def test_an_event_that_was_not_handled_or_handled_twice_is_found() -> None:
    """One is missing, one is there twice, one is nobody's."""
    inbox = ["/projects event-0", "/projects event-1", "/projects event-1", "/projects event-9"]
    faults = history.handled_once(TYPES, {"projects": a_log()[:3]}, inbox)
    assert faults == [
        "/projects event-2 was never handled",
        "/projects event-9 was handled, and nobody recorded it",
        "/projects event-1 was handled 2 times",
    ]


def test_an_effect_that_happened_twice_or_never_is_found() -> None:
    """A projection that folded one event twice, lost another, and knows what nobody posted."""
    projection: list[Document] = [
        {"_id": "a", "revision": 4},
        {"_id": "b", "revision": 1},
        {"_id": "c", "revision": 1},
    ]
    assert history.learnt_once(a_log(), TYPES, projection) == [
        "a has 3 events, and 4 were folded in",
        "b has 2 events, and 1 were folded in",
        "c has 0 events, and 1 were folded in",
    ]


def test_records_that_were_handled_and_not_committed_are_counted() -> None:
    """Four records are in one partition, three in the other, of which nothing was committed."""
    records = published(a_log())
    committed = {("projects", 0): 2}
    topics = {"projects": records}
    assert history.comes_again(committed, INBOX, topics) == 5
    assert history.comes_again(committed, INBOX[:3], topics) == 1
    assert history.comes_again(committed, [], topics) == 0
    assert history.comes_again({("projects", 0): 4, ("projects", 1): 3}, INBOX, topics) == 0


def _of_match(position: int, match: str, name: str) -> Document:
    pair = {"pledge_id": "p", "pledge_line": 1, "need_id": "n", "need_line": 1}
    type_ = f"alliance.{name}.v1"
    return {"position": position, "subject": match, "type": type_, "data": json.dumps(pair)}


def test_a_second_live_match_of_the_same_lines_is_found() -> None:
    """A round that had its effect twice; after a release the same lines may meet again."""
    first, second = _of_match(0, "m1", "match-proposed"), _of_match(2, "m2", "match-proposed")
    released = _of_match(1, "m1", "match-released")
    assert not history.one_live_match([first, released, second])
    assert history.one_live_match([first, second]) == [
        "m2 at 2: a second live match of ('p', 1, 'n', 1)"
    ]


def test_a_match_that_is_released_twice_is_found() -> None:
    """A handler that had its effect twice."""
    log = [_of_match(0, "m1", "match-proposed")]
    log += [_of_match(n, "m1", "match-released") for n in (1, 2)]
    assert history.one_live_match(log) == ["m1 at 2: match-released, and it was not live"]
