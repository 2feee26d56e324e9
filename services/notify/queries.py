"""What notify asks of its collections, and what it keeps beside the log."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict
from typing import Any

from services.notify.contacts.model import ContactState
from services.notify.preferences import Preferences
from services.notify.store import (
    AWAITED,
    FACTS,
    QUEUED_FOR_A_WEBHOOK,
    RECORDS,
    contact_states,
    matches,
    needs,
    notices,
    partnerships,
    pledges,
    preferences,
    recipients,
)
from shared.events.envelope import Envelope
from shared.events.ids import MemberId
from shared.events.registry import Event
from shared.log import LOG, Folded, State, envelope, held
from shared.mongo import Session, Store

Document = dict[str, Any]


async def keep_facts(store: Store, session: Session, event: Envelope) -> None:
    """Keep the event that a notice tells of."""
    entry = {"_id": event.id, **asdict(event)}
    await store[FACTS].replace_one({"_id": event.id}, entry, upsert=True, session=session)


async def facts(store: Store, about: Iterable[str]) -> dict[str, Envelope]:
    """The events that notices tell of, by id, as far as they are known: others', and of our own
    log."""
    ids = list(about)
    found = store[FACTS].find({"_id": {"$in": ids}})
    known = {d.pop("_id"): Envelope(**d) for d in await found.to_list(None)}
    left = [each for each in ids if each not in known]
    return known | await entries(store, left) if left else known


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


async def due(
    store: Store,
    channel: str,
    now: str,
    *,
    digests: str | None = None,
    not_these: Collection[str] = (),
    not_to: Iterable[str] = (),
    limit: int = 1,
) -> list[Document]:
    """The documents of queued notices that may be sent at this moment, first queued first; those
    that had to wait for their time come after, of digests' those that were due at `digests`.

    `not_these` are notices, `not_to` contacts. Notices are passed over here and not by the server:
    it would compare each that is queued with each of them.
    """
    query: Document = {"status": "queued", "channel": channel}
    if contacts := list(not_to):
        query["contact_ref"] = {"$nin": contacts}
    ripe = [{"digest": False}, {"not_before": {"$lte": digests or now}}]
    found: list[Document] = []
    for when in ({"not_before": None}, {"not_before": {"$gt": "", "$lte": now}, "$or": ripe}):
        cursor = store[notices.name].find(query | when)
        cursor = cursor.sort([("not_before", 1), ("last_event", 1)])
        found += await _first(cursor, limit - len(found), not_these)
    return found


async def together(store: Store, contact_ref: str, not_before: str, limit: int) -> list[Document]:
    """The documents of all queued notices of a digest: to one contact, and due at one moment."""
    query: Document = {"contact_ref": contact_ref, "not_before": not_before, "digest": True}
    query["status"] = "queued"
    return await store[notices.name].find(query).sort("last_event", 1).limit(limit).to_list(None)


async def sent_of_digest(store: Store, contact_ref: str, not_before: str) -> int:
    """How many notices of a digest have been sent; more than none where it has several parts."""
    query = {"contact_ref": contact_ref, "not_before": not_before, "digest": True}
    return await store[notices.name].count_documents(query | {"status": "sent"})


async def entries(store: Store, ids: Iterable[str]) -> dict[str, Envelope]:
    """Events of our own log, by id."""
    found = store[LOG].find({"_id": {"$in": list(ids)}})
    return {d["_id"]: envelope(RECORDS.service, d) for d in await found.to_list(None)}


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


async def preferences_of(store: Store, members: Iterable[str]) -> dict[str, Preferences]:
    """What members have set, by the member's id, as far as they have."""
    found = store[preferences.name].find({"_id": {"$in": list(members)}})
    documents = await found.to_list(None)
    return {d["_id"]: state for d in documents if (state := held(preferences, d).state)}


async def contacts_standing(store: Store, refs: Iterable[str]) -> dict[str, ContactState]:
    """How contacts' addresses stand, by reference, as far as one was ever written."""
    found = store[contact_states.name].find({"_id": {"$in": list(refs)}})
    documents = await found.to_list(None)
    return {d["_id"]: state for d in documents if (state := held(contact_states, d).state)}


async def members_of_contact(store: Store, ref: str) -> list[MemberId]:
    """The members that are reached by a contact."""
    found = store[recipients.name].find({"contact_ref": ref}, {"_id": 1}).sort("_id", 1)
    return [MemberId(d["_id"]) for d in await found.to_list(None)]


async def contacts_with_mail(store: Store, not_these: Iterable[str], limit: int) -> list[Document]:
    """The documents of contacts about which a mail is due."""
    query: Document = {"due": {"$in": ["verification", "address-suspended"]}}
    query["_id"] = {"$nin": list(not_these)}
    return await store[contact_states.name].find(query).limit(limit).to_list(None)


async def donors(store: Store, need_ids: Iterable[str]) -> dict[str, tuple[MemberId, ...]]:
    """The donors of needs' projects, by the need's id."""
    found = store[needs.name].find({"_id": {"$in": list(need_ids)}}, {"donors": 1})
    return {d["_id"]: tuple(d.get("donors", ())) for d in await found.to_list(None)}


async def titles(store: Store, ids: Iterable[str]) -> dict[str, dict[str, str]]:
    """Names of members and titles of needs and pledges, by id, as far as they are known."""
    wanted = {"_id": {"$in": list(ids)}}
    found: dict[str, dict[str, str]] = {}
    for collection, field in ((recipients, "names"), (needs, "title"), (pledges, "title")):
        async for document in store[collection.name].find(wanted, {field: 1}):
            found[document["_id"]] = document[field]
    return found


async def with_queued_notices(
    store: Store, not_these: Iterable[str] = (), message: str | None = None
) -> list[str]:
    """The ids of webhooks for which notices are queued, of one message or of any."""
    query: Document = {"status": "queued", "channel": "webhook"}
    query |= {"message": message, "_id": {"$nin": list(not_these)}} if message else {}
    each = [{"$match": query}, {"$group": {"_id": "$webhook_id"}}]
    found = store[notices.name].aggregate(each, hint=QUEUED_FOR_A_WEBHOOK)
    return [document["_id"] for document in await found.to_list(None)]


async def queued_for(
    store: Store,
    webhook_id: str,
    not_these: Collection[str],
    limit: int,
    message: str | None = None,
) -> list[Document]:
    """The documents of notices that are queued for a webhook, first queued first."""
    query: Document = {"status": "queued", "channel": "webhook", "webhook_id": webhook_id}
    query |= {"message": message} if message else {}
    cursor = store[notices.name].find(query, hint=QUEUED_FOR_A_WEBHOOK).sort("last_event", 1)
    return await _first(cursor, limit, not_these)


async def _first(cursor: Any, limit: int, not_these: Collection[str]) -> list[Document]:
    """The first documents that a cursor finds, without these."""
    found: list[Document] = []
    if limit > 0:
        async for document in cursor.limit(limit + len(not_these)):
            if document["_id"] not in not_these:
                found.append(document)
                if len(found) == limit:
                    break
    return found
