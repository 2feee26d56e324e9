"""The vault: where people are reached. In no log and no event, so that erasing is erasing."""

from collections.abc import Iterable
from typing import Literal
from zoneinfo import ZoneInfo

from email_validator import EmailNotValidError, validate_email
from pydantic import BaseModel, ConfigDict, Field

from shared.errors import InvalidInput
from shared.events.facts import Line1
from shared.mongo import Session, Store

DEFAULT_ZONE = "Europe/Kyiv"

CONTACTS = "contacts"
"""`{_id: contact_ref, email, name_for_greeting, language, timezone}`; folded from nothing."""


class Contact(BaseModel):
    """Where one contact is reached. Never in an event, never in a log line, also not by repr."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    email: str = Field(repr=False)
    name_for_greeting: Line1 | None = Field(None, repr=False)
    language: Literal["uk", "en"]
    timezone: str


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


async def put(store: Store, session: Session, ref: str, contact: Contact) -> None:
    """Write an address, in the place of the one before."""
    entry = {"_id": ref, **contact.model_dump(exclude_none=True)}
    await store[CONTACTS].replace_one({"_id": ref}, entry, upsert=True, session=session)


async def erase(store: Store, session: Session, ref: str) -> None:
    """Erase an address; erasing what is not there is done already."""
    await store[CONTACTS].delete_one({"_id": ref}, session=session)


async def look_up(
    store: Store, refs: Iterable[str], session: Session | None = None
) -> dict[str, Contact]:
    """The addresses behind references, at this moment, as far as there are any."""
    found = store[CONTACTS].find({"_id": {"$in": list(refs)}}, session=session)
    return {d.pop("_id"): Contact.model_validate(d) for d in await found.to_list(None)}


async def domains(store: Store, refs: Iterable[str]) -> dict[str, str]:
    """The mail domains of contacts, by reference."""
    found = store[CONTACTS].find({"_id": {"$in": list(refs)}}, {"email": 1})
    return {d["_id"]: str(d["email"]).rpartition("@")[2].lower() for d in await found.to_list(None)}
