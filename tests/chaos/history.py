"""What must be true of a history, whatever was killed meanwhile: pure checks, each giving faults.

A history is what clients were answered, what each store's log holds, what Kafka's topics hold and
what each inbox says it handled. No check starts, reads or waits for anything, so each is tested on
histories that are wrong on purpose (test_history.py).
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from shared.log import envelope

Document = dict[str, Any]
ENDS = ("match-released", "match-declined", "match-lapsed")


class Seen(NamedTuple):
    """One record as it lies in a topic."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]

    @property
    def header(self) -> dict[str, str]:
        """Its headers, as text."""
        return {name: raw.decode() for name, raw in self.headers}

    @property
    def event_id(self) -> str:
        """Which event it is a copy of."""
        return self.header.get("ce_id", "")


@dataclass(frozen=True)
class Answer:
    """A command that was answered 201: its key, whose log must say so, with what, about what."""

    key: str
    owner: str
    name: str
    subject: str


Logs = Mapping[str, Sequence[Document]]


def answered_and_recorded(answers: Iterable[Answer], logs: Logs) -> list[str]:
    """Every answered command is in its owner's log once, by its correlation id, as answered."""
    found: dict[tuple[str, str, str], list[str]] = {}
    for owner, log in logs.items():
        for d in log:
            found.setdefault((owner, d["correlation_id"], _name(d)), []).append(d["subject"])
    faults = []
    for a in answers:
        subjects = found.get((a.owner, a.key, a.name), [])
        if not subjects:
            faults.append(f"{a.key}: {a.name} {a.subject} was answered and is not in the log")
        elif len(subjects) > 1:
            faults.append(f"{a.key}: {a.name} is in the log {len(subjects)} times: {subjects}")
        elif subjects != [a.subject]:
            faults.append(f"{a.key}: {a.name} was answered {a.subject}, recorded {subjects[0]}")
    return faults


def nothing_unasked(keys: Iterable[str], logs: Logs) -> list[str]:
    """No event belongs to anything but the commands that were asked for."""
    known = set(keys)
    return [
        f"{owner}: {_name(d)} {d['_id']} belongs to {d['correlation_id']}, which nobody asked for"
        for owner, log in logs.items()
        for d in log
        if d["correlation_id"] not in known
    ]


def positions_are_gapless(log: Iterable[Document]) -> list[str]:
    """Every event has a position of its own, and they run from 0."""
    positions = [d["position"] for d in log]
    faults = [f"{positions.count(None)} events have no position"] if None in positions else []
    counted = Counter(p for p in positions if p is not None)
    faults += [f"position {p} is given {n} times" for p, n in sorted(counted.items()) if n > 1]
    faults += [f"no event at position {p}" for p in range(len(positions)) if p not in counted]
    return faults


def leaves_are_hashes(owner: str, log: Iterable[Document]) -> list[str]:
    """Every event's leaf is the hash of what is stored."""
    return [
        f"{owner}: the leaf of {d['_id']} is not its hash"
        for d in log
        if d.get("leaf") != envelope(owner, d).leaf_hash()
    ]


def published_as_recorded(
    owner: str, log: Iterable[Document], records: Iterable[Seen]
) -> list[str]:
    """The topic holds every stored event and nothing else, and every copy has the stored bytes."""
    stored = {d["_id"]: envelope(owner, d) for d in log}
    faults, seen = [], set()
    for r in records:
        where = f"{owner}[{r.partition}]@{r.offset}"
        event = stored.get(r.event_id)
        if event is None:
            faults.append(f"{where} is event {r.event_id}, which is not in the log")
            continue
        seen.add(event.id)
        for what, is_, recorded in (
            ("key", r.key, event.key()),
            ("value", r.value, event.value()),
            ("headers", sorted(r.headers), sorted(event.headers())),
        ):
            if is_ != recorded:
                faults.append(f"{where}: another {what} of {event.id} than was recorded: {is_!r}")
    faults += [f"{owner}: {i} was recorded and never published" for i in stored if i not in seen]
    return faults


def copies_are_identical(records: Iterable[Seen]) -> list[str]:
    """All copies of an event are the same in every byte, and in the same partition."""
    copies: dict[str, set[Any]] = {}
    for r in records:
        copies.setdefault(r.event_id, set()).add((r.partition, r.key, r.value, r.headers))
    return [f"{i} was published in {len(c)} ways" for i, c in copies.items() if len(c) > 1]


def subjects_are_in_order(records: Iterable[Seen]) -> list[str]:
    """A reader that skips what it has seen gets each subject's versions 1, 2, 3 … and positions
    that only grow, within a partition."""
    latest: dict[str, int] = {}
    position: dict[int, int] = {}
    seen: set[str] = set()
    faults = []
    for r in sorted(records, key=lambda r: (r.partition, r.offset)):
        if r.event_id in seen:
            continue
        seen.add(r.event_id)
        subject, version = r.header["ce_subject"], int(r.header["ce_subjectversion"])
        if version != (due := latest.get(subject, 0) + 1):
            faults.append(f"[{r.partition}]@{r.offset}: {subject} is at {version}, due is {due}")
        latest[subject] = version
        at = int(r.header["ce_sequence"])
        if at < position.get(r.partition, -1):
            faults.append(f"[{r.partition}]@{r.offset}: position {at} after a later one")
        position[r.partition] = at
    return faults


def handled_once(types: Iterable[str], logs: Logs, inbox: Iterable[str]) -> list[str]:
    """A subscriber's inbox (`/source id`) holds each event of these types once, and no other."""
    wanted = set(types)
    due = {
        f"/{owner} {d['_id']}" for owner, log in logs.items() for d in log if d["type"] in wanted
    }
    have = Counter(inbox)
    return [
        *(f"{i} was never handled" for i in sorted(due - have.keys())),
        *(f"{i} was handled, and nobody recorded it" for i in sorted(have.keys() - due)),
        *(f"{i} was handled {n} times" for i, n in sorted(have.items()) if n > 1),
    ]


def learnt_once(
    log: Iterable[Document], types: Iterable[str], projection: Iterable[Document]
) -> list[str]:
    """A projection has one document for each subject, with each of its events folded in once."""
    wanted = set(types)
    due = Counter(d["subject"] for d in log if d["type"] in wanted)
    have = Counter({d["_id"]: d["revision"] for d in projection})
    return [
        f"{subject} has {due[subject]} events, and {have[subject]} were folded in"
        for subject in sorted(due.keys() | have.keys())
        if due[subject] != have[subject]
    ]


def one_live_match(log: Iterable[Document]) -> list[str]:
    """Never two live matches between one pledge line and one requirement line: no round, and
    nothing that was released, had its effect twice."""
    live: dict[str, tuple[str, int, str, int]] = {}
    faults = []
    for d in sorted(log, key=lambda d: int(d["position"])):
        data, match = json.loads(d["data"]), d["subject"]
        if _name(d) == "match-proposed":
            pair = (data["pledge_id"], data["pledge_line"], data["need_id"], data["need_line"])
            if pair in live.values():
                faults.append(f"{match} at {d['position']}: a second live match of {pair}")
            live[match] = pair
        elif _name(d) in ENDS and live.pop(match, None) is None:
            faults.append(f"{match} at {d['position']}: {_name(d)}, and it was not live")
    return faults


def copies(records: Iterable[Seen]) -> int:
    """How many records are a second or later copy of an event."""
    counted = Counter(r.event_id for r in records)
    return sum(counted.values()) - len(counted)


def comes_again(
    committed: Mapping[tuple[str, int], int],
    handled: Iterable[str],
    topics: Mapping[str, Sequence[Seen]],
) -> int:
    """How many records a group that died will be given again though it has handled them: from its
    committed offsets on (0 where there is none), by (owner, partition)."""
    known = set(handled)
    return sum(
        r.offset >= committed.get((owner, r.partition), 0) and f"/{owner} {r.event_id}" in known
        for owner, records in topics.items()
        for r in records
    )


def _name(document: Document) -> str:
    """`need-posted` of `alliance.need-posted.v1`."""
    return str(document["type"]).split(".")[1]
