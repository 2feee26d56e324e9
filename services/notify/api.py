"""HTTP of notify. There is no way to read an address."""

from typing import Literal

from fastapi import APIRouter, Response

from services.notify import commands
from services.notify.commands import SetContact
from services.notify.model import Notice
from services.notify.store import notices
from services.notify.webhooks import api as webhooks
from shared.events.ids import ContactRef, MemberId, NoticeId
from shared.http import Act, CommandRoute
from shared.reading import Lists, Reads

router = APIRouter(route_class=CommandRoute, tags=["notify"])
router.routes.extend(webhooks.router.routes)


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


@router.get("/notices/{notice_id}")
async def get_notice(notice_id: NoticeId, read: Reads) -> Notice:
    """One notice and what became of it."""
    return await read.require(notices, notice_id)


@router.get("/notices")
async def list_notices(
    page: Lists,
    recipient_id: MemberId | None = None,
    status: Literal["queued", "sent", "failed"] | None = None,
) -> list[Notice]:
    """Notices in the order of their ids."""
    return await page.find(notices, {"recipient_id": recipient_id, "status": status})
