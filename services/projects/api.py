"""HTTP of projects."""

from fastapi import APIRouter, Response

from services.projects import commands
from services.projects.commands import (
    AmendNeed,
    Because,
    PostNeed,
    PrepareProject,
    RecordMilestone,
    SuspendProject,
    VerifyCompletion,
    WithdrawNeed,
)
from services.projects.ending import CompleteProject
from services.projects.model import (
    Need,
    NeedClosed,
    NeedCommitted,
    NotAnAuthority,
    NothingAgreed,
    NotIndependent,
    StartProject,
    Status,
)
from services.projects.store import needs
from shared.auth import Unauthorized
from shared.errors import NotFound, NotYours
from shared.events.facts import Katottg, ProjectSector, Site, sectors_below
from shared.events.ids import MemberId, NeedId
from shared.http import Act, Caller, Change, CommandRoute
from shared.openapi import refuses
from shared.reading import Lists, Reads

router = APIRouter(route_class=CommandRoute, tags=["projects"])


@router.post("/needs", status_code=201)
@refuses(NotFound, NotAnAuthority)
async def post_need(body: PostNeed, uow: Act, response: Response) -> Need:
    """Post a need, as a Ukrainian authority."""
    need = await commands.post_need(body, uow)
    response.headers["Location"] = f"/needs/{need.id}"
    return need


@router.post("/needs/{need_id}/amendments", status_code=201)
@refuses(NeedClosed, NeedCommitted, NotAnAuthority)
async def amend_need(need_id: NeedId, body: AmendNeed, uow: Change) -> Need:
    """Change lines or urgency of a need; a line can't shrink below what is agreed."""
    return await commands.amend_need(need_id, body, uow)


@router.post("/needs/{need_id}/withdrawal", status_code=201)
@refuses(NeedClosed, NeedCommitted)
async def withdraw_need(need_id: NeedId, body: WithdrawNeed, uow: Change) -> Need:
    """Ask for it no more; open proposals are released."""
    return await commands.withdraw_need(need_id, body, uow)


@router.post("/needs/{need_id}/preparation", status_code=201)
@refuses(NeedClosed, NotAnAuthority)
async def prepare_project(need_id: NeedId, body: PrepareProject, uow: Change) -> Need:
    """Begin to prepare it: designs, permits, tenders."""
    return await commands.prepare_project(need_id, body, uow)


@router.post("/needs/{need_id}/start", status_code=201)
@refuses(NeedClosed, NothingAgreed, NotAnAuthority)
async def start_project(need_id: NeedId, body: StartProject, uow: Change) -> Need:
    """Begin work: at least one match must be agreed."""
    return await commands.start_project(need_id, body, uow)


@router.post("/needs/{need_id}/suspension", status_code=201)
@refuses(NeedClosed)
async def suspend_project(need_id: NeedId, body: SuspendProject, uow: Change) -> Need:
    """Say that work stands still, and why; the need is not matched meanwhile."""
    return await commands.suspend_project(need_id, body, uow)


@router.post("/needs/{need_id}/resumption", status_code=201)
@refuses(NeedClosed)
async def resume_project(need_id: NeedId, body: Because, uow: Change) -> Need:
    """Say that work goes on."""
    return await commands.resume_project(need_id, body, uow)


@router.post("/needs/{need_id}/cancellation", status_code=201)
@refuses(NeedClosed)
async def cancel_project(need_id: NeedId, body: Because, uow: Change) -> Need:
    """Give the project up; matches of which nothing was delivered are released."""
    return await commands.cancel_project(need_id, body, uow)


@router.post("/needs/{need_id}/milestones", status_code=201)
@refuses(NeedClosed)
async def record_milestone(need_id: NeedId, body: RecordMilestone, uow: Change) -> Need:
    """Record a milestone's status."""
    return await commands.record_milestone(need_id, body, uow)


@router.post("/needs/{need_id}/completion", status_code=201)
@refuses(NeedClosed)
async def complete_project(need_id: NeedId, body: CompleteProject, uow: Change) -> Need:
    """End the work; say why where scope, end date or value are not as planned."""
    return await commands.complete_project(need_id, body, uow)


@router.post("/needs/{need_id}/verification", status_code=201)
@refuses(NeedClosed, NotIndependent)
async def verify_completion(need_id: NeedId, body: VerifyCompletion, uow: Change) -> Need:
    """Say what an independent monitor found."""
    return await commands.verify_completion(need_id, body, uow)


@router.get("/needs/{need_id}")
async def get_need(need_id: NeedId, read: Reads) -> Need:
    """One need, or the project it became."""
    return await read.require(needs, need_id)


@router.get("/needs/{need_id}/site")
@refuses(Unauthorized, NotYours)
async def get_site(need_id: NeedId, caller: Caller, read: Reads) -> Site:
    """A withheld site, for its owner, its committed partners, and operators."""
    return await commands.read_site(need_id, caller, read)


@router.get("/needs")
async def list_needs(
    page: Lists,
    status: Status | None = None,
    sector: ProjectSector | None = None,
    territory: Katottg | None = None,
    authority_id: MemberId | None = None,
) -> list[Need]:
    """Needs in the order of their ids; a territory's or sector's code finds all below it."""
    asked = {
        "status": status,
        "sector": {"$in": sectors_below(sector)} if sector else None,
        "territory": territory,
        "authority_id": authority_id,
    }
    return await page.find(needs, asked)
