"""HTTP of members."""

from fastapi import APIRouter, Response

from services.members import commands, credentials_api, principles
from services.members.applying import AlreadyAMember, PrinciplesNotAccepted
from services.members.commands import Apply, Because, DeclarePartnership, Endorse, Found, Reject
from services.members.model import (
    Member,
    MemberStatus,
    NotACoreMember,
    NotAdmitted,
    NotApplied,
    NotSuspended,
)
from services.members.principles import Principles
from services.members.store import members, partnerships
from services.members.twinning import Partnership, PartnershipClosed, PartnershipStatus
from shared.errors import NotFound, NotYours
from shared.events.facts import Katottg, Side
from shared.events.ids import MemberId, PartnershipId
from shared.events.members import MemberKind
from shared.http import Act, Change, CommandRoute
from shared.openapi import refuses
from shared.reading import Lists, Reads

router = APIRouter(route_class=CommandRoute, tags=["members"])
router.routes.extend(credentials_api.router.routes)


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


@router.post("/members/{member_id}/suspension", status_code=201)
@refuses(NotAdmitted, NotACoreMember)
async def suspend_member(member_id: MemberId, body: Because, uow: Change) -> Member:
    """Bar a member from acting, as another core member of its side or an operator."""
    return await commands.suspend_member(member_id, body, uow)


@router.post("/members/{member_id}/reinstatement", status_code=201)
@refuses(NotSuspended, NotACoreMember)
async def reinstate_member(member_id: MemberId, body: Because, uow: Change) -> Member:
    """Let a suspended member act again, as a core member of its side or an operator."""
    return await commands.reinstate_member(member_id, body, uow)


@router.post("/members/{member_id}/departure", status_code=201)
@refuses(NotAdmitted)
async def leave(member_id: MemberId, body: Because, uow: Change) -> Member:
    """Leave the alliance, as the member itself: partnerships end, open pledges are withdrawn."""
    return await commands.leave(member_id, body, uow)


@router.post("/partnerships", status_code=201)
@refuses(NotFound, NotAdmitted, NotYours)
async def declare_partnership(
    body: DeclarePartnership, uow: Act, response: Response
) -> Partnership:
    """Declare a twinning with a member of the other side, for it to confirm."""
    partnership = await commands.declare_partnership(body, uow)
    response.headers["Location"] = f"/partnerships/{partnership.id}"
    return partnership


@router.post("/partnerships/{partnership_id}/confirmation", status_code=201)
@refuses(PartnershipClosed, NotAdmitted)
async def confirm_partnership(partnership_id: PartnershipId, uow: Change) -> Partnership:
    """Confirm a twinning that the other side declared."""
    return await commands.confirm_partnership(partnership_id, uow)


@router.post("/partnerships/{partnership_id}/end", status_code=201)
@refuses(PartnershipClosed)
async def end_partnership(partnership_id: PartnershipId, body: Because, uow: Change) -> Partnership:
    """End a twinning, or decline one that the other side declared."""
    return await commands.end_partnership(partnership_id, body, uow)


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
    association: MemberId | None = None,
) -> list[Member]:
    """Members in the order of their ids; a territory's code finds all below it, an association's
    id those that say they belong to it."""
    asked = {
        "side": side,
        "kind": kind,
        "status": status,
        "territory": territory,
        "associations": association,
    }
    return await page.find(members, asked)


@router.get("/partnerships/{partnership_id}")
async def get_partnership(partnership_id: PartnershipId, read: Reads) -> Partnership:
    """One partnership."""
    return await read.require(partnerships, partnership_id)


@router.get("/partnerships")
async def list_partnerships(
    page: Lists, member_id: MemberId | None = None, status: PartnershipStatus | None = None
) -> list[Partnership]:
    """Partnerships in the order they were declared, of one member or of all."""
    of_member = [{"ukrainian_id": member_id}, {"partner_id": member_id}] if member_id else None
    return await page.find(partnerships, {"$or": of_member, "status": status})


@router.get("/principles")
async def get_current_principles() -> Principles:
    """The principles that an applicant must accept: the current version."""
    return principles.stated(principles.CURRENT)


@router.get("/principles/{version}")
async def get_principles(version: str) -> Principles:
    """One version of the principles."""
    return principles.stated(version)
