"""Commands on contacts: load, decide, record; the address goes into the vault, not into the log."""

from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from pydantic import BaseModel, Field

from services.notify import vault
from services.notify.contacts import model
from services.notify.contacts.model import ContactState, Limits, Status
from services.notify.store import contact_states, recipients
from shared.actor import Command
from shared.errors import NotFound, NotYours
from shared.events import read_event
from shared.events.envelope import rfc3339
from shared.events.facts import Line1
from shared.events.ids import ContactRef
from shared.events.notify import (
    ContactChanged,
    ContactErased,
    ContactExported,
    ContactMailFailed,
    ContactMailSent,
    VerificationAsked,
)
from shared.log import LOG, envelope
from shared.uow import UnitOfWork


class SetContact(Command):
    """Where a contact is reached, and how it is spoken to."""

    email: str = Field(max_length=320, repr=False)
    name_for_greeting: Line1 | None = Field(None, repr=False)
    language: Literal["uk", "en"]
    timezone: str = vault.DEFAULT_ZONE


class Kept(BaseModel):
    """All that is kept of a person: where it is reached, how it is spoken to, how that stands."""

    contact_ref: ContactRef
    email: str = Field(repr=False)
    name_for_greeting: str | None = Field(None, repr=False)
    language: Literal["uk", "en"]
    timezone: str
    status: Status
    edition: int


class Bounce(NamedTuple):
    """The mail server's answer that refused an address for good, and which address it was."""

    edition: int
    code: int


async def set_contact(ref: ContactRef, command: SetContact, uow: UnitOfWork) -> None:
    """Write an address into the vault; a new one is to be verified. Raises InvalidInput."""
    contact = vault.contact(
        command.email, command.name_for_greeting, command.language, command.timezone
    )
    before = (await vault.look_up(uow.store, [ref], uow.session)).get(ref)
    state = await uow.get(contact_states, ref)
    same = before is not None and before.email == contact.email
    changed = model.write(state, ref, same=same)
    if changed:
        await uow.record(contact_states, changed)
        contact = contact.model_copy(update={"edition": changed.edition})
    elif before:
        contact = contact.model_copy(update={"edition": before.edition})
    await vault.put(uow.store, uow.session, ref, contact, anew=changed is not None)


async def erase_contact(ref: ContactRef, uow: UnitOfWork) -> None:
    """Erase an address from the vault; notices to it fail from now on."""
    state = await uow.get(contact_states, ref)
    if state is not None and state.status != "erased":
        await uow.record(contact_states, ContactErased(contact_ref=ref))
    await vault.erase(uow.store, uow.session, ref)


async def export_contact(ref: ContactRef, uow: UnitOfWork) -> Kept:
    """All that is kept of a person, and that it was shown. Raises NotFound."""
    state = await uow.require(contact_states, ref)
    contact = (await vault.look_up(uow.store, [ref], uow.session)).get(ref)
    if contact is None:
        raise NotFound(ContactState.what, ref)
    await uow.record(contact_states, ContactExported(contact_ref=ref))
    return Kept(contact_ref=ref, status=state.status, **contact.model_dump())


async def ask_verification(ref: ContactRef, limits: Limits, uow: UnitOfWork) -> ContactState:
    """Send the mail again by which an address is verified.

    Raises NotFound, NotYours, NotUnverified, TooManyRequests.
    """
    state = await uow.require(contact_states, ref)
    if "operator" not in uow.actor.roles:
        own = {"_id": uow.actor.member, "contact_ref": ref}
        if not await uow.find(recipients, own):
            raise NotYours(
                "contact {contact} is not that of {given}", contact=ref, given=uow.actor.name
            )
    types = (ContactChanged.ce_type(), VerificationAsked.ce_type())
    since = rfc3339(uow.now - timedelta(seconds=model.DAY))
    query = {"subject": ref, "type": {"$in": types}, "time": {"$gt": since}}
    found = await uow.store[LOG].find(query, {"time": 1}, session=uow.session).to_list(None)
    ages = [(uow.now - datetime.fromisoformat(d["time"])).total_seconds() for d in found]
    return await uow.record(contact_states, model.ask(state, ages, limits))


async def verify(ref: ContactRef, version: int, uow: UnitOfWork) -> bool:
    """Take it that who follows a link reads the address; whether it is verified now."""
    state = await uow.get(contact_states, ref)
    if verified := model.verify(state, version):
        state = await uow.record(contact_states, verified)
    return bool(state and state.status == "verified" and state.edition == version)


async def suspend(ref: ContactRef, bounce: Bounce, report: bool, uow: UnitOfWork) -> None:
    """Nothing more is sent to an address that the mail server has refused for good."""
    state = await uow.get(contact_states, ref)
    if found := model.suspend(state, bounce.edition, bounce.code, report=report):
        await uow.record(contact_states, found)
        await vault.forget_links(uow.store, uow.session, ref)


async def close_mail(outcome: ContactMailSent | ContactMailFailed, uow: UnitOfWork) -> None:
    """Record what became of a mail about an address, once. One that was sent was sent, also where
    it is not due any more: its link may have been followed before we were here."""
    state = await uow.get(contact_states, outcome.contact_ref)
    if state is None:
        return
    if model.is_due(state, outcome) or (
        isinstance(outcome, ContactMailSent) and not await _is_recorded(outcome, uow)
    ):
        await uow.record(contact_states, outcome)


async def _is_recorded(outcome: ContactMailSent, uow: UnitOfWork) -> bool:
    query = {"subject": outcome.contact_ref, "type": outcome.ce_type()}
    documents = await uow.store[LOG].find(query, session=uow.session).to_list(None)
    return outcome in [read_event(envelope("notify", document)) for document in documents]
