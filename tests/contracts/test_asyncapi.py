"""The AsyncAPI document: valid by AsyncAPI's own schema, and it says what the code does."""

import json
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT7

from shared.events import Envelope, Event, event_classes, schemas
from shared.events.registry import OWNERS
from tests.shared.data import DATA, needs

DOCUMENT: dict[str, Any] = json.loads(
    (schemas.SCHEMAS / schemas.ASYNCAPI).read_text(encoding="utf-8")
)


def official() -> jsonschema.Draft7Validator:
    """AsyncAPI 3.0.0's JSON Schema."""
    schema = json.loads((DATA / "asyncapi" / "asyncapi-3.0.0.schema.json").read_text())
    registry = Registry().with_resource(
        "https://asyncapi.com/", Resource.from_contents(schema, default_specification=DRAFT7)
    )
    return jsonschema.Draft7Validator(schema, registry=registry)


@needs("asyncapi")
def test_document_is_valid_asyncapi_3() -> None:
    """The official JSON Schema finds nothing wrong."""
    assert [e.message for e in official().iter_errors(DOCUMENT)] == []


@needs("asyncapi")
@pytest.mark.parametrize(
    ("pointer", "value"),
    [
        (("asyncapi",), "2.6.0"),
        (("channels", "projects", "bindings", "kafka", "bindingVersion"), "0"),
        (("operations", "projects-publishes", "action"), "publish"),
        (("components", "messages", "need-posted.v1", "contentType"), 7),
    ],
)
def test_a_fault_in_the_document_would_be_found(pointer: tuple[str, ...], value: object) -> None:
    """The validation looks into channels, operations, messages and bindings."""
    broken = json.loads(json.dumps(DOCUMENT))
    at = broken
    for part in pointer[:-1]:
        at = at[part]
    at[pointer[-1]] = value
    assert not official().is_valid(broken)


def test_each_owner_has_its_topic_and_each_event_stands_on_its_owners() -> None:
    """Channels are `<owner>.events`; a message is on one channel, its owner's."""
    found = {
        channel["address"]: sorted(channel["messages"]) for channel in DOCUMENT["channels"].values()
    }
    assert found == {
        f"{owner}.events": sorted(f"{e.type}.v{e.version}" for e in event_classes(owner))
        for owner in OWNERS
    }


@pytest.mark.parametrize("event", event_classes(), ids=lambda e: f"{e.type}.v{e.version}")
def test_message_names_schema_key_and_the_headers_that_are_sent(event: type[Event]) -> None:
    """The payload's file exists, the key is the subject, and real headers fit the described."""
    message = DOCUMENT["components"]["messages"][f"{event.type}.v{event.version}"]
    payload = message["payload"]["schema"]["$ref"]
    assert (schemas.SCHEMAS / payload).resolve() == schemas.SCHEMAS / schemas.file_name(event)
    assert event.subject_field in message["bindings"]["kafka"]["key"]["description"]
    described = _resolved(message["headers"])
    sent = {name: raw.decode() for name, raw in an_envelope(event).headers()}
    jsonschema.Draft202012Validator(described).validate(sent)
    for header in described["allOf"][0]["required"]:
        less = {name: value for name, value in sent.items() if name != header}
        assert not jsonschema.Draft202012Validator(described).is_valid(less)
    other = sent | {"ce_type": "alliance.other.v1"}
    assert not jsonschema.Draft202012Validator(described).is_valid(other)


def test_every_header_that_can_be_sent_is_described() -> None:
    """No attribute of an envelope is missing in the document, and none is there in vain."""
    full = an_envelope(event_classes()[0], causation_id="c", traceparent="t")
    described = DOCUMENT["components"]["schemas"]["CloudEventHeaders"]["properties"]
    assert set(described) == {name for name, _ in full.headers()}


def _resolved(headers: dict[str, Any]) -> dict[str, Any]:
    reference, exact = headers["allOf"]
    assert reference == {"$ref": "#/components/schemas/CloudEventHeaders"}
    return {"allOf": [DOCUMENT["components"]["schemas"]["CloudEventHeaders"], exact]}


def an_envelope(event: type[Event], **more: str) -> Envelope:
    """A sequenced event of a class."""
    return Envelope(
        id="01818ba0-0001-7001-8000-000000000001",
        source=f"/{event.owner}",
        type=event.ce_type(),
        subject="01818ba0-0001-7001-8000-000000000002",
        subject_version=1,
        time="2022-06-22T00:00:00.000000Z",
        actor="operator:sample",
        correlation_id="sample",
        data="{}",
        sequence=0,
        **more,
    )
