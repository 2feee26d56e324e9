"""Collections of notify, which event changes which document, and what is beside the log."""

from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from pymongo import IndexModel

from services.notify import model
from services.notify.model import Match, Need, Notice, Pledge, Recipient
from services.notify.preferences import Preferences
from services.notify.preferences import evolve as evolve_preferences
from shared.events.envelope import Envelope, rfc3339
from shared.events.matching import (
    MatchAgreed,
    MatchDeclined,
    MatchLapsed,
    MatchProposed,
    MatchReleased,
    PledgeMade,
)
from shared.events.members import MemberApplied
from shared.events.notify import (
    NoticeFailed,
    NoticeQueued,
    NoticeSent,
    NoticeWithheld,
    PreferencesChanged,
)
from shared.events.projects import NeedPosted, ProjectStarted
from shared.log import Folded, Records
from shared.mongo import Session, Store

notices = Folded(
    "notices",
    Notice,
    model.evolve_notice,
    dict.fromkeys((NoticeQueued, NoticeWithheld, NoticeSent, NoticeFailed), "notice_id"),
    [
        IndexModel([("status", 1), ("last_event", 1)]),
        IndexModel([("recipient_id", 1), ("_id", 1)]),
        IndexModel(
            [("not_before", 1)],
            name="digests that are due",
            partialFilterExpression={"status": "queued", "digest": True},
        ),
    ],
)

preferences = Folded(
    "preferences", Preferences, evolve_preferences, {PreferencesChanged: "member_id"}
)

recipients = Folded("recipients", Recipient, model.evolve_recipient, {MemberApplied: "member_id"})

needs = Folded("needs", Need, model.evolve_need, {NeedPosted: "need_id", ProjectStarted: "need_id"})

pledges = Folded("pledges", Pledge, model.evolve_pledge, {PledgeMade: "pledge_id"})

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
    needs,
    pledges,
    matches,
    preferences,
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
    """The documents of queued notices that go out alone and are due, first queued first."""
    now = rfc3339(datetime.now(UTC))
    query: Document = {"status": "queued", "digest": False, "_id": {"$nin": list(not_these)}}
    query["$or"] = [{"not_before": None}, {"not_before": {"$lte": now}}]
    return await store[notices.name].find(query).sort("last_event", 1).limit(limit).to_list(None)


async def titles(store: Store, ids: Iterable[str]) -> dict[str, dict[str, str]]:
    """Names of members and titles of needs and pledges, by id, as far as they are known."""
    wanted = {"_id": {"$in": list(ids)}}
    found: dict[str, dict[str, str]] = {}
    for collection, field in ((recipients, "names"), (needs, "title"), (pledges, "title")):
        async for document in store[collection.name].find(wanted, {field: 1}):
            found[document["_id"]] = document[field]
    return found
