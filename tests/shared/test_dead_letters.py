"""A letter holds its record as it came, and the record is found in it again."""

from typing import Any

import pytest
from aiokafka import ConsumerRecord

from shared.dead_letters import ADDED, Letter, found_in
from shared.dead_letters_api import MOST_SHOWN, _shown

HEADERS = [("ce_id", b"1"), ("odd", b"\xff"), ("none", None)]


def a_record(
    value: bytes | None, headers: Any, topic: str = "projects.events"
) -> "ConsumerRecord[Any, Any]":
    """As it comes from Kafka."""
    return ConsumerRecord(
        topic=topic,
        partition=1,
        offset=482,
        timestamp=0,
        timestamp_type=0,
        key=b"k",
        value=value,
        checksum=None,
        serialized_key_size=1,
        serialized_value_size=0,
        headers=tuple(headers),
    )


def written(letter: Letter) -> "ConsumerRecord[Any, Any]":
    """A letter as it is read from its topic."""
    sent = letter.as_record("matching.dead-letters")
    return a_record(sent.value, sent.headers, sent.topic)


@pytest.mark.parametrize("value", [b"{}", b"", None, b"\xff"])
def test_record_is_found_in_its_letter_as_it_came(value: bytes | None) -> None:
    """Place, value and headers, whatever they hold."""
    record = a_record(value, HEADERS)
    assert found_in(written(Letter(record, "handler-failed", "KeyError: 1"))) == record


def test_letter_of_a_record_that_was_once_a_letter_keeps_its_headers() -> None:
    """Somebody wrote a letter back to the topic: only the last five headers are ours."""
    before = a_record(b"{}", [*HEADERS, *((name, b"7") for name in ADDED)])
    assert found_in(written(Letter(before, "not-an-event", "no"))) == before


def test_value_is_shown_as_text_or_in_hex_and_never_endless() -> None:
    """With its size and hash, which say what was left out."""
    assert _shown(a_record("Школа".encode(), []))["value_text"] == "Школа"
    assert _shown(a_record(b"\xff\x00", []))["value_hex"] == "ff00"
    assert "value_bytes" not in _shown(a_record(None, []))
    shown = _shown(a_record(b"x" * (MOST_SHOWN + 1), []))
    assert (shown["cut"], len(shown["value_text"])) == (True, MOST_SHOWN)
    assert shown["value_bytes"] == MOST_SHOWN + 1
