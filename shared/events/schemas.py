"""Writes the public contract: `shared/schemas/` from the event classes (`make schemas`).

`<type>.v<N>.json` is the JSON Schema (2020-12) of an event's data, `asyncapi.json` says on which
Kafka topics the events are (AsyncAPI 3.0.0), `samples/` is written by hand, and `released.json`
holds the SHA-256 of each schema that others may rely on. A released schema is never edited: where
the classes would change one, nothing is written and the difference is named. `--release` adds what
is not released yet.
"""

import argparse
import hashlib
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import shared.events  # noqa: F401  every owner's module registers its classes
from shared.events.envelope import CONTENT_TYPE, SPECVERSION
from shared.events.ids import UUID_PATTERN
from shared.events.registry import OWNERS, Event, event_classes

SCHEMAS = Path(__file__).parents[1] / "schemas"
DIALECT = "https://json-schema.org/draft/2020-12/schema"
PUBLISHED_AT = "https://alliance.example/schemas/"
RELEASED = "released.json"
ASYNCAPI = "asyncapi.json"
KAFKA_BINDING = "0.5.0"

Json = dict[str, Any]


class ReleasedSchemaChanged(Exception):
    """The classes no longer give a schema that was released; the message names each difference."""


def file_name(event: type[Event]) -> str:
    """`need-posted.v1.json`."""
    return f"{event.type}.v{event.version}.json"


def schema(event: type[Event]) -> Json:
    """The JSON Schema of an event's data, as it is written to Kafka and to the log."""
    found = event.model_json_schema(mode="serialization")
    head = {"$schema": DIALECT, "$id": PUBLISHED_AT + file_name(event)}
    return head | {"title": found.pop("title"), "description": found.pop("description")} | found


def text(document: Json) -> str:
    """A document as it is written: readable, and the same bytes for the same document."""
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"


def digest(content: str) -> str:
    """SHA-256 of a file's content, hexadecimal."""
    return hashlib.sha256(content.encode()).hexdigest()


def released(folder: Path) -> dict[str, str]:
    """SHA-256 by file name of every schema that was released."""
    found: dict[str, str] = json.loads((folder / RELEASED).read_text(encoding="utf-8"))
    return found


def generate(folder: Path = SCHEMAS) -> list[str]:
    """Write all schemas and the AsyncAPI document; the names of the files that changed.

    Schemas without a class are removed. Raises ReleasedSchemaChanged, before anything is written,
    where a released schema would change or lose its class.
    """
    wanted = {file_name(event): text(schema(event)) for event in event_classes()}
    _refuse_edits(folder, wanted)
    changed = []
    for name, content in {**wanted, ASYNCAPI: text(asyncapi())}.items():
        file = folder / name
        if not file.exists() or file.read_text(encoding="utf-8") != content:
            file.write_text(content, encoding="utf-8")
            changed.append(name)
    for file in folder.glob("*.v*.json"):
        if file.name not in wanted:
            file.unlink()
            changed.append(file.name)
    return sorted(changed)


def release(folder: Path = SCHEMAS) -> list[str]:
    """Generate, then promise: the names of the schemas that were added to `released.json`.

    Raises ReleasedSchemaChanged.
    """
    generate(folder)
    promised = released(folder)
    added = [name for name in map(file_name, event_classes()) if name not in promised]
    for name in added:
        promised[name] = digest((folder / name).read_text(encoding="utf-8"))
    (folder / RELEASED).write_text(text(dict(sorted(promised.items()))), encoding="utf-8")
    return added


def _refuse_edits(folder: Path, wanted: dict[str, str]) -> None:
    found = []
    for name, promised in released(folder).items():
        if name not in wanted:
            found.append(f"{name} was released and has no event class any more")
        elif digest(wanted[name]) != promised:
            file = folder / name
            before = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
            lines = list(differences(before, json.loads(wanted[name])))
            found.append("\n  ".join([f"{name} was released and would change:", *lines]))
    if found:
        raise ReleasedSchemaChanged("\n".join(found))


def differences(before: Any, after: Any, pointer: str = "") -> Iterator[str]:
    """What differs between two JSON documents: JSON pointer, value before, value after."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted(before.keys() | after.keys()):
            at = f"{pointer}/{key.replace('~', '~0').replace('/', '~1')}"
            if key not in after:
                yield f"{at}: {_short(before[key])} is gone"
            elif key not in before:
                yield f"{at}: {_short(after[key])} is new"
            else:
                yield from differences(before[key], after[key], at)
    elif before != after:
        yield f"{pointer or '(the whole)'}: {_short(before)} becomes {_short(after)}"


def _short(value: Any) -> str:
    found = json.dumps(value, ensure_ascii=False)
    return found if len(found) <= 200 else found[:199] + "…"


def asyncapi() -> Json:
    """AsyncAPI 3.0.0: one channel for each owner's topic, one message for each event."""
    events = event_classes()
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Events of the European Alliance of Cities and Regions "
            "for the Reconstruction of Ukraine",
            "version": "1",
            "description": "Every event is a CloudEvent 1.0 in Kafka's binary content mode: the "
            "context in headers that begin with `ce_`, the data as JSON in the record's value. "
            "Readers ignore fields, types and versions they do not know.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": CONTENT_TYPE,
        "channels": {owner: _channel(owner) for owner in OWNERS},
        "operations": {
            f"{owner}-publishes": {
                "action": "send",
                "channel": {"$ref": f"#/channels/{owner}"},
                "summary": f"The service {owner} publishes what it decided.",
            }
            for owner in OWNERS
        },
        "components": {
            "messages": {_message_key(event): _message(event) for event in events},
            "schemas": {"CloudEventHeaders": _headers()},
        },
    }


def _message_key(event: type[Event]) -> str:
    return f"{event.type}.v{event.version}"


def _channel(owner: str) -> Json:
    topic = f"{owner}.events"
    return {
        "address": topic,
        "title": f"Events of {owner}",
        "description": f"All that {owner} decided, in the order of its log for each subject.",
        "messages": {
            _message_key(event): {"$ref": f"#/components/messages/{_message_key(event)}"}
            for event in event_classes(owner)
        },
        "bindings": {"kafka": {"topic": topic, "bindingVersion": KAFKA_BINDING}},
    }


def _message(event: type[Event]) -> Json:
    described = schema(event)["description"]
    exact = {
        "ce_type": {"type": "string", "const": event.ce_type()},
        "ce_source": {"type": "string", "const": f"/{event.owner}"},
    }
    return {
        "name": event.ce_type(),
        "title": event.__name__,
        "summary": described.partition("\n")[0],
        "description": described,
        "contentType": CONTENT_TYPE,
        "headers": {
            "allOf": [
                {"$ref": "#/components/schemas/CloudEventHeaders"},
                {"type": "object", "properties": exact},
            ]
        },
        "payload": {
            "schemaFormat": "application/schema+json;version=2020-12",
            "schema": {"$ref": f"./{file_name(event)}"},
        },
        "correlationId": {
            "description": "The whole that this event belongs to.",
            "location": "$message.header#/ce_correlationid",
        },
        "bindings": {
            "kafka": {
                "key": {
                    "type": "string",
                    "format": "uuid",
                    "description": f"The subject: `{event.subject_field}` of the data, so that "
                    "a subject's events share a partition and keep their order.",
                },
                "bindingVersion": KAFKA_BINDING,
            }
        },
    }


def _headers() -> Json:
    """What stands in the headers of every event; a Kafka header is a string of UTF-8."""
    described = {
        "content-type": {"const": CONTENT_TYPE},
        "ce_specversion": {"const": SPECVERSION},
        "ce_id": {
            "pattern": UUID_PATTERN,
            "description": "UUIDv7, fixed when the event was recorded; with the source, what "
            "makes two records the same event.",
        },
        "ce_source": {"description": "`/` and the owner."},
        "ce_type": {"description": "`alliance.`, the event's name, `.v` and its version."},
        "ce_subject": {"description": "The id of what it happened to; also the record's key."},
        "ce_subjectversion": {
            "pattern": "^[1-9][0-9]*$",
            "description": "Which event of its subject this is, from 1, without gaps.",
        },
        "ce_time": {"format": "date-time", "description": "When it was decided, UTC."},
        "ce_sequence": {
            "pattern": "^[0-9]{20}$",
            "description": "Position in its owner's log, from 0, without gaps, 20 digits.",
        },
        "ce_actor": {
            "description": "Who decided: `member:<id>`, `operator:<name>`, `service:<name>`."
        },
        "ce_correlationid": {"description": "The whole that this event belongs to."},
        "ce_causationid": {"description": "The id of the event that caused this one, if any."},
        "ce_traceparent": {"description": "W3C Trace Context of the request, if it was traced."},
    }
    optional = {"ce_causationid", "ce_traceparent"}
    return {
        "type": "object",
        "properties": {name: {"type": "string"} | more for name, more in described.items()},
        "required": [name for name in described if name not in optional],
    }


def main(arguments: Sequence[str] | None = None, folder: Path = SCHEMAS) -> int:
    """The command; the exit status is 1 where a released schema would change."""
    parser = argparse.ArgumentParser(
        prog="python -m shared.events.schemas",
        description="Write shared/schemas/ from the event classes.",
    )
    parser.add_argument(
        "--release", action="store_true", help="promise the schemas that are not released yet"
    )
    wants = parser.parse_args(arguments)
    try:
        done = release(folder) if wants.release else generate(folder)
    except ReleasedSchemaChanged as error:
        print(f"{error}\nmake a new version of the event instead", file=sys.stderr)
        return 1
    for name in done:
        print(f"{'released' if wants.release else 'wrote'} {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
