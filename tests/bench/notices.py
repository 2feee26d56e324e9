"""`make bench-notices`: a backlog of notices drained to a local mail server, beside a floor.

The service runs as it does anywhere: a process with its relay and consumer, on real Kafka and a
real store, and a mail server (aiosmtpd) that is another process. The floor is bare aiosmtplib
with as many connections, handing the same messages, written beforehand, to the same mail server.
What is measured ends when the last outcome is recorded. A faster server than SecantusDB's Python
one is used where ALLIANCE_STORE_SERVER names it.
"""

import argparse
import asyncio
import os
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import aiosmtplib

from deploy.local.ports import free_port
from deploy.local.stack import Stack
from services.notify import queries
from services.notify import store as own
from services.notify.by_mail import ByMail
from services.notify.delivery import Queued
from services.notify.model import notice_id
from services.notify.settings import NotifySettings
from services.notify.store import FACTS, RECORDS
from services.notify.vault import CONTACTS
from shared.actor import Actor, Cause
from shared.events.ids import ContactRef, MemberId, NeedId
from shared.events.members import MemberApplied
from shared.events.notify import ContactChanged, ContactVerified, NoticeQueued
from shared.events.projects import NeedPosted
from shared.log import LOG, Held, held
from shared.mongo import Session, Store
from shared.uow import UnitOfWork
from tests.notify.running import Notify, until
from tests.notify.samples import IRPIN, Logs, applied, need_posted

CONTACTS_MADE = 500
DOMAINS = 100
AT_A_TIME = 250


class Drained(NamedTuple):
    """Notices a second, the floor's messages a second, and resident bytes of the service: early
    on, at the most, and at the end."""

    rate: float
    floor: float
    early: int
    most: int
    last: int


async def fill(
    mongo: Store, number: int, domain: Callable[[int], str] = lambda i: f"town{i % DOMAINS}.example"
) -> None:
    """Queue so many notices, each of an event of its own, to 500 contacts in turn, which are in
    100 mail domains, or those that are given."""
    await mongo.ensure(RECORDS.indexes())
    members = [MemberId.new() for _ in range(CONTACTS_MADE)]
    refs = [ContactRef.new() for _ in members]
    contacts = [
        {"_id": ref, "email": f"office{i}@{domain(i)}"} | _SPOKEN for i, ref in enumerate(refs)
    ]
    await mongo[CONTACTS].insert_many([contact | {"edition": 1} for contact in contacts])
    await mongo[own.contact_states.name].insert_many([_verified(ref) for ref in refs])
    logs = Logs()
    recipients = [(_member(member, ref)) for member, ref in zip(members, refs, strict=True)]
    await mongo["recipients"].insert_many([_learnt(own.recipients, e, logs) for e in recipients])
    for start in range(0, number, AT_A_TIME):
        numbers = range(start, min(start + AT_A_TIME, number))
        events = [_need(members[i % CONTACTS_MADE]) for i in numbers]
        envelopes = [logs.envelope(event) for event in events]
        await mongo[FACTS].insert_many([{"_id": e.id, **asdict(e)} for e in envelopes])
        await mongo["needs"].insert_many([_learnt(own.needs, e, logs) for e in events])
        queued = [
            NoticeQueued(
                notice_id=notice_id(envelope.id, event.authority_id, "need-posted"),
                recipient_id=event.authority_id,
                contact_ref=refs[i % CONTACTS_MADE],
                channel="email",
                message="need-posted",
                about=envelope.id,
                about_type=envelope.type,
                thread=event.need_id,
            )
            for i, event, envelope in zip(numbers, events, envelopes, strict=True)
        ]

        async def work(session: Session, queued: list[NoticeQueued] = queued) -> None:
            cause = Cause(str(MemberId.new()))
            uow = UnitOfWork(
                mongo, session, RECORDS, actor=Actor("bench"), cause=cause, now=datetime.now(UTC)
            )
            await uow.preload(queued)
            for event in queued:
                await uow.record(own.notices, event)
            await uow.flush()

        await mongo.transaction(work)


_SPOKEN = {"language": "uk", "timezone": "Europe/Kyiv"}


def _member(member: MemberId, ref: ContactRef) -> MemberApplied:
    return applied(IRPIN).model_copy(update={"member_id": member, "contact_ref": ref})


def _need(authority: MemberId) -> NeedPosted:
    return need_posted(NeedId.new()).model_copy(update={"authority_id": authority})


def _verified(ref: ContactRef) -> dict[str, Any]:
    document: Held[Any] = Held()
    for event in (ContactChanged, ContactVerified):
        told = event(contact_ref=ref, edition=1)
        document.fold(own.contact_states, told, ref, str(MemberId.new()))
    return document.document(ref)


def _learnt(collection: Any, event: Any, logs: Logs) -> dict[str, Any]:
    document: Held[Any] = Held()
    document.fold(collection, event, event.subject, logs.envelope(event).id)
    return document.document(event.subject)


async def floor(mongo: Store, settings: NotifySettings, number: int) -> float:
    """Messages a second of bare aiosmtplib, with those that are queued now."""
    messages = [(p.content, p.to) async for p in _written(mongo, settings, number)]
    left = iter(messages)

    async def connection() -> None:
        client = aiosmtplib.SMTP(
            hostname=settings.smtp_host, port=settings.smtp_port, start_tls=False
        )
        async with client:
            for content, to in left:
                await client.sendmail("noreply@alliance.example", [to], content)

    started = time.perf_counter()
    await asyncio.gather(*(connection() for _ in range(settings.smtp_connections)))
    return number / (time.perf_counter() - started)


async def _written(mongo: Store, settings: NotifySettings, number: int) -> Any:
    carrier = ByMail(settings, mongo)
    ids: list[str] = []
    documents = await queries.due(mongo, "email", "9", limit=number)
    for start in range(0, number, AT_A_TIME):
        page = documents[start : start + AT_A_TIME]
        entries = await queries.entries(mongo, [d["last_event"] for d in page])
        bundles = []
        for document in page:
            notice = held(own.notices, document).state
            assert notice is not None
            ids.append(notice.id)
            bundles.append((Queued(notice, entries[document["last_event"]]),))
        for written in await carrier.write(bundles):
            assert written.parcel is not None
            yield written.parcel


def drain(stack: Stack, number: int, smtp_port: int, connections: int) -> Drained:
    """Fill, measure the floor, start the service, and wait until all is sent."""
    settings = NotifySettings(
        kafka=stack.addresses.kafka,
        mongodb=stack.addresses.mongodb,
        jwks_file=Path("/dev/null"),
        smtp_host="127.0.0.1",
        smtp_port=smtp_port,
        smtp_connections=connections,
    )

    async def prepare() -> float:
        mongo = Store(stack.addresses.mongodb, "notify", patience=30)
        await fill(mongo, number)
        bare = await floor(mongo, settings, number)
        mongo.close()
        return bare

    bare = asyncio.run(prepare())
    notify = Notify(stack)
    notices = notify.db["notices"]
    notify.start(
        smtp_port,
        ready=False,
        ALLIANCE_SMTP_CONNECTIONS=str(connections),
        ALLIANCE_LOG_LEVEL="WARNING",
    )
    sent_before = until(lambda: notices.count_documents({"status": "sent"}))
    started = datetime.now(UTC)
    early = most = last = 0
    while (sent := notices.count_documents({"status": "sent"})) < number:
        last = notify.process.memory()
        most = max(most, last)
        if sent > number / 20:
            early = early or last
        time.sleep(2)  # a slow store takes a tenth of a second to count them
    ended = notify.db[LOG].find_one(sort=[("_id", -1)])
    assert ended is not None
    taken = datetime.fromisoformat(ended["time"]) - started
    rate = (number - sent_before) / taken.total_seconds()
    last = notify.process.memory()
    notify.process.stop()
    return Drained(rate, bare, early or last, max(most, last), last)


def bench(number: int, connections: int) -> Drained:
    """On a stack of its own."""
    with tempfile.TemporaryDirectory(prefix="alliance-bench-") as root:
        stack = Stack(Path(root))
        stack.start()
        port = free_port()
        sink = stack.process("sink", [sys.executable, "-m", "tests.bench.sink", str(port)])
        try:
            sink.start()
            until(lambda: _listens(port))
            return drain(stack, number, port, connections)
        finally:
            sink.stop()
            stack.stop()


def _listens(port: int) -> bool:
    with socket.socket() as found:
        return found.connect_ex(("127.0.0.1", port)) == 0


def lines(found: Drained, number: int, connections: int) -> Iterator[str]:
    """The figures in words."""
    yield f"store: {os.environ.get('ALLIANCE_STORE_SERVER', 'the default')}"
    yield f"{number:,} notices over {connections} connections: {found.rate:,.0f}/s until recorded"
    yield (
        f"bare aiosmtplib, the same messages written beforehand: {found.floor:,.0f}/s;"
        f" ratio {found.rate / found.floor:.2f}"
    )
    early, most, last = (n / 2**20 for n in (found.early, found.most, found.last))
    yield f"resident: {early:.0f} MiB after a twentieth, {most:.0f} at most, {last:.0f} at the end"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--notices", type=int, default=10_000)
    parser.add_argument("--connections", type=int, default=8)
    options = parser.parse_args()
    for line in lines(
        bench(options.notices, options.connections), options.notices, options.connections
    ):
        print(line)


if __name__ == "__main__":
    main()
