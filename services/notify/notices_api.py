"""HTTP of notices: what became of them, what they say, and sending one again."""

from typing import Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel

from services.notify import audience, commands, reading
from services.notify.commands import RepeatNotice
from services.notify.model import Notice
from services.notify.repeating import NotMail, NotOver
from services.notify.store import notices
from shared.auth import Unauthorized
from shared.errors import NotFound, NotYours
from shared.events.ids import MemberId, NoticeId
from shared.events.notify import Channel, Kind
from shared.http import Act, Caller, CommandRoute
from shared.openapi import refuses
from shared.reading import Lists, Reads

router = APIRouter(route_class=CommandRoute, tags=["notices"])


class Preview(BaseModel):
    """What a notice says, without the name and address of whoever it is for."""

    language: Literal["uk", "en"]
    subject: str
    text: str
    html: str | None = None


@router.get("/notices/{notice_id}")
async def get_notice(notice_id: NoticeId, read: Reads) -> Notice:
    """One notice and what became of it."""
    return await read.require(notices, notice_id)


@router.get("/notices")
async def list_notices(
    page: Lists,
    recipient_id: MemberId | None = None,
    status: Literal["queued", "withheld", "sent", "failed"] | None = None,
    kind: Kind | None = None,
    channel: Channel | None = None,
    about: str | None = None,
    repeats: NoticeId | None = None,
) -> list[Notice]:
    """Notices in the order of their ids; `about` is the event that they tell of."""
    of_kind = {"$in": audience.messages_of(kind)} if kind else None
    asked: dict[str, Any] = {"recipient_id": recipient_id, "status": status, "message": of_kind}
    asked |= {"channel": channel, "about": about, "repeats": repeats}
    return await page.find(notices, asked)


@router.get("/notices/{notice_id}/preview")
@refuses(Unauthorized, NotYours, NotMail, reading.NotKnownYet)
async def preview_notice(
    notice_id: NoticeId,
    read: Reads,
    caller: Caller,
    language: Literal["uk", "en"] | None = None,
) -> Preview:
    """What a notice says as things stand, for its recipient or an operator; in its recipient's
    language, if no other is asked for."""
    notice = await read.require(notices, notice_id)
    return Preview.model_validate(
        await reading.preview(read.store, notice, caller, language), from_attributes=True
    )


@router.post("/notices/{notice_id}/resendings", status_code=201)
@refuses(NotFound, NotOver, NotMail)
async def resend_notice(notice_id: NoticeId, body: RepeatNotice, uow: Act) -> Notice:
    """Send what a notice says again, as another notice that names it."""
    return await commands.resend_notice(notice_id, body, uow)
