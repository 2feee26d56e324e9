"""census, a service that is added to a deployment which runs: which members have applied, and how
many. The test copies it to services/census/app.py."""

from fastapi import APIRouter

from shared.events.ids import MemberId
from shared.events.members import MemberApplied
from shared.handlers import Handlers
from shared.http import CommandRoute
from shared.log import Folded, Records, State
from shared.reading import Lists
from shared.service import Service
from shared.serving import serve
from shared.settings import Settings
from shared.uow import UnitOfWork


class Counted(State):
    """A member that has applied."""

    what = "member"

    id: MemberId
    times: int


def evolve(counted: Counted | None, event: MemberApplied) -> Counted:
    """Once more."""
    return Counted(id=event.member_id, times=counted.times + 1 if counted else 1)


heads = Folded("heads", Counted, evolve, {MemberApplied: "member_id"})
on = Handlers()


@on(MemberApplied)
async def on_member_applied(event: MemberApplied, uow: UnitOfWork) -> None:
    """Count it."""
    await uow.learn(event)


router = APIRouter(route_class=CommandRoute)


@router.get("/heads")
async def list_heads(page: Lists) -> list[Counted]:
    """Everybody who was counted."""
    return await page.find(heads, {})


service = Service(Settings.load(), Records("census", heads), on)
app = serve(service, title="Census", summary="Who has applied.", routers=[router], examples={})
