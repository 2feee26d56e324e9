"""HTTP of preferences: when a member wants its mail."""

from fastapi import APIRouter, Response

from services.notify import commands, preferences
from services.notify.preferences import Preferences, SetPreferences
from services.notify.store import preferences as stored
from services.notify.store import recipients
from shared.auth import Unauthorized
from shared.errors import NotFound, NotYours
from shared.events.ids import MemberId
from shared.http import Act, Caller, CommandRoute
from shared.openapi import refuses
from shared.reading import Reads

router = APIRouter(route_class=CommandRoute, tags=["preferences"])


@router.get("/preferences/{member_id}")
@refuses(Unauthorized, NotYours)
async def get_preferences(member_id: MemberId, read: Reads, caller: Caller) -> Preferences:
    """When a member wants its mail; where it has set nothing, what holds then."""
    preferences.may_read(member_id, caller)
    if not await read.all(recipients, {"_id": member_id}):
        raise NotFound("member", member_id)
    return await read.find(stored, member_id) or Preferences(id=member_id)


@router.put("/preferences/{member_id}", status_code=204)
@refuses(NotFound, NotYours)
async def set_preferences(member_id: MemberId, body: SetPreferences, uow: Act) -> Response:
    """Set when a member wants its mail: all of it, what is left out as by default."""
    await commands.set_preferences(member_id, body, uow)
    return Response(status_code=204)
