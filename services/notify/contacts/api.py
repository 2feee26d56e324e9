"""HTTP of contacts: for operators, since they are people's; only one answer shows an address."""

from datetime import UTC, datetime

from fastapi import APIRouter, Request, Response

from services.notify.contacts import commands, model
from services.notify.contacts.commands import Kept, SetContact
from services.notify.contacts.model import ContactState, NotUnverified, Status
from services.notify.settings import NotifySettings
from services.notify.store import contact_states
from shared.actor import Actor, Cause, new_correlation
from shared.auth import Unauthorized
from shared.errors import NotFound, NotYours
from shared.events.ids import ContactRef
from shared.http import Act, Caller, CommandRoute
from shared.mongo import Session, Store
from shared.openapi import refuses
from shared.reading import Lists
from shared.uow import UnitOfWork

router = APIRouter(route_class=CommandRoute, tags=["contacts"])


@router.put("/contacts/{contact_ref}", status_code=204)
async def set_contact(contact_ref: ContactRef, body: SetContact, uow: Act) -> Response:
    """Write a contact's address, language and time zone into the vault; a mail asks whoever reads
    a new address to verify it, and nothing else is sent there before."""
    await commands.set_contact(contact_ref, body, uow)
    return Response(status_code=204)


@router.delete("/contacts/{contact_ref}", status_code=204)
async def erase_contact(contact_ref: ContactRef, uow: Act) -> Response:
    """Erase all that is kept of a person from the vault."""
    await commands.erase_contact(contact_ref, uow)
    return Response(status_code=204)


@router.post("/contacts/{contact_ref}/verifications", status_code=201)
@refuses(NotFound, NotYours, NotUnverified)
async def ask_verification(contact_ref: ContactRef, uow: Act, request: Request) -> ContactState:
    """Send the mail again by which an address is verified; the links before stay good."""
    settings: NotifySettings = request.app.state.settings
    limits = model.Limits(
        pause=settings.verification_pause_seconds, a_day=settings.verifications_a_day
    )
    return await commands.ask_verification(contact_ref, limits, uow)


@router.get("/contacts/{contact_ref}")
@refuses(Unauthorized, NotYours)
async def export_contact(
    contact_ref: ContactRef, request: Request, response: Response, caller: Caller
) -> Kept:
    """All that is kept of a person, for operators; that it was shown is recorded."""
    _must_be_operator(caller)
    store: Store = request.app.state.store
    moment, cause = datetime.now(UTC), Cause(new_correlation())

    async def work(session: Session) -> Kept:
        records = request.app.state.records
        uow = UnitOfWork(store, session, records, actor=caller, cause=cause, now=moment)
        kept = await commands.export_contact(contact_ref, uow)
        await uow.flush()
        return kept

    kept = await store.transaction(work)
    for wake in request.app.state.after_commit:
        wake()
    response.headers["Cache-Control"] = "no-store"
    return kept


@router.get("/contacts")
@refuses(Unauthorized, NotYours)
async def list_contacts(
    page: Lists, caller: Caller, status: Status | None = None
) -> list[ContactState]:
    """How contacts' addresses stand, without the addresses, for operators."""
    _must_be_operator(caller)
    return await page.find(contact_states, {"status": status})


def _must_be_operator(caller: Actor) -> None:
    if "operator" not in caller.roles:
        raise NotYours("only operators read contacts")
