"""HTTP of matching."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from services.matching import by_hand, commands, explaining, outlook, previewing
from services.matching import rounds as in_rounds
from services.matching.by_hand import AlreadyMatched, NotEligible, ProposeMatch
from services.matching.commands import AmendPledge, Because, Deliver, MakePledge, SetRates
from services.matching.coverage import Coverage
from services.matching.explaining import Explained
from services.matching.knowledge import NotAdmitted
from services.matching.matches import Match, MatchClosed, MatchStatus, Round
from services.matching.model import (
    NotAPartner,
    Pledge,
    PledgeClosed,
    PledgeCommitted,
    PledgeStatus,
    Rates,
)
from services.matching.outlook import Outlook
from services.matching.previewing import Preview, PreviewPledge, SolverAway
from services.matching.rounds import AskForRound
from services.matching.settings import MatchingSettings
from services.matching.store import all_matches, coverages, pledges, rates, rounds
from shared.codelists import codes_below
from shared.errors import NotFound, NotYours
from shared.events.facts import Katottg, ProjectSector, sectors_below
from shared.events.ids import MatchId, MemberId, NeedId, PledgeId, RatesId, RoundId
from shared.http import Act, Change, CommandRoute
from shared.openapi import refuses
from shared.previewing import PreviewRoute, Snapshots
from shared.reading import Lists, Reads

previews = APIRouter(route_class=PreviewRoute, tags=["matching"])
router = APIRouter(route_class=CommandRoute, tags=["matching"])


@router.post("/pledges", status_code=201)
@refuses(NotFound, NotAPartner)
async def make_pledge(body: MakePledge, uow: Act, response: Response) -> Pledge:
    """Pledge something, as an admitted partner; not binding until matched and agreed."""
    pledge = await commands.make_pledge(body, uow)
    response.headers["Location"] = f"/pledges/{pledge.id}"
    return pledge


@router.post("/pledges/{pledge_id}/amendments", status_code=201)
@refuses(PledgeClosed, PledgeCommitted, NotAdmitted)
async def amend_pledge(pledge_id: PledgeId, body: AmendPledge, uow: Change) -> Pledge:
    """Change the amounts; proposals that no longer fit are released."""
    return await commands.amend_pledge(pledge_id, body, uow)


@router.post("/pledges/{pledge_id}/withdrawal", status_code=201)
@refuses(PledgeClosed)
async def withdraw_pledge(pledge_id: PledgeId, body: Because, uow: Change) -> Pledge:
    """Take back what is not agreed."""
    return await commands.withdraw_pledge(pledge_id, body, uow)


def _lapse_days(request: Request) -> float:
    settings = request.app.state.settings
    assert isinstance(settings, MatchingSettings)
    return settings.lapse_days


LapseDays = Annotated[float, Depends(_lapse_days)]
"""The dependency of an endpoint that proposes: after how many days what it proposes lapses."""


@router.post("/matches", status_code=201)
@refuses(NotFound, NotYours, NotAdmitted, NotEligible, AlreadyMatched)
async def propose_match(
    body: ProposeMatch, lapse_days: LapseDays, uow: Act, response: Response
) -> Match:
    """Propose a match by hand, as an operator or one of its two sides, and say why."""
    match = await by_hand.propose_match(body, lapse_days, uow)
    response.headers["Location"] = f"/matches/{match.id}"
    return match


@previews.post("/matches/previews")
@refuses(NotFound, NotYours, NotAPartner, SolverAway)
async def preview_pledge(body: PreviewPledge, snapshot: Snapshots) -> Preview:
    """What would happen if this pledge were made, which a partner or an operator may ask: the
    matches that a round would propose for it, what would give way, what would be left and why."""
    return await previewing.decide(await snapshot.ask(lambda uow: previewing.suppose(body, uow)))


@router.post("/matches/{match_id}/acceptances", status_code=201)
@refuses(MatchClosed, NotAdmitted)
async def accept_match(match_id: MatchId, uow: Change) -> Match:
    """Say yes to a proposal; when both sides have, it is agreed."""
    return await commands.accept_match(match_id, uow)


@router.post("/matches/{match_id}/declines", status_code=201)
@refuses(MatchClosed)
async def decline_match(match_id: MatchId, body: Because, uow: Change) -> Match:
    """Say no to a proposal."""
    return await commands.decline_match(match_id, body, uow)


@router.post("/matches/{match_id}/deliveries", status_code=201)
@refuses(MatchClosed)
async def deliver(match_id: MatchId, body: Deliver, uow: Change) -> Match:
    """Confirm what arrived, as the need's authority."""
    return await commands.deliver(match_id, body, uow)


@router.post("/rates", status_code=201)
async def set_rates(body: SetRates, uow: Act, response: Response) -> Rates:
    """Record exchange rates, as an operator."""
    recorded = await commands.set_rates(body, uow)
    response.headers["Location"] = f"/rates/{recorded.id}"
    return recorded


@router.post("/rounds", status_code=201)
async def ask_for_round(body: AskForRound, uow: Act, response: Response) -> Round:
    """Ask for a matching round now, as an operator; it is completed by itself a moment later."""
    asked = await in_rounds.ask_for_round(body, uow)
    response.headers["Location"] = f"/rounds/{asked.id}"
    return asked


@router.get("/pledges/{pledge_id}")
async def get_pledge(pledge_id: PledgeId, read: Reads) -> Pledge:
    """One pledge and its balances, in smallest units."""
    return await read.require(pledges, pledge_id)


@router.get("/pledges")
async def list_pledges(
    page: Lists,
    partner_id: MemberId | None = None,
    status: PledgeStatus | None = None,
    territory: Katottg | None = None,
    sector: ProjectSector | None = None,
) -> list[Pledge]:
    """Pledges in the order they were made; those earmarked for a territory or sector, or for
    what lies in it."""
    asked = {
        "partner_id": partner_id,
        "status": status,
        "earmark.territories": {"$in": codes_below(territory)} if territory else None,
        "earmark.sectors": {"$in": sectors_below(sector)} if sector else None,
    }
    return await page.find(pledges, asked)


@router.get("/matches/{match_id}")
async def get_match(match_id: MatchId, read: Reads) -> Match:
    """One match."""
    return await read.require(all_matches, match_id)


@router.get("/matches/{match_id}/explanation")
async def explain_match(match_id: MatchId, read: Reads) -> Explained:
    """Why this match: tier and score, what bound it, what lost and by how much, what the round
    had seen; as data and in sentences."""
    return await explaining.explain(await read.require(all_matches, match_id), read)


@router.get("/needs/{need_id}/outlook")
async def look_out(need_id: NeedId, read: Reads) -> Outlook:
    """Why a need has no match yet, by reason, and the least change that would give it one."""
    return await outlook.look(need_id, read)


@router.get("/matches")
async def list_matches(
    page: Lists,
    need_id: NeedId | None = None,
    pledge_id: PledgeId | None = None,
    partner_id: MemberId | None = None,
    authority_id: MemberId | None = None,
    status: MatchStatus | None = None,
) -> list[Match]:
    """Matches in the order of their ids."""
    asked = {
        "need_id": need_id,
        "pledge_id": pledge_id,
        "partner_id": partner_id,
        "authority_id": authority_id,
        "status": status,
    }
    return await page.find(all_matches, asked)


@router.get("/coverages/{need_id}")
async def get_coverage(need_id: NeedId, read: Reads) -> Coverage:
    """How much of each line of a need is proposed, agreed, delivered, in smallest units."""
    return await read.require(coverages, need_id)


@router.get("/rounds/{round_id}")
async def get_round(round_id: RoundId, read: Reads) -> Round:
    """One matching round, and how much was covered before and after it."""
    return await read.require(rounds, round_id)


@router.get("/rounds")
async def list_rounds(page: Lists) -> list[Round]:
    """Matching rounds in the order they were run."""
    return await page.find(rounds, {})


@router.get("/rates/{rates_id}")
async def get_rates(rates_id: RatesId, read: Reads) -> Rates:
    """One recorded set of rates."""
    return await read.require(rates, rates_id)


router.routes.extend(previews.routes)
