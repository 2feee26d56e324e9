"""What is no event, and what a handler cannot take, never stops the events behind it."""

import hashlib
import json
import os
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest
import pytest_asyncio
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.record.util import calc_crc32c

from shared.events import Envelope
from shared.events.ids import Id
from shared.events.projects import NeedAmended, NeedPosted, NeedWithdrawn
from tests.connected.acting import Acting, Json, until
from tests.given import an_id, funding
from tests.waiting import within

TOPIC, LETTERS = "projects.events", "matching.dead-letters"
PARTITION = 1
WITHIN = 10.0
"""Seconds after which a good event behind a poison is handled, whatever the poison is."""

Headers = list[tuple[str, bytes | None]]


def a_need(need_id: str | None = None) -> NeedPosted:
    """What projects says when a need is posted."""
    return NeedPosted.model_validate_json(
        json.dumps(
            {
                "need_id": need_id or str(Id.new()),
                "authority_id": str(an_id(Id, "nobody")),
                "territory": ["UA32080150010049888"],
                "sector": "education",
                "project_type": "rehabilitation",
                "title": {"en": "A school", "uk": "Школа"},
                "lines": [funding(1, "100.00").model_dump(mode="json", exclude_none=True)],
                "urgency": "normal",
            }
        )
    )


def recorded(event: NeedPosted | NeedAmended | NeedWithdrawn, version: int = 1) -> Envelope:
    """An event as projects' relay would publish it, at a position far from the real ones."""
    return Envelope(
        id=str(Id.new()),
        source="/projects",
        type=event.ce_type(),
        subject=event.subject,
        subject_version=version,
        time="2026-03-05T12:02:00.000000Z",
        actor="operator:test",
        correlation_id=str(Id.new()),
        data=event.data(),
        sequence=10**6,
    )


@dataclass
class Raw:
    """One record, before it is sent."""

    need_id: str
    key: bytes | None
    value: bytes | None
    headers: Headers
    compressed: bool = False

    def header(self, name: str) -> bytes | None:
        """A header's value."""
        return dict(self.headers)[name]


def raw(envelope: Envelope) -> Raw:
    """A good record."""
    return Raw(envelope.subject, envelope.key(), envelope.value(), list(envelope.headers()))


Spoil = Callable[[Raw], Raw]


def value(spoilt: bytes | None) -> Spoil:
    """The whole value is something else."""
    return lambda r: replace(r, value=spoilt)


def text(before: str, after: str) -> Spoil:
    """A part of the value's text is something else."""

    def spoil(r: Raw) -> Raw:
        assert r.value is not None
        was = r.value.decode()
        assert before in was, was
        return replace(r, value=was.replace(before, after).encode())

    return spoil


def data(change: Callable[[Json], object]) -> Spoil:
    """The data are changed, as JSON."""

    def spoil(r: Raw) -> Raw:
        assert r.value is not None
        found: Json = json.loads(r.value)
        change(found)
        return replace(r, value=json.dumps(found).encode())

    return spoil


def line(**fields: Any) -> Spoil:
    """Fields of the only line are something else."""
    return data(lambda d: d["lines"][0].update(fields))


def money(**fields: Any) -> Spoil:
    """Fields of the only amount are something else."""
    return data(lambda d: d["lines"][0]["amount"].update(fields))


def extra(json_text: str) -> Spoil:
    """A field that nobody knows, first."""
    return text('{"authority_id"', f'{{"aaa":{json_text},"authority_id"')


def header(name: str, *values: bytes | None) -> Spoil:
    """A header is something else, is there several times, or not at all."""

    def spoil(r: Raw) -> Raw:
        others = [h for h in r.headers if h[0] != name]
        return replace(r, headers=[*others, *((name, v) for v in values)])

    return spoil


def structured(r: Raw) -> Raw:
    """The same event in CloudEvents' structured mode, which is not ours."""
    assert r.value is not None
    event = {n.removeprefix("ce_"): (v or b"").decode() for n, v in r.headers if n[:3] == "ce_"}
    whole = json.dumps(event | {"data": json.loads(r.value)}).encode()
    return replace(
        r, value=whole, headers=[("content-type", b"application/cloudevents+json; charset=UTF-8")]
    )


NOISE = os.urandom(1_040_000)
ATTRIBUTES = (
    "specversion",
    "type",
    "id",
    "source",
    "subject",
    "subjectversion",
    "time",
    "actor",
    "correlationid",
    "sequence",
)

BROKEN: dict[str, Spoil] = {
    # the value
    "an empty value": value(b""),
    "a tombstone": value(None),
    "white space": value(b" \n"),
    "bytes that are not UTF-8": value(b"\xff\xfe\x00"),
    "UTF-16": lambda r: replace(r, value=(r.value or b"").decode().encode("utf-16")),
    "half a JSON text": lambda r: replace(r, value=(r.value or b"")[:-20]),
    "JSON and something behind it": lambda r: replace(r, value=(r.value or b"") + b"{}"),
    "a byte order mark": lambda r: replace(r, value=b"\xef\xbb\xbf" + (r.value or b"")),
    "an array": value(b"[]"),
    "a number": value(b"42"),
    "a string": value(b'"need-posted"'),
    "null": value(b"null"),
    "an empty object": value(b"{}"),
    "arrays 100,000 deep": value(b"[" * 100_000 + b"]" * 100_000),
    "a field nobody knows, 50,000 deep": extra("[" * 50_000 + "]" * 50_000),
    "a field given twice": text('{"authority_id"', '{"urgency":"high","authority_id"'),
    "NaN": extra("NaN"),
    "infinity": extra("-Infinity"),
    "a number of 5,000 digits": extra("9" * 5_000),
    "half a surrogate pair": text('"A school"', '"A \\ud800 school"'),
    "half a surrogate pair in a field nobody knows": extra('"\\udfff"'),
    "a raw control character": text("A school", "A \x00school"),
    "an escaped control character": text("A school", "A \\u001b[2J school"),
    "megabytes of noise": value(NOISE),
    "5 MB that the broker saw as 5 kB": lambda r: replace(
        r, value=b" " * 5_000_000, compressed=True
    ),
    # its fields
    "a missing field": data(lambda d: d.pop("title")),
    "a null field": data(lambda d: d.update(title=None)),
    "a text for a list": data(lambda d: d.update(lines="all")),
    "no line": data(lambda d: d.update(lines=[])),
    "an unknown kind of line": line(kind="prayers"),
    "line zero": line(line=0),
    "a negative line": line(line=-1),
    "a line beyond 64 bits": line(line=2**70),
    "a line in half": line(line=1.5),
    "a line as text": line(line="1"),
    "a float for money": money(amount=100.5),
    "a negative amount": money(amount="-100.00"),
    "an amount with an exponent": money(amount="1e9"),
    "an amount that is no number": money(amount="NaN"),
    "an amount of 40 digits": money(amount="9" * 40),
    "an amount in other digits": money(amount="١٠٠"),
    "an id that is none": data(lambda d: d.update(authority_id="../../etc/passwd")),
    "an unknown sector": data(lambda d: d.update(sector="warfare")),
    # the headers
    "no header at all": lambda r: replace(r, headers=[]),
    "the structured mode": structured,
    **{f"no ce_{name}": header(f"ce_{name}") for name in ATTRIBUTES},
    "an empty ce_subject": header("ce_subject", b""),
    "a null ce_id": header("ce_id", None),
    "a null ce_causationid": header("ce_causationid", None),
    "a ce_actor that is not UTF-8": header("ce_actor", b"\xff"),
    "an attribute nobody knows that is not UTF-8": header("ce_mood", b"\xc3"),
    "two ids": header("ce_id", b"019f0000-0000-7000-8000-000000000001", b"another"),
    "another's source": header("ce_source", b"/matching"),
    "an older specversion": header("ce_specversion", b"0.3"),
    "a type without prefix": header("ce_type", b"need-posted.v1"),
    "a type without version": header("ce_type", b"alliance.need-posted"),
    "a type with version zero": header("ce_type", b"alliance.need-posted.v0"),
    "an id with a space": header("ce_id", b"one two"),
    "an id that is not ASCII": header("ce_id", "номер".encode()),
    "an id of 101 characters": header("ce_id", b"x" * 101),
    "a time in words": header("ce_time", b"yesterday"),
    "a time without offset": header("ce_time", b"2026-03-05T12:02:00"),
    "a day that never was": header("ce_time", b"2026-02-30T12:02:00Z"),
    "version zero of its subject": header("ce_subjectversion", b"0"),
    "a negative version of its subject": header("ce_subjectversion", b"-1"),
    "a version beyond 2^53": header("ce_subjectversion", b"9007199254740992"),
    "a version of 30 digits": header("ce_subjectversion", b"1" * 30),
    "a version in other digits": header("ce_subjectversion", "١".encode()),
    "a negative position": header("ce_sequence", b"-1"),
    "another subject than the data's": header("ce_subject", str(Id.new()).encode()),
}
"""Records that are no event: each is a dead letter at once."""

SKIPPED: dict[str, Spoil] = {
    "an unknown type": header("ce_type", b"alliance.need-sung.v1"),
    "an unknown version": header("ce_type", b"alliance.need-posted.v9999"),
}

GOOD: dict[str, Spoil] = {
    "fields nobody knows": extra('{"deep":[1,{"er":null}],"\\u0000":1.5e300}'),
    "a field nobody knows of 900 kB": extra('"' + "x" * 900_000 + '"'),
    "an attribute nobody knows": header("ce_mood", "весело".encode()),
    "a header of somebody else's that is null": header("x-other", None),
    "a header of somebody else's that is not UTF-8": header("x-other", b"\xff"),
    "the same id twice": lambda r: replace(r, headers=[*r.headers, ("ce_id", r.header("ce_id"))]),
    "no key": lambda r: replace(r, key=None),
    "another order of its fields": lambda r: replace(
        r, value=json.dumps(dict(reversed(json.loads(r.value or b"").items()))).encode()
    ),
}
"""Records that are events, though not as we would write them: each is handled."""


class Raws:
    """Sends records as they are, and reads the dead letters that come of them."""

    def __init__(self, acting: Acting) -> None:
        self.acting = acting
        at = acting.system.addresses.kafka
        self._plain = AIOKafkaProducer(bootstrap_servers=at, max_request_size=1_100_000)
        self._gzip = AIOKafkaProducer(
            bootstrap_servers=at, max_request_size=2**28, compression_type="gzip"
        )
        self._letters = AIOKafkaConsumer(
            bootstrap_servers=at, enable_auto_commit=False, fetch_max_wait_ms=20
        )
        self.letters: dict[int, list[ConsumerRecord[Any, Any]]] = {}

    async def start(self) -> None:
        """Connect."""
        for part in (self._plain, self._gzip, self._letters):
            await part.start()
        at = TopicPartition(LETTERS, 0)
        self._letters.assign([at])
        await self._letters.seek_to_beginning(at)

    async def stop(self) -> None:
        """Disconnect."""
        for part in (self._plain, self._gzip, self._letters):
            await part.stop()

    async def send(self, *records: Raw) -> list[int]:
        """Send records to one partition, without a pause between them; their offsets."""
        futures = []
        for r in records:
            producer = self._gzip if r.compressed else self._plain
            futures.append(
                await producer.send(
                    TOPIC, r.value, key=r.key, partition=PARTITION, headers=r.headers
                )
            )
        return [(await future).offset for future in futures]

    async def send_batch(self, r: Raw, change: Callable[[bytes], bytes]) -> int:
        """Send a record in a batch whose bytes were changed as no client of ours would; its
        offset."""
        batch = self._plain.create_batch()
        batch.append(timestamp=None, key=r.key, value=r.value, headers=r.headers)
        changed = bytearray(change(bytes(batch._build())))
        changed[8:12] = (len(changed) - 12).to_bytes(4, "big")
        changed[17:21] = calc_crc32c(bytes(changed[21:])).to_bytes(4, "big")
        batch._buffer = changed
        sent = await (await self._plain.send_batch(batch, TOPIC, partition=PARTITION))
        return int(sent.offset)

    async def read_letters(self) -> None:
        """Read what has been added to the dead letters."""
        at = TopicPartition(LETTERS, 0)
        end = (await self._letters.end_offsets([at]))[at]
        while await self._letters.position(at) < end:
            for found in (await self._letters.getmany(timeout_ms=200)).values():
                for letter in found:
                    about = int(dict(letter.headers)["dlq-offset"] or b"")
                    self.letters.setdefault(about, []).append(letter)

    async def letters_of(self, offset: int) -> list[ConsumerRecord[Any, Any]]:
        """The dead letters about the record at an offset, as far as there are any now."""
        await self.read_letters()
        return self.letters.get(offset, [])

    async def letter(self, offset: int) -> ConsumerRecord[Any, Any]:
        """The only dead letter about the record at an offset, as soon as it is there."""
        deadline = time.monotonic() + within(WITHIN)
        while not (found := await self.letters_of(offset)):
            assert time.monotonic() < deadline, f"no dead letter about {offset}"
        [letter] = found
        return letter

    async def outcomes(self) -> dict[str, int]:
        """What matching's inbox did so far."""
        progress = await self.acting.got("matching", "/health/progress")
        found: dict[str, int] = progress["inbox"]
        return {"unknown": 0, "dead-letter": 0, "handled": 0} | found

    async def handled(self, *records: Raw) -> None:
        """Return as soon as matching has handled these, which must be soon."""
        store = self.acting.store["matching"]["inbox"]
        ids = [f"/projects {(r.header('ce_id') or b'').decode()}" for r in records]

        def all_there() -> bool:
            return store.count_documents({"_id": {"$in": ids}}) == len(ids)

        await until(all_there, WITHIN, "what stands behind the poison")

    def learnt(self, need_id: str) -> Json | None:
        """What matching knows of a need."""
        return self.acting.store["matching"]["requirements"].find_one({"_id": need_id})


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def raws(acting: Acting) -> AsyncIterator[Raws]:
    """A way to send anything to projects' topic; the process that reads it must stay the same."""
    found = Raws(acting)
    await found.start()
    pid = acting.system.process("matching").pid
    yield found
    assert acting.system.process("matching").pid == pid, "matching was restarted"
    await found.stop()


def is_letter_of(letter: ConsumerRecord[Any, Any], r: Raw, offset: int, reason: str) -> str:
    """Check a letter byte for byte against what was sent; its error."""
    assert letter.key == r.key
    assert hashlib.sha256(letter.value or b"").digest() == hashlib.sha256(r.value or b"").digest()
    assert (letter.value is None) == (r.value is None)
    assert list(letter.headers[: len(r.headers)]) == r.headers
    added = dict(letter.headers[len(r.headers) :])
    assert list(added) == ["dlq-reason", "dlq-error", "dlq-topic", "dlq-partition", "dlq-offset"]
    assert added["dlq-reason"] == reason.encode()
    assert added["dlq-topic"] == TOPIC.encode()
    assert added["dlq-partition"] == str(PARTITION).encode()
    assert added["dlq-offset"] == str(offset).encode()
    error = (added["dlq-error"] or b"").decode()
    assert error
    return error


async def in_good_health(acting: Acting) -> None:
    """matching is ready."""
    answer = await acting.read("matching", "/health/ready")
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("kind", BROKEN)
async def test_what_is_no_event_is_set_aside_and_the_next_is_handled(
    kind: str, raws: Raws, acting: Acting
) -> None:
    """Byte for byte in the dead letters, with where it was and why; nothing learnt from it."""
    poison, behind = BROKEN[kind](raw(recorded(a_need()))), raw(recorded(a_need()))
    before = await raws.outcomes()
    offset, _ = await raws.send(poison, behind)
    await raws.handled(behind)
    letter = await raws.letter(offset)
    is_letter_of(letter, poison, offset, "not-an-event")
    assert raws.learnt(poison.need_id) is None
    assert raws.learnt(behind.need_id) is not None
    after = await raws.outcomes()
    assert after["dead-letter"] == before["dead-letter"] + 1
    assert after["unknown"] == before["unknown"]
    await in_good_health(acting)


@pytest.mark.parametrize("kind", SKIPPED)
async def test_an_unknown_type_or_version_is_skipped_and_counted(
    kind: str, raws: Raws, acting: Acting
) -> None:
    """No dead letter: a newer writer is no fault; the next event is handled."""
    newer, behind = SKIPPED[kind](raw(recorded(a_need()))), raw(recorded(a_need()))
    before = await raws.outcomes()
    offset, _ = await raws.send(newer, behind)
    await raws.handled(behind)
    after = await raws.outcomes()
    assert after["unknown"] == before["unknown"] + 1
    assert after["dead-letter"] == before["dead-letter"]
    assert await raws.letters_of(offset) == []
    assert raws.learnt(newer.need_id) is None
    await in_good_health(acting)


@pytest.mark.parametrize("kind", GOOD)
async def test_what_a_reader_does_not_know_it_ignores(kind: str, raws: Raws) -> None:
    """Unknown fields, attributes and headers stand in no event's way."""
    odd = GOOD[kind](raw(recorded(a_need())))
    before = await raws.outcomes()
    [offset] = await raws.send(odd)
    await raws.handled(odd)
    assert await raws.letters_of(offset) == []
    known = raws.learnt(odd.need_id)
    assert known is not None
    assert known["lines"][0]["amount"] == {"amount": "100.00", "currency": "EUR"}
    assert (await raws.outcomes())["handled"] == before["handled"] + 1


async def test_a_handler_that_keeps_failing_parks_its_subject_only(
    raws: Raws, acting: Acting
) -> None:
    """A few attempts, then a dead letter; later events of the subject wait behind it there, and
    other subjects of the partition go on."""
    stranger = str(Id.new())
    amended = NeedAmended(
        need_id=a_need(stranger).need_id,
        authority_id=a_need().authority_id,
        reason="less is asked",
        lines=(funding(1, "50.00"),),
        lines_before=(funding(1, "100.00"),),
    )
    failing = raw(recorded(amended, 2))
    later = raw(recorded(a_need(stranger), 3))
    others = [raw(recorded(a_need())) for _ in range(3)]
    first, second, *_ = await raws.send(failing, later, *others)
    await raws.handled(*others)
    letter = await raws.letter(first)
    error = is_letter_of(letter, failing, first, "handler-failed")
    assert "NotFound" in error
    failing_id = (failing.header("ce_id") or b"").decode()
    parked = await raws.letter(second)
    assert failing_id in is_letter_of(parked, later, second, "parked")
    log = acting.system.process("matching").log_file.read_text().splitlines()
    attempts = [e for e in log if failing_id in e and " failed: " in e]
    assert 2 <= len(attempts) <= 6
    assert raws.learnt(stranger) is None
    assert acting.store["matching"]["parked"].find_one({"_id": f"/projects {stranger}"})
    much_later = raw(recorded(a_need(stranger), 4))
    [third] = await raws.send(much_later)
    letter = await raws.letter(third)
    assert failing_id in is_letter_of(letter, much_later, third, "parked")
    await in_good_health(acting)


async def test_a_good_event_before_a_broken_one_of_its_subject_is_handled(raws: Raws) -> None:
    """In one batch too: what came first is not set aside for what came after."""
    need = a_need()
    withdrawn = NeedWithdrawn(
        need_id=need.need_id, authority_id=need.authority_id, reason="built elsewhere"
    )
    for _ in range(3):
        need = a_need()
        withdrawn = withdrawn.model_copy(update={"need_id": need.need_id})
        good, broken = raw(recorded(need)), raw(recorded(withdrawn, 2))
        broken.value = b'{"nonsense":'
        after = raw(recorded(withdrawn, 3))
        _, second, third = await raws.send(good, broken, after)
        await raws.handled(good)
        assert (known := raws.learnt(need.need_id)) is not None
        assert known["open"] is True
        letter = await raws.letter(second)
        is_letter_of(letter, broken, second, "not-an-event")
        letter = await raws.letter(third)
        is_letter_of(letter, after, third, "parked")


async def test_poison_between_a_hundred_good_events_loses_none_of_them(raws: Raws) -> None:
    """Every good one is handled once, every bad one set aside once, in one burst."""
    kinds = [k for k in BROKEN if "MB" not in k and "megabytes" not in k]
    good = [raw(recorded(a_need())) for _ in range(100)]
    mixed: list[Raw] = []
    for number, one in enumerate(good):
        mixed.append(one)
        if number < len(kinds):
            mixed.append(BROKEN[kinds[number]](raw(recorded(a_need()))))
    offsets = dict(zip(map(id, mixed), await raws.send(*mixed), strict=True))
    await raws.handled(*good)
    bad = [r for r in mixed if not any(r is one for one in good)]
    await raws.letter(offsets[id(bad[-1])])
    for r in bad:
        [letter] = raws.letters[offsets[id(r)]]
        is_letter_of(letter, r, offsets[id(r)], "not-an-event")
    for r in good:
        assert offsets[id(r)] not in raws.letters
        assert (raws.learnt(r.need_id) or {}).get("revision") == 1
