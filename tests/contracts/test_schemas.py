"""The committed schemas are what the classes say, and hold what an event may hold."""

import inspect
import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest

from shared.events import Event, event_classes, schemas
from shared.events.registry import OWNERS

EVENTS = pytest.mark.parametrize("event", event_classes(), ids=lambda e: f"{e.type}.v{e.version}")

PERSONAL = re.compile(
    r"e_?mail|phone|mobile|address|street|birth|passport|iban|surname|"
    r"(?:first|last|given|family|full|person)_?name|contact(?!_ref$)",
    re.IGNORECASE,
)


def test_committed_schemas_are_what_the_classes_say(tmp_path: Path) -> None:
    """`make schemas` would change no file: every schema and the AsyncAPI document are current."""
    (tmp_path / schemas.RELEASED).write_text("{}")
    schemas.generate(tmp_path)
    generated = {f.name: f.read_text() for f in tmp_path.glob("*.json")}
    committed = {f.name: f.read_text() for f in schemas.SCHEMAS.glob("*.json")}
    del generated[schemas.RELEASED], committed[schemas.RELEASED]
    differing = sorted(
        name
        for name in generated.keys() | committed.keys()
        if generated.get(name) != committed.get(name)
    )
    assert differing == [], "run `make schemas`"


def test_released_schemas_were_not_edited() -> None:
    """Each schema in released.json is there, byte for byte as it was released."""
    edited = [
        name
        for name, promised in schemas.released(schemas.SCHEMAS).items()
        if schemas.digest((schemas.SCHEMAS / name).read_text(encoding="utf-8")) != promised
    ]
    assert edited == []


def test_every_owner_publishes_something() -> None:
    """No owner's module was left out of the registry: an empty one would pass every test here."""
    assert {e.owner for e in event_classes()} == set(OWNERS)


@EVENTS
def test_schema_is_json_schema_2020_12_with_title_description_and_id(event: type[Event]) -> None:
    """A reader without our code finds the dialect, the name, the words and the address."""
    schema = schemas.schema(event)
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == schemas.DIALECT
    assert schema["$id"].endswith(f"/{event.type}.v{event.version}.json")
    assert schema["title"] == event.__name__
    assert schema["description"] == inspect.cleandoc(event.__doc__ or "")


@EVENTS
def test_event_class_has_a_docstring_and_its_subject_is_an_id(event: type[Event]) -> None:
    """The docstring is the public documentation and says what the subject is."""
    assert event.__doc__, f"{event.__name__} has no docstring"
    assert "Subject:" in event.__doc__
    subject = schemas.schema(event)["properties"][event.subject_field]
    assert subject["format"] == "uuid"
    assert event.subject_field in schemas.schema(event)["required"]


def test_no_two_events_are_described_in_the_same_words() -> None:
    """A docstring that was copied to another class describes the wrong one."""
    said = Counter((event.__doc__ or "").partition("\n")[0] for event in event_classes())
    assert [words for words, times in said.items() if times > 1] == []


@EVENTS
def test_no_field_of_an_event_is_a_float(event: type[Event]) -> None:
    """JSON Schema's `number` is nowhere: amounts and rates are decimal strings."""
    assert list(floats(schemas.schema(event))) == []


@EVENTS
def test_no_field_of_an_event_looks_like_a_personal_datum(event: type[Event]) -> None:
    """People are behind a contact_ref; no field is named like an address, a phone, a birthday."""
    assert [name for name in fields(schemas.schema(event)) if PERSONAL.search(name)] == []


@EVENTS
def test_keys_of_every_map_in_an_event_are_given_by_an_ascii_pattern(
    event: type[Event],
) -> None:
    """canonical() is RFC 8785 for keys of ASCII only, so no map may have any others."""
    assert list(open_maps(schemas.schema(event))) == []


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "number"},
        {"$defs": {"Rate": {"properties": {"rate": {"type": "number"}}}}},
        {"properties": {"a": {"anyOf": [{"type": ["null", "number"]}]}}},
        {"properties": {"a": {"const": 1.5}}},
    ],
)
def test_floats_are_found_wherever_they_hide(schema: dict[str, Any]) -> None:
    """The walk looks into definitions, alternatives, lists of types and constants."""
    assert len(list(floats(schema))) == 1


def test_open_maps_are_found_wherever_they_hide() -> None:
    """A map with any key, and one whose pattern allows more than ASCII."""
    by_code: dict[str, Any] = {"patternProperties": {"^[A-Z]{3}$": {}}}
    assert list(open_maps({"$defs": {"A": by_code}})) == []
    assert list(open_maps({"properties": {"a": {"additionalProperties": {"type": "integer"}}}}))
    assert list(open_maps({"items": [{"patternProperties": {"^.*$": {}}}]})) == ["^.*$"]


def test_personal_fields_are_found_wherever_they_hide() -> None:
    """The walk looks into definitions and alternatives; the vault's reference is allowed."""
    hidden = {
        "properties": {"contact_ref": {}, "message_id": {}, "names": {}, "contact_email": {}},
        "$defs": {"Person": {"properties": {"phone_number": {}, "postal_address": {}}}},
    }
    assert [name for name in fields(hidden) if PERSONAL.search(name)] == [
        "contact_email",
        "phone_number",
        "postal_address",
    ]


def floats(schema: Any) -> Iterator[str]:
    """Where a schema allows a number that is not whole."""
    if isinstance(schema, dict):
        kind = schema.get("type")
        if kind == "number" or (isinstance(kind, list) and "number" in kind):
            yield json.dumps(schema)
        for value in schema.values():
            yield from floats(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from floats(value)
    elif isinstance(schema, float):
        yield str(schema)


def open_maps(schema: Any) -> Iterator[str]:
    """Maps in a schema whose keys may be any text, or text beyond ASCII."""
    if isinstance(schema, dict):
        keys = schema.get("patternProperties", {})
        if schema.get("additionalProperties"):
            yield json.dumps(schema)
        yield from (key for key in keys if not re.fullmatch(r"\^[A-Za-z0-9\[\]{},_-]+\$", key))
        for value in schema.values():
            yield from open_maps(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from open_maps(value)


def fields(schema: Any) -> Iterator[str]:
    """The name of every field a schema describes, at any depth."""
    if isinstance(schema, dict):
        if isinstance(properties := schema.get("properties"), dict):
            yield from properties
        for value in schema.values():
            yield from fields(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from fields(value)
