"""HTTP of notify; there is no way to read an address."""

from fastapi import APIRouter, Response

from services.notify import commands, notices_api, preferences_api
from services.notify.commands import SetContact
from services.notify.webhooks import api as webhooks
from shared.events.ids import ContactRef
from shared.http import Act, CommandRoute

router = APIRouter(route_class=CommandRoute, tags=["notify"])
router.routes.extend(webhooks.router.routes)
router.routes.extend(notices_api.router.routes)
router.routes.extend(preferences_api.router.routes)


@router.put("/contacts/{contact_ref}", status_code=204)
async def set_contact(contact_ref: ContactRef, body: SetContact, uow: Act) -> Response:
    """Write a contact's address, language and time zone into the vault."""
    await commands.set_contact(contact_ref, body, uow)
    return Response(status_code=204)


@router.delete("/contacts/{contact_ref}", status_code=204)
async def erase_contact(contact_ref: ContactRef, uow: Act) -> Response:
    """Erase a contact from the vault."""
    await commands.erase_contact(contact_ref, uow)
    return Response(status_code=204)
