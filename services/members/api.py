"""HTTP of members."""

from fastapi import APIRouter, Response

from services.members import commands
from services.members.commands import (
    AlreadyAMember,
    Apply,
    DeclarePartnership,
    Endorse,
    Found,
    Reject,
)
from services.members.model import (
    Member,
    MemberStatus,
    NotACoreMember,
    NotAdmitted,
    NotApplied,
    Partnership,
    PrinciplesNotAccepted,
)
from services.members.store import members, partnerships
from shared.errors import NotFound, NotYours
from shared.events.facts import Katottg, Side
from shared.events.ids import MemberId
from shared.events.members import MemberKind
from shared.http import Act, Change, CommandRoute
from shared.openapi import refuses
from shared.reading import Lists, Reads

router = APIRouter(route_class=CommandRoute, tags=["members"])


@router.post("/members", status_code=201)
@refuses(AlreadyAMember, PrinciplesNotAccepted)
async def apply(body: Apply, uow: Act, response: Response) -> Member:
    """Apply for membership."""
    member = await commands.apply(body, uow)
    response.headers["Location"] = f"/members/{member.id}"
    return member


@router.post("/members/{member_id}/endorsements", status_code=201)
@refuses(NotApplied, NotACoreMember)
async def endorse(member_id: MemberId, body: Endorse, uow: Change) -> Member:
    """Vouch for an applicant, as a core member of its side: this admits it."""
    return await commands.endorse(member_id, body, uow)


@router.post("/members/{member_id}/rejections", status_code=201)
@refuses(NotApplied, NotACoreMember)
async def reject(member_id: MemberId, body: Reject, uow: Change) -> Member:
    """Turn an application down, as a core member of its side."""
    return await commands.reject(member_id, body, uow)


@router.post("/partnerships", status_code=201)
@refuses(NotFound, NotAdmitted, NotYours)
async def declare_partnership(
    body: DeclarePartnership, uow: Act, response: Response
) -> Partnership:
    """Declare a twinning with a member of the other side."""
    partnership = await commands.declare_partnership(body, uow)
    response.headers["Location"] = f"/partnerships/{partnership.id}"
    return partnership


@router.post("/founding-members", status_code=201)
async def found(body: Found, uow: Act) -> list[Member]:
    """Record the twelve founding core members, once; for operators."""
    return await commands.found(body, uow)


@router.get("/members/{member_id}")
async def get_member(member_id: MemberId, read: Reads) -> Member:
    """One member."""
    return await read.require(members, member_id)


@router.get("/members")
async def list_members(
    page: Lists,
    side: Side | None = None,
    kind: MemberKind | None = None,
    status: MemberStatus | None = None,
    territory: Katottg | None = None,
) -> list[Member]:
    """Members in the order of their ids; a territory's code finds all below it."""
    return await page.find(
        members, {"side": side, "kind": kind, "status": status, "territory": territory}
    )


@router.get("/partnerships/{partnership_id}")
async def get_partnership(partnership_id: str, read: Reads) -> Partnership:
    """One partnership."""
    return await read.require(partnerships, partnership_id)
