"""What the demo claims, checked: each answer comes from the logs, the stores and the mailbox."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from cli.asked import Asked
from cli.laws import kept
from cli.rebuild import rebuild
from cli.services import NAMES, known
from cli.topics import lag, partitions, read_all, read_log
from deploy.local.mailbox import messages
from deploy.local.stack import Addresses
from services.matching.coverage import Coverage, evolve_coverage
from services.matching.store import coverages
from shared.events import read_event
from shared.events.notify import ContactMailSent, NoticeFailed, NoticeQueued, NoticeSent
from shared.log import INBOX, LOG, envelope
from shared.mongo import Store
from shared.replay import LogBroken, in_order


@dataclass(frozen=True)
class Check:
    """One claim: what it says, whether it held, and the figures or the fault."""

    claim: str
    held: bool
    detail: str


async def check_all(at: Addresses) -> list[Check]:
    """Every check of the demo, in the order they are shown."""
    found = [await logs_are_whole(at), await amounts_are_conserved(at)]
    found += [await state_is_rebuilt(at, service) for service in NAMES]
    return [*found, await everything_was_delivered(at), await everyone_was_told(at)]


async def logs_are_whole(at: Addresses) -> Check:
    """Positions run from 0 without a gap, and Kafka holds the bytes that each store recorded."""
    claim = "each log is gapless, and Kafka holds exactly what was recorded"
    total = 0
    for owner in NAMES:
        try:
            log = in_order(owner, await read_log(at.kafka, owner))
        except LogBroken as error:
            return Check(claim, False, str(error))
        store = Store(at.mongodb, owner)
        stored = [d async for d in store[LOG].find().sort("position", 1)]
        store.close()
        if [envelope(owner, d) for d in stored] != log:
            return Check(claim, False, f"{owner}: the topic is not what the store recorded")
        for document, event in zip(stored, log, strict=True):
            if document["leaf"] != event.leaf_hash():
                return Check(claim, False, f"{owner}: the leaf of {event.id} is not its hash")
        total += len(log)
    return Check(claim, True, f"{total} events in {len(NAMES)} logs")


async def amounts_are_conserved(at: Addresses) -> Check:
    """The books kept from matching's log are right at every event and at rest (laws.py), and show
    what matching shows."""
    claim = "the coverage adds up"
    matching = in_order("matching", await read_log(at.kafka, "matching"))
    projects = in_order("projects", await read_log(at.kafka, "projects"))
    books = kept(matching, Asked(projects, matching, await partitions(at.kafka, "projects")))
    if books.faults:
        return Check(claim, False, "; ".join(books.faults[:3]))
    covered: dict[str, Coverage] = {}
    for event in map(read_event, matching):
        for key in coverages.touched(event):
            covered[key] = evolve_coverage(covered.get(key), event)
    shown = {(n, int(k)): c.taken for n, all_ in covered.items() for k, c in all_.lines.items()}
    if shown != dict(books.covered):
        return Check(claim, False, f"matching shows {shown}, the books have {books.covered}")
    detail = f"{len(books.pledges)} pledges, {len(shown)} requirement lines, every event"
    return Check(claim, True, detail)


async def state_is_rebuilt(at: Addresses, service: str) -> Check:
    """A service's collections, folded from the logs alone, equal the live ones."""
    found = await rebuild(service, at.kafka, at.mongodb)
    detail = f"{sum(found.documents.values())} documents from {found.events} events"
    if not found.equal:
        detail = "; ".join(found.different[:3])
    return Check(f"{service} rebuilt from the logs equals the live store", found.equal, detail)


async def everything_was_delivered(at: Addresses) -> Check:
    """Each event that a service handles is in its inbox, its offsets are committed to the end,
    and no dead letter was written."""
    claim = "every event was delivered to every subscriber"
    delivered = 0
    for name in NAMES:
        on = known(name).on
        wanted = {event.ce_type() for event in on.events()}
        store = Store(at.mongodb, name)
        inbox = {d["_id"] async for d in store[INBOX].find({}, {"_id": 1})}
        store.close()
        for topic in on.topics():
            for event in await read_log(at.kafka, topic.removesuffix(".events")):
                if event.type in wanted and event.identity not in inbox:
                    return Check(claim, False, f"{name} has not handled {event.type} {event.id}")
        delivered += len(inbox)
        if letters := await read_all(at.kafka, f"{name}.dead-letters"):
            return Check(claim, False, f"{name} has {len(letters)} dead letters")
    behind = await lag(at.kafka, {n: known(n).on.topics() for n in NAMES})
    if left := _total(behind.values()):
        return Check(claim, False, f"{left} records are not committed: {behind}")
    return Check(claim, True, f"{delivered} deliveries, no lag, no dead letters")


async def everyone_was_told(at: Addresses) -> Check:
    """Each notice that was decided was sent once, or had been overtaken when its turn came, and the
    mail server has those messages only, beside those by which addresses were verified."""
    claim = "every notice was sent once, and the mailbox holds exactly those"
    events = [read_event(e) for e in in_order("notify", await read_log(at.kafka, "notify"))]
    queued = {e.notice_id for e in events if isinstance(e, NoticeQueued)}
    sent = {e.notice_id: e.message_id for e in events if isinstance(e, NoticeSent)}
    overtaken = {
        e.notice_id for e in events if isinstance(e, NoticeFailed) and e.reason == "superseded"
    }
    asked = Counter(e.message_id for e in events if isinstance(e, ContactMailSent))
    received = Counter(str(m["Message-ID"]) for m in messages(at.maildir))
    if queued != sent.keys() | overtaken:
        told = f"{len(queued)} decided, {len(sent)} sent, {len(overtaken)} overtaken"
        return Check(claim, False, told)
    if received - asked != Counter(sent.values()) or asked - received:
        everything = f"{len(sent)} sent, {asked.total()} about addresses"
        return Check(claim, False, f"{everything}, {received.total()} received")
    return Check(claim, True, f"{len(sent)} e-mails, and {asked.total()} to verify addresses")


def _total(lags: Iterable[dict[str, int]]) -> int:
    return sum(sum(partitions.values()) for partitions in lags)
