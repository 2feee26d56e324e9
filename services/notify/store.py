"""Collections of notify, which event changes which document, and what is beside the log."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from pymongo import IndexModel

from services.notify import model
from services.notify.model import Match, Need, Notice, Partnership, Pledge, Recipient
from shared.events.envelope import Envelope
from shared.events.matching import (
    MatchAgreed,
    MatchDeclined,
    MatchLapsed,
    MatchProposed,
    MatchReleased,
    PledgeExpired,
    PledgeMade,
    PledgeWithdrawn,
)
from shared.events.members import (
    MemberAdmitted,
    MemberApplied,
    MemberRejected,
    PartnershipConfirmed,
    PartnershipDeclared,
    PartnershipEnded,
)
from shared.events.notify import NoticeFailed, NoticeQueued, NoticeSent
from shared.events.projects import (
    NeedPosted,
    NeedWithdrawn,
    ProjectCancelled,
    ProjectCompleted,
    ProjectStarted,
)
from shared.events.registry import Event
from shared.log import Folded, Records, State, held
from shared.mongo import Session, Store

notices = Folded(
    "notices",
    Notice,
    model.evolve_notice,
    {NoticeQueued: "notice_id", NoticeSent: "notice_id", NoticeFailed: "notice_id"},
    [IndexModel([("status", 1), ("last_event", 1)]), IndexModel([("recipient_id", 1), ("_id", 1)])],
)

recipients = Folded(
    "recipients",
    Recipient,
    model.evolve_recipient,
    dict.fromkeys((MemberApplied, MemberAdmitted, MemberRejected), "member_id"),
)

partnerships = Folded(
    "partnerships",
    Partnership,
    model.evolve_partnership,
    dict.fromkeys((PartnershipDeclared, PartnershipConfirmed, PartnershipEnded), "partnership_id"),
)

needs = Folded(
    "needs",
    Need,
    model.evolve_need,
    dict.fromkeys(
        (NeedPosted, ProjectStarted, NeedWithdrawn, ProjectCancelled, ProjectCompleted), "need_id"
    ),
)

pledges = Folded(
    "pledges",
    Pledge,
    model.evolve_pledge,
    dict.fromkeys((PledgeMade, PledgeWithdrawn, PledgeExpired), "pledge_id"),
)

matches = Folded(
    "matches",
    Match,
    model.evolve_match,
    dict.fromkeys(
        (MatchProposed, MatchAgreed, MatchDeclined, MatchLapsed, MatchReleased), "match_id"
    ),
)


FACTS = "facts"
"""Copies of the events that notices tell of, by their ids; their owners' logs hold them too."""

AWAITED = "awaited"
"""What is to be told to a member whose application has not been read yet, by the member's id."""

ATTEMPTS = "attempts"
"""How often a notice that is still queued was tried, and failed for the time being."""

RECORDS = Records(
    "notify",
    notices,
    recipients,
    partnerships,
    needs,
    pledges,
    matches,
    plain=("contacts", FACTS, AWAITED, ATTEMPTS),
)

Document = dict[str, Any]


async def keep_facts(store: Store, session: Session, event: Envelope) -> None:
    """Keep the event that a notice tells of."""
    entry = {"_id": event.id, **asdict(event)}
    await store[FACTS].replace_one({"_id": event.id}, entry, upsert=True, session=session)


async def facts(store: Store, about: str) -> Envelope | None:
    """The event that a notice tells of."""
    found = await store[FACTS].find_one({"_id": about}, {"_id": 0})
    return Envelope(**found) if found else None


async def await_member(store: Store, session: Session, member: str, waiting: Document) -> None:
    """Note what a member is told as soon as it is known."""
    await store[AWAITED].update_one(
        {"_id": member}, {"$push": {"waiting": waiting}}, upsert=True, session=session
    )


async def awaited(store: Store, session: Session, member: str) -> list[Document]:
    """Take what waited for a member.

    It writes where nothing waited, too: so it collides with whoever is about to let something
    wait, and one of the two sees the other.
    """
    found = await store[AWAITED].find_one_and_update(
        {"_id": member}, {"$set": {"waiting": []}}, upsert=True, session=session
    )
    return list(found["waiting"]) if found else []


async def queued(store: Store, not_these: Iterable[str], limit: int) -> list[Document]:
    """The documents of queued notices, first queued first."""
    query = {"status": "queued", "_id": {"$nin": list(not_these)}}
    return await store[notices.name].find(query).sort("last_event", 1).limit(limit).to_list(None)


async def standing(store: Store, events: Mapping[str, Event]) -> dict[str, list[State]]:
    """How what each event tells of stands at this moment, as far as it is known; by their keys."""
    places: tuple[tuple[Folded[Any], str], ...] = (
        (matches, "match_id"),
        (pledges, "pledge_id"),
        (needs, "need_id"),
        (partnerships, "partnership_id"),
        (recipients, "member_id"),
    )
    found: dict[str, list[State]] = {key: [] for key in events}
    for folded, name in places:
        wanted = {key: str(named) for key, e in events.items() if (named := getattr(e, name, None))}
        query = {"_id": {"$in": sorted(set(wanted.values()))}}
        documents = await store[folded.name].find(query).to_list(None) if wanted else []
        states = {d["_id"]: held(folded, d).state for d in documents}
        for key, named in wanted.items():
            if state := states.get(named):
                found[key].append(state)
    return found


async def titles(store: Store, ids: Iterable[str]) -> dict[str, dict[str, str]]:
    """Names of members and titles of needs and pledges, by id, as far as they are known."""
    wanted = {"_id": {"$in": list(ids)}}
    found: dict[str, dict[str, str]] = {}
    for collection, field in ((recipients, "names"), (needs, "title"), (pledges, "title")):
        async for document in store[collection.name].find(wanted, {field: 1}):
            found[document["_id"]] = document[field]
    return found
