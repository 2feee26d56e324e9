"""The envelope: CloudEvents in Kafka's binary mode, and the leaf that auditors hash."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from shared.events import Envelope, NotAnEvent, read_record, rfc3339
from shared.events.canonical import canonical
from shared.events.envelope import CONTENT_TYPE, read_headers
from tests.shared.data import DATA, needs
from tests.shared.test_canonical import ALLOWED, KEYS

NAME = st.from_regex(r"\A[a-z]{1,8}(-[a-z]{1,8}){0,3}\Z")
TEXT = st.text(min_size=1, max_size=40)
ENVELOPES = st.builds(
    Envelope,
    id=st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=100),
    source=st.sampled_from(["/members", "/projects", "/matching", "/notify"]),
    type=st.builds("alliance.{}.v{}".format, NAME, st.integers(1, 9999)),
    subject=TEXT,
    subject_version=st.integers(1, 2**53 - 1),
    time=st.datetimes(min_value=datetime(1000, 1, 1), timezones=st.just(UTC)).map(rfc3339),
    actor=TEXT,
    correlation_id=TEXT,
    causation_id=st.none() | TEXT,
    traceparent=st.none() | TEXT,
    sequence=st.integers(0, 2**53 - 1),
    data=st.dictionaries(KEYS, ALLOWED, max_size=4).map(canonical),
)

IRPIN = Envelope(
    id="01818ba0-0001-7001-8000-000000000001",
    source="/projects",
    type="alliance.need-withdrawn.v1",
    subject="01818ba0-0001-7002-8000-000000000001",
    subject_version=2,
    time="2022-06-22T10:00:00.000000Z",
    actor="member:01818ba0-0002-7001-8000-000000000002",
    correlation_id="01818ba0-0001-700a-8000-000000000009",
    data='{"reason":"Ірпінь"}',
    sequence=7,
)
HEADERS: dict[str, bytes | None] = dict(IRPIN.headers())


@given(ENVELOPES)
def test_what_is_published_is_read_back_exactly(envelope: Envelope) -> None:
    """Headers and value of any event give the same envelope again."""
    assert read_record(envelope.headers(), envelope.value()) == envelope


@given(ENVELOPES)
def test_leaf_is_rfc_8785_of_the_structured_event(envelope: Envelope) -> None:
    """The leaf, put together without parsing the data, is what the reference library writes."""
    structured = envelope.attributes() | {"data": json.loads(envelope.data)}
    assert envelope.leaf() == rfc8785.dumps(structured)


@given(TEXT.map(lambda t: f'{t},"datacontenttype":{t}'))
def test_no_attribute_can_move_the_data_in_the_leaf(trap: str) -> None:
    """A value that looks like the place where the data goes is only a value."""
    trapped = Envelope(
        **{name: getattr(IRPIN, name) for name in ("id", "source", "type", "time", "data")},
        subject=trap,
        subject_version=1,
        actor=trap,
        correlation_id=trap,
        causation_id=trap,
    )
    structured = trapped.attributes() | {"data": json.loads(trapped.data)}
    assert trapped.leaf() == rfc8785.dumps(structured)


def test_leaf_is_this_text() -> None:
    """An auditor's line, written out: sorted keys, 20 digits, Ukrainian as UTF-8."""
    assert IRPIN.leaf().decode() == (
        '{"actor":"member:01818ba0-0002-7001-8000-000000000002",'
        '"correlationid":"01818ba0-0001-700a-8000-000000000009",'
        '"data":{"reason":"Ірпінь"},'
        '"datacontenttype":"application/json",'
        '"id":"01818ba0-0001-7001-8000-000000000001",'
        '"sequence":"00000000000000000007",'
        '"source":"/projects","specversion":"1.0",'
        '"subject":"01818ba0-0001-7002-8000-000000000001","subjectversion":2,'
        '"time":"2022-06-22T10:00:00.000000Z",'
        '"type":"alliance.need-withdrawn.v1"}'
    )


def test_leaf_hash_of_a_known_event_is_what_sha256sum_says() -> None:
    """SHA-256 of a zero byte and the leaf, computed once with coreutils."""
    assert IRPIN.leaf_hash() == "464f818e923f1e15d5702e941928300ef084edecb86589e62998a22cbb5cd02c"


@pytest.mark.parametrize(
    ("leaf", "known"),
    [
        (b"", "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"),
        (b"\x00", "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7"),
    ],
)
def test_leaf_hash_is_rfc_6962s(leaf: bytes, known: str) -> None:
    """The known leaf hashes of Certificate Transparency's own tests, for given leaf bytes."""

    class Given(Envelope):
        __slots__ = ()

        def leaf(self) -> bytes:
            return leaf

    given_leaf = Given(**{f: getattr(IRPIN, f) for f in Envelope.__dataclass_fields__})
    assert given_leaf.leaf_hash() == known


def broken(**changes: bytes | None) -> list[tuple[str, bytes | None]]:
    """IRPIN's headers with some replaced: `ce_id=b""` and so on."""
    return list((HEADERS | changes).items())


def without(header: str) -> list[tuple[str, bytes | None]]:
    """IRPIN's headers less one."""
    return [(name, raw) for name, raw in HEADERS.items() if name != header]


MANDATORY = sorted(set(HEADERS) - {"content-type"})


@pytest.mark.parametrize("header", MANDATORY)
@pytest.mark.parametrize(
    ("breaking", "said"),
    [
        (without, "is missing"),
        (lambda header: broken(**{header: None}), "is null"),
        (lambda header: broken(**{header: b"\xff\xfe"}), "is not UTF-8"),
        (lambda header: [*HEADERS.items(), (header, b"another")], "is given twice"),
    ],
    ids=["missing", "null", "not-utf8", "twice"],
)
def test_broken_header_is_no_event_and_is_named(
    header: str, breaking: Callable[[str], list[tuple[str, bytes | None]]], said: str
) -> None:
    """Whatever header is missing, null, no UTF-8 or given twice: the message has its name."""
    with pytest.raises(NotAnEvent, match=f"header {header} {said}"):
        read_record(breaking(header), IRPIN.value())


@pytest.mark.parametrize("header", sorted(set(MANDATORY) - {"ce_specversion"}))
def test_empty_header_is_no_event_and_is_named(header: str) -> None:
    """An attribute without a value is as good as absent."""
    with pytest.raises(NotAnEvent, match=f"header {header} is missing or empty"):
        read_record(broken(**{header: b""}), IRPIN.value())


@pytest.mark.parametrize(
    ("header", "raw"),
    [
        ("ce_specversion", "0.3"),
        ("ce_specversion", ""),
        ("ce_type", "need-posted"),
        ("ce_type", "alliance.need-posted"),
        ("ce_type", "alliance.need-posted.v0"),
        ("ce_type", "alliance.need-posted.v01"),
        ("ce_type", "alliance.Need-Posted.v1"),
        ("ce_type", "alliance.need-posted.v1\n"),
        ("ce_type", "alliance.need-posted.v1٣"),
        ("ce_type", "alliance.-.v1"),
        ("ce_id", "a b"),
        ("ce_id", "a\n"),
        ("ce_id", "ї"),
        ("ce_id", "a" * 101),
        ("ce_subjectversion", "0"),
        ("ce_subjectversion", "-1"),
        ("ce_subjectversion", "1.0"),
        ("ce_subjectversion", "1e3"),
        ("ce_subjectversion", "+1"),
        ("ce_subjectversion", "1_0"),
        ("ce_subjectversion", "٣"),
        ("ce_subjectversion", " 1"),
        ("ce_subjectversion", str(2**53)),
        ("ce_sequence", "-1"),
        ("ce_sequence", "9" * 20),
        ("ce_sequence", "0" * 21),
        ("ce_time", "lunchtime"),
        ("ce_time", "2022-06-22T10:00:00"),
        ("ce_time", "2022-02-30T10:00:00Z"),
        ("ce_time", "2022-06-22"),
    ],
)
def test_wrong_header_is_no_event_and_its_value_is_shown(header: str, raw: str) -> None:
    """The message has the header's name and what was given."""
    with pytest.raises(NotAnEvent, match=f"{header} is {re.escape(repr(raw))}"):
        read_record(broken(**{header: raw.encode()}), IRPIN.value())


def test_event_on_anothers_topic_is_refused() -> None:
    """Only the owner's own events are believed on its topic."""
    assert read_record(IRPIN.headers(), IRPIN.value(), owner="projects") == IRPIN
    with pytest.raises(NotAnEvent, match="ce_source is '/projects' on the topic of /matching"):
        read_record(IRPIN.headers(), IRPIN.value(), owner="matching")


def test_record_without_value_is_no_event() -> None:
    """Events are never deleted: a tombstone is a fault."""
    with pytest.raises(NotAnEvent, match="tombstone"):
        read_record(IRPIN.headers(), None)


def test_value_that_is_not_utf8_is_no_event() -> None:
    """JSON is UTF-8."""
    with pytest.raises(NotAnEvent, match="the data is not UTF-8"):
        read_record(IRPIN.headers(), b"\xff")


def test_headers_that_are_not_ours_are_nobodys_business() -> None:
    """Others' headers, null or no text, and attributes of tomorrow do not disturb."""
    more: list[tuple[str, bytes | None]] = [
        *IRPIN.headers(),
        ("x-broker", None),
        ("x-bytes", b"\xff"),
        ("ce_addedtomorrow", b"1"),
    ]
    assert read_record(more, IRPIN.value()) == IRPIN


def test_header_given_twice_with_one_value_is_taken() -> None:
    """A copy that says the same takes nothing away."""
    assert read_record([*IRPIN.headers(), ("ce_id", IRPIN.id.encode())], IRPIN.value()) == IRPIN


@given(st.lists(st.tuples(st.text(max_size=12), st.none() | st.binary(max_size=12)), max_size=6))
def test_any_headers_are_an_event_or_not_an_event(
    headers: list[tuple[str, bytes | None]],
) -> None:
    """Whatever bytes come, the answer is NotAnEvent and no other error."""
    with pytest.raises(NotAnEvent):
        read_record([(f"ce_{name}", raw) for name, raw in headers], b"{}")


def test_key_and_name_and_version_are_those_of_the_event() -> None:
    """The record's key is the subject; the type's parts are name and version."""
    assert IRPIN.key() == IRPIN.subject.encode()
    assert (IRPIN.name, IRPIN.version) == ("need-withdrawn", 1)


def test_position_changes_the_leaf_and_nothing_else() -> None:
    """Sequencing gives a new envelope; the one at hand stays as it is."""
    moved = IRPIN.at(8)
    assert (IRPIN.sequence, moved.sequence) == (7, 8)
    assert moved.leaf() != IRPIN.leaf()
    assert moved.at(7) == IRPIN


@given(
    st.datetimes(min_value=datetime(1001, 1, 1)),
    st.integers(-14 * 60, 14 * 60),
)
def test_every_moment_is_stored_in_one_form(moment: datetime, offset: int) -> None:
    """UTC, six decimals, Z: whatever zone it was given in, and the moment stays the same."""
    aware = moment.replace(tzinfo=timezone(timedelta(minutes=offset)))
    text = rfc3339(aware.astimezone(UTC) if aware.year < 9999 else moment.replace(tzinfo=UTC))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", text)
    if aware.year < 9999:
        assert rfc3339(aware) == text
        assert datetime.fromisoformat(text) == aware


@pytest.mark.parametrize("time", ["20220622T100000Z", "2022-W25-3T10:00:00Z"])
def test_iso_8601_that_is_not_rfc_3339_is_refused(time: str) -> None:
    """The basic form and week dates are no RFC 3339; readers in other languages refuse them."""
    with pytest.raises(NotAnEvent, match="ce_time"):
        read_record(broken(ce_time=time.encode()), IRPIN.value())


# --- CloudEvents' conformance files ----------------------------------------------------------
# They are written for any event; ours have more attributes that must be there. So each case's
# attributes are laid over a good event of ours, and only what the case is about differs. Their
# `type` is not one of ours: it is taken over only where the case is about the type.


def conformance(file: str) -> list[dict[str, Any]]:
    """The cases of a conformance file; none where the folder is absent."""
    path = DATA / "cloudevents" / file
    cases: list[dict[str, Any]] = json.loads(path.read_text())["tests"] if path.exists() else []
    return cases


def laid_over(event: dict[str, Any]) -> list[tuple[str, bytes | None]]:
    """A case's attributes over IRPIN's headers."""
    headers = dict(HEADERS)
    for attribute, value in event.items():
        if attribute in ("type", "data", "data_base64", "datacontenttype") or value is None:
            continue
        headers[f"ce_{attribute}"] = _text(value).encode()
    return list(headers.items())


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


@needs("cloudevents")
@pytest.mark.parametrize("case", conformance("valid-events.json"), ids=lambda c: c["id"])
def test_valid_event_of_the_conformance_suite_is_read(case: dict[str, Any]) -> None:
    """Its id, source, subject and time are what the case says; its extensions do not disturb."""
    read = read_record(laid_over(case["event"]), b"{}")
    for attribute, ours in (("id", "id"), ("source", "source"), ("time", "time")):
        if case["event"].get(attribute) is not None:
            assert getattr(read, ours) == case["event"][attribute]
    if case["event"].get("subject") is not None:
        assert read.subject == case["event"]["subject"]


FAULTS = {
    "invalidNoSpecVersion": ("specversion", None),
    "invalidNoId": ("id", None),
    "invalidNoType": ("type", None),
    "invalidNoSource": ("source", None),
    "invalidEmptyId": ("id", ""),
    "invalidEmptyType": ("type", ""),
}
"""What the cases that are not about the time leave out or leave empty."""


@needs("cloudevents")
@pytest.mark.parametrize("case", conformance("invalid-events.json"), ids=lambda c: c["id"])
def test_invalid_event_of_the_conformance_suite_is_refused_by_name(
    case: dict[str, Any],
) -> None:
    """The attribute that the case breaks is named."""
    attribute, value = FAULTS.get(case["id"], ("time", case["event"].get("time")))
    headers = (
        without(f"ce_{attribute}")
        if value is None
        else broken(**{f"ce_{attribute}": value.encode()})
    )
    with pytest.raises(NotAnEvent, match=f"ce_{attribute}"):
        read_record(headers, b"{}")


def scenario(title: str) -> tuple[str, list[tuple[str, str]]]:
    """A scenario of the Kafka binding's feature file: the payload and the headers."""
    text = (DATA / "cloudevents" / "kafka-protocol-binding.feature").read_text()
    part = text.partition(title)[2].partition("When parsed")[0]
    payload = part.split('"""')[1].strip()
    rows = re.findall(r"\|\s*(\S+)\s*\|\s*(\S+)\s*\|", part.split('"""')[2])
    return payload, [row for row in rows if row[0] != "key"]


@needs("cloudevents")
def test_binary_mode_of_the_kafka_binding_is_read() -> None:
    """The binding's binary record, with the attributes we need besides, is read as it says."""
    payload, rows = scenario("Scenario: Binary content mode")
    theirs: dict[str, bytes | None] = {name: raw.encode() for name, raw in rows}
    assert theirs["content-type"] == CONTENT_TYPE.encode()
    assert read_headers(list(theirs.items())) == {
        "id": "1234-1234-1234",
        "specversion": "1.0",
        "type": "com.example.someevent",
        "source": "/mycontext/subcontext",
        "time": "2018-04-05T03:56:24Z",
    }
    ours = HEADERS | theirs | {"ce_type": HEADERS["ce_type"]}
    read = read_record(list(ours.items()), payload.encode())
    assert (read.id, read.time) == ("1234-1234-1234", "2018-04-05T03:56:24Z")
    assert json.loads(read.data) == {"message": "Hello World!"}
    with pytest.raises(NotAnEvent, match=r"ce_type is 'com\.example\.someevent'"):
        read_record(rows_as_headers(rows), payload.encode())


@needs("cloudevents")
def test_structured_mode_of_the_kafka_binding_is_refused_as_such() -> None:
    """We publish and read the binary mode only, and say so."""
    payload, rows = scenario("Scenario Outline: Structured content mode")
    assert [name for name, _ in rows] == ["content-type"]
    with pytest.raises(NotAnEvent, match="not a CloudEvent in binary mode"):
        read_record([("content-type", b"application/cloudevents+json")], payload.encode())


def rows_as_headers(rows: list[tuple[str, str]]) -> list[tuple[str, bytes | None]]:
    """Table rows as Kafka headers."""
    return [(name, raw.encode()) for name, raw in rows]
