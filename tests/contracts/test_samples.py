"""One sample of each released version parses for ever, and shows what the event looks like."""

import json
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest

from shared.events import Envelope, Event, event_classes, read_event, schemas
from shared.events.canonical import canonical

SAMPLES = schemas.SCHEMAS / "samples"
EVENTS = pytest.mark.parametrize("event", event_classes(), ids=lambda e: f"{e.type}.v{e.version}")


def sample(event: type[Event]) -> tuple[str, dict[str, Any]]:
    """The sample of an event class: its text, and what it holds."""
    text = (SAMPLES / schemas.file_name(event)).read_text(encoding="utf-8")
    return text, json.loads(text)


def test_every_event_has_one_sample_and_no_sample_is_left_over() -> None:
    """The names in samples/ are exactly those of the schemas."""
    present = {file.name for file in SAMPLES.iterdir()}
    assert present == {schemas.file_name(event) for event in event_classes()}


@EVENTS
def test_sample_is_valid_by_its_schema(event: type[Event]) -> None:
    """The committed schema, read by a validator that is not ours, takes the sample."""
    schema = json.loads((schemas.SCHEMAS / schemas.file_name(event)).read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(
        schema, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
    ).validate(sample(event)[1])


@EVENTS
def test_sample_without_its_subject_is_refused_by_its_schema(event: type[Event]) -> None:
    """A schema that takes anything would pass the test before this one."""
    schema = json.loads((schemas.SCHEMAS / schemas.file_name(event)).read_text(encoding="utf-8"))
    data = sample(event)[1]
    del data[event.subject_field]
    with pytest.raises(jsonschema.ValidationError, match=event.subject_field):
        jsonschema.Draft202012Validator(schema).validate(data)


@EVENTS
def test_sample_is_read_and_written_again_as_the_same_bytes(event: type[Event]) -> None:
    """Read as from Kafka, each sample gives its class, and the class its canonical bytes."""
    text, data = sample(event)
    envelope = Envelope(
        id="01818ba0-0000-7000-8000-000000000000",
        source=f"/{event.owner}",
        type=event.ce_type(),
        subject=data[event.subject_field],
        subject_version=1,
        time="2022-06-22T00:00:00.000000Z",
        actor="operator:sample",
        correlation_id="sample",
        data=text,
    )
    read = read_event(envelope)
    if event.version == max(e.version for e in event_classes() if e.type == event.type):
        assert type(read) is event
    assert event.model_validate_json(text).data() == canonical(data)


@EVENTS
def test_sample_with_a_field_of_tomorrow_is_still_read(event: type[Event]) -> None:
    """A later producer adds an optional field; today's class reads the rest of it unchanged."""
    text, data = sample(event)
    newer = event.model_validate_json(json.dumps(data | {"added_tomorrow": {"a": [1]}}))
    assert newer == event.model_validate_json(text)


def test_samples_tell_of_the_real_cases() -> None:
    """Irpin, Borodianka and Cascais's EUR 500,000 are in the samples, by their codes."""
    together = "".join(f.read_text(encoding="utf-8") for f in Path(SAMPLES).iterdir())
    for fact in ("UA32080150010049888", "UA32080030010080493", '"500000.00"', "Chervona Kalyna"):
        assert fact in together
