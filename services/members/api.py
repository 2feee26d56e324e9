"""HTTP of members."""

from typing import Annotated

from fastapi import APIRouter, Response

from services.members import commands
from services.members.commands import Apply, DeclarePartnership, Endorse, Found, Reject
from services.members.model import Member, Partnership
from services.members.store import members, partnerships
from shared.events.facts import Side
from shared.events.ids import MemberId
from shared.http import CommandRoute, Reads, writes
from shared.uow import UnitOfWork

router = APIRouter(route_class=CommandRoute, tags=["members"])

Writes = Annotated[UnitOfWork, writes("members:write")]


@router.post("/members", status_code=201)
async def apply(body: Apply, uow: Writes, response: Response) -> Member:
    """Apply for membership."""
    member = await commands.apply(body, uow)
    response.headers["Location"] = f"/members/{member.id}"
    return member


@router.post("/members/{member_id}/endorsements", status_code=201)
async def endorse(member_id: MemberId, body: Endorse, uow: Writes) -> Member:
    """Vouch for an applicant, as a core member of its side: this admits it."""
    return await commands.endorse(member_id, body, uow)


@router.post("/members/{member_id}/rejections", status_code=201)
async def reject(member_id: MemberId, body: Reject, uow: Writes) -> Member:
    """Turn an application down, as a core member of its side."""
    return await commands.reject(member_id, body, uow)


@router.post("/partnerships", status_code=201)
async def declare_partnership(
    body: DeclarePartnership, uow: Writes, response: Response
) -> Partnership:
    """Declare a twinning with a member of the other side."""
    partnership = await commands.declare_partnership(body, uow)
    response.headers["Location"] = f"/partnerships/{partnership.id}"
    return partnership


@router.post("/founding-members", status_code=201)
async def found(body: Found, uow: Writes) -> list[Member]:
    """Record the twelve founding core members, once; for operators."""
    return await commands.found(body, uow)


@router.get("/members/{member_id}")
async def get_member(member_id: MemberId, read: Reads) -> Member:
    """One member."""
    return await read.require(members, member_id)


@router.get("/members")
async def list_members(read: Reads, side: Side | None = None, after: str = "") -> list[Member]:
    """Members in the order of their ids, 100 at a time; `after` is the last id you have."""
    return await read.find(members, {"side": side} if side else {}, after)


@router.get("/partnerships/{partnership_id}")
async def get_partnership(partnership_id: str, read: Reads) -> Partnership:
    """One partnership."""
    return await read.require(partnerships, partnership_id)
