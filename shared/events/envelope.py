"""The envelope around an event: CloudEvents 1.0, Kafka's binary mode, and the audit leaf.

Attributes are CloudEvents' own and its extensions `sequence` (the event's position in its
owner's log, 20 digits so that text order is number order), `partitionkey`, `traceparent`, and
ours: `subjectversion`, `causationid`, `correlationid`, `actor`.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from shared.events.canonical import canonical

SPECVERSION = "1.0"
CONTENT_TYPE = "application/json"
TYPE_PREFIX = "alliance."
LEAF_LIMIT = 65_535
"""Most bytes of a leaf, so that an auditor can keep each in two bytes of length."""

_TYPE = re.compile(r"^alliance\.([a-z]+(?:-[a-z]+)*)\.v([1-9][0-9]{0,3})$")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", re.ASCII)
_ID = re.compile(r"^[\x21-\x7e]{1,100}$")

Headers = Sequence[tuple[str, bytes | None]]


class NotAnEvent(ValueError):
    """These bytes and headers are no event of ours; the message says what is wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """One recorded event: its context and the exact canonical JSON text of its data.

    `sequence` is None until the relay has given the event its position.
    """

    id: str
    source: str
    type: str
    subject: str
    subject_version: int
    time: str
    actor: str
    correlation_id: str
    data: str
    causation_id: str | None = None
    traceparent: str | None = None
    sequence: int | None = None

    @property
    def identity(self) -> str:
        """Source and id: what makes an event the same event (CloudEvents 1.0)."""
        return f"{self.source} {self.id}"

    @property
    def name(self) -> str:
        """The type without prefix and version: `need-posted`."""
        return self.type.removeprefix(TYPE_PREFIX).rpartition(".")[0]

    @property
    def version(self) -> int:
        """The version in the type."""
        return int(self.type.rpartition(".v")[2])

    def at(self, sequence: int) -> "Envelope":
        """The same event with its position in its owner's log."""
        return replace(self, sequence=sequence)

    def attributes(self) -> dict[str, Any]:
        """CloudEvents attributes by name, in JSON types, without the data."""
        found: dict[str, Any] = {
            "actor": self.actor,
            "correlationid": self.correlation_id,
            "datacontenttype": CONTENT_TYPE,
            "id": self.id,
            "source": self.source,
            "specversion": SPECVERSION,
            "subject": self.subject,
            "subjectversion": self.subject_version,
            "time": self.time,
            "type": self.type,
        }
        if self.causation_id is not None:
            found["causationid"] = self.causation_id
        if self.sequence is not None:
            found["sequence"] = f"{self.sequence:020}"
        if self.traceparent is not None:
            found["traceparent"] = self.traceparent
        return found

    def leaf(self) -> bytes:
        """RFC 8785 bytes of the structured event: what the audit tree hashes.

        The data is canonical already, so it is put in its place as it stands: between
        `correlationid` and `datacontenttype`.
        """
        attributes = canonical(self.attributes())
        head, mark, tail = attributes.partition(',"datacontenttype":')
        return f'{head},"data":{self.data}{mark}{tail}'.encode()

    def leaf_hash(self) -> str:
        """RFC 6962 leaf hash, hexadecimal: SHA-256 of 0x00 and the leaf."""
        return hashlib.sha256(b"\x00" + self.leaf()).hexdigest()

    def headers(self) -> list[tuple[str, bytes]]:
        """Kafka headers of the binary mode: `ce_` and the attribute, and `content-type`."""
        found = [("content-type", CONTENT_TYPE.encode())]
        for attribute, value in self.attributes().items():
            if attribute != "datacontenttype":
                found.append((f"ce_{attribute}", str(value).encode()))
        return found

    def value(self) -> bytes:
        """The Kafka record's value: the data's canonical bytes."""
        return self.data.encode()

    def key(self) -> bytes:
        """The Kafka record's key: the subject, so a subject's events share a partition."""
        return self.subject.encode()


def read_headers(headers: Headers) -> dict[str, str]:
    """`ce_` attributes of a Kafka record, by name.

    Raises NotAnEvent for one that is null, not UTF-8 or given twice with two values; headers
    that are not `ce_` are nobody's business here.
    """
    found: dict[str, str] = {}
    for name, raw in headers:
        if not name.startswith("ce_"):
            continue
        attribute = name[3:]
        if raw is None:
            raise NotAnEvent(f"header ce_{attribute} is null")
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError:
            raise NotAnEvent(f"header ce_{attribute} is not UTF-8") from None
        if found.setdefault(attribute, text) != text:
            raise NotAnEvent(f"header ce_{attribute} is given twice, with two values")
    return found


def read_record(headers: Headers, value: bytes | None, owner: str | None = None) -> Envelope:
    """The envelope of one Kafka record in CloudEvents' binary mode.

    Checks the context only; the data stays text. `owner` is whose topic it was found on. Raises
    NotAnEvent with what is missing or wrong, what was given and what is allowed.
    """
    found = read_headers(headers)
    if "specversion" not in found:
        raise NotAnEvent("header ce_specversion is missing: not a CloudEvent in binary mode")
    if found["specversion"] != SPECVERSION:
        raise NotAnEvent(f"ce_specversion is {found['specversion']!r}, allowed: {SPECVERSION!r}")
    if not _TYPE.fullmatch(_one(found, "type")):
        raise NotAnEvent(f"ce_type is {found['type']!r}, allowed: alliance.<name>.v<number>")
    if not _ID.fullmatch(_one(found, "id")):
        raise NotAnEvent(f"ce_id is {found['id']!r}, allowed: 1–100 printable ASCII characters")
    if owner is not None and _one(found, "source") != f"/{owner}":
        raise NotAnEvent(f"ce_source is {found['source']!r} on the topic of /{owner}")
    if value is None:
        raise NotAnEvent("the record has no value (a tombstone); events are never deleted")
    try:
        data = value.decode("utf-8")
    except UnicodeDecodeError:
        raise NotAnEvent("the data is not UTF-8") from None
    return Envelope(
        id=found["id"],
        source=_one(found, "source"),
        type=found["type"],
        subject=_one(found, "subject"),
        subject_version=_number(found, "subjectversion", least=1),
        time=_moment(found),
        actor=_one(found, "actor"),
        correlation_id=_one(found, "correlationid"),
        causation_id=found.get("causationid"),
        traceparent=found.get("traceparent"),
        sequence=_number(found, "sequence", least=0),
        data=data,
    )


def _one(found: Mapping[str, str], attribute: str) -> str:
    if not found.get(attribute):
        raise NotAnEvent(f"header ce_{attribute} is missing or empty")
    return found[attribute]


def _number(found: Mapping[str, str], attribute: str, least: int) -> int:
    text = _one(found, attribute)
    if not (text.isascii() and text.isdigit() and len(text) <= 20 and least <= int(text) < 2**53):
        raise NotAnEvent(f"ce_{attribute} is {text!r}, allowed: a whole number from {least}")
    return int(text)


def _moment(found: Mapping[str, str]) -> str:
    text = _one(found, "time")
    try:
        if not _TIME.fullmatch(text):
            raise ValueError
        datetime.fromisoformat(text)
    except ValueError:
        raise NotAnEvent(f"ce_time is {text!r}, allowed: RFC 3339 with an offset") from None
    return text


def rfc3339(moment: datetime) -> str:
    """UTC with microseconds and a `Z`: the one form of every time that is stored."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
