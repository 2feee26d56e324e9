"""The vault: where people are reached. In no log and no event, so that erasing is erasing."""

import secrets
from collections.abc import Iterable
from datetime import datetime
from hashlib import sha256
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

from email_validator import EmailNotValidError, validate_email
from pydantic import BaseModel, ConfigDict, Field
from pymongo import IndexModel

from shared.errors import InvalidInput
from shared.events.facts import Line1
from shared.events.ids import ContactRef
from shared.mongo import Session, Store

DEFAULT_ZONE = "Europe/Kyiv"

CONTACTS = "contacts"
"""`{_id: contact_ref, email, name_for_greeting, language, timezone, edition, links}`,
folded from nothing; `links` are those by which the address can be verified: `{hash, until}`."""

INDEXES = [IndexModel("links.hash", sparse=True)]

LINKS = 10
"""So many of an address's links are good, the newest."""


class Contact(BaseModel):
    """Where one contact is reached. Never in an event, never in a log line, also not by repr."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    email: str = Field(repr=False)
    name_for_greeting: Line1 | None = Field(None, repr=False)
    language: Literal["uk", "en"]
    timezone: str
    edition: int = 0


class Link(NamedTuple):
    """What a link verifies: which address of whose, and until when it is good."""

    contact_ref: ContactRef
    edition: int
    language: Literal["uk", "en"]
    until: datetime


def contact(email: str, name: str | None, language: Literal["uk", "en"], timezone: str) -> Contact:
    """A checked entry of the vault. Raises InvalidInput, which shows no address."""
    try:
        found = validate_email(email, check_deliverability=False)
    except EmailNotValidError:
        raise InvalidInput("/email", "this is no e-mail address") from None
    try:
        ZoneInfo(timezone)
    except (KeyError, ValueError, OSError):
        raise InvalidInput(
            "/timezone", "no such time zone", timezone[:100], "an IANA name, like Europe/Kyiv"
        ) from None
    return Contact(
        email=found.ascii_email or found.normalized,
        name_for_greeting=name,
        language=language,
        timezone=timezone,
    )


async def put(store: Store, session: Session, ref: str, contact: Contact, *, anew: bool) -> None:
    """Write a contact in the place of the one before; links that verify it stay good, but for an
    address that is written `anew`."""
    told = contact.model_dump()
    change = {
        "$set": {name: value for name, value in told.items() if value is not None},
        "$unset": {name: "" for name, value in told.items() if value is None}
        | ({"links": ""} if anew else {}),
    }
    await store[CONTACTS].update_one({"_id": ref}, change, upsert=True, session=session)


async def erase(store: Store, session: Session, ref: str) -> None:
    """Erase an address; erasing what is not there is done already."""
    await store[CONTACTS].delete_one({"_id": ref}, session=session)


async def look_up(
    store: Store, refs: Iterable[str], session: Session | None = None
) -> dict[str, Contact]:
    """The addresses behind references, at this moment, as far as there are any."""
    query = {"_id": {"$in": list(refs)}}
    found = store[CONTACTS].find(query, {"links": 0}, session=session)
    return {d.pop("_id"): Contact.model_validate(d) for d in await found.to_list(None)}


async def domains(store: Store, refs: Iterable[str]) -> dict[str, str]:
    """The mail domains of contacts, by reference."""
    found = store[CONTACTS].find({"_id": {"$in": list(refs)}}, {"email": 1})
    return {d["_id"]: str(d["email"]).rpartition("@")[2].lower() for d in await found.to_list(None)}


async def new_link(store: Store, ref: str, edition: int, until: datetime) -> str | None:
    """The token of a new link that verifies an address; None where there is another by now.

    It is in the mail only: what is kept is its hash.
    """
    token = secrets.token_urlsafe(32)
    link = {"hash": _hash(token), "until": until}
    written = await store[CONTACTS].update_one(
        {"_id": ref, "edition": edition},
        {"$push": {"links": {"$each": [link], "$slice": -LINKS}}},
    )
    return token if written.matched_count else None


async def find_link(store: Store, token: str, session: Session | None = None) -> Link | None:
    """What a link verifies; None where it is none of ours, or of an address that is gone."""
    hashed = _hash(token)
    found = await store[CONTACTS].find_one(
        {"links.hash": hashed},
        {"edition": 1, "language": 1, "links.$": 1},
        session=session,
    )
    if found is None:
        return None
    until = found["links"][0]["until"]
    return Link(ContactRef(found["_id"]), found["edition"], found["language"], until)


async def forget_links(store: Store, session: Session, ref: str) -> None:
    """No link that was sent verifies the address any more."""
    await store[CONTACTS].update_one({"_id": ref}, {"$unset": {"links": ""}}, session=session)


def _hash(token: str) -> str:
    return sha256(token.encode()).hexdigest()
