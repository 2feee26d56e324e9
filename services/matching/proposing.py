"""Writing down what a round decided, each part only if what it rests on still allows it."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from services.matching import matches
from services.matching.coverage import Coverage
from services.matching.engine import RULE, Award, Displaced, Lost, PassedOver
from services.matching.engine.rule import levels_of
from services.matching.knowledge import Requirement
from services.matching.market import Market, ask_of, offer_of, unit_value_of, used_rate
from services.matching.matches import Match
from services.matching.model import Pledge
from services.matching.store import all_matches, coverages, parties, pledges, requirements
from shared import telemetry
from shared.actor import Origin
from shared.events.ids import MatchId, MemberId, RoundId
from shared.events.matches import Alternative, Explanation, MatchProposed
from shared.events.rounds import LostLine, PledgePassedOver
from shared.lines import minor_units, of_minor_units
from shared.uow import UnitOfWork

GIVES_WAY = "a newly arrived pair of a higher tier takes its place"
"""The reason of a proposal's release, for the record."""


@dataclass(frozen=True)
class Proposal:
    """An award, the proposals it displaces, and the id its match will have."""

    award: Award
    displaces: tuple[Displaced, ...]
    match_id: MatchId

    @property
    def pair(self) -> dict[str, object]:
        """Its pair, as a query of matches."""
        names = ("pledge_id", "pledge_line", "need_id", "need_line")
        return {name: getattr(self.award, name) for name in names}


class Writer:
    """One part of a round's proposals, in one transaction; `market` is what was decided on."""

    def __init__(
        self, uow: UnitOfWork, market: Market, round_id: RoundId, lapse_days: float
    ) -> None:
        self._uow = uow
        self._market = market
        self._round_id = round_id
        self._lapse_days = lapse_days
        self._live: set[tuple[object, ...]] = set()
        self._origins: dict[MatchId, Origin] = {}

    async def load(self, proposals: Sequence[Proposal]) -> None:
        """Load, and lock, what these proposals rest on and do not change themselves."""
        if not proposals:
            return
        uow = self._uow
        needs = sorted({p.award.need_id for p in proposals})
        ids = sorted({p.award.pledge_id for p in proposals})
        offered = await uow.load(pledges, ids)
        asked = await uow.load(requirements, needs)
        await uow.load(coverages, needs)
        sides = {p.partner_id for p in offered} | {n.authority_id for n in asked}
        known = await uow.load(parties, sides)
        await uow.load(all_matches, [d.match_id for p in proposals for d in p.displaces])
        live = await uow.find(all_matches, {"pledge_id": {"$in": ids}, "live": True})
        self._live = {(m.pledge_id, m.pledge_line, m.need_id, m.need_line) for m in live}
        self._origins = {p.match_id: self._origin(p.award) for p in proposals}
        await uow.recall(list(self._origins.values()))
        uow.lock(requirements, *needs)
        uow.lock(parties, *(party.id for party in known))

    def due_since(self, proposal: Proposal) -> Origin:
        """The last event, before this part, of what a proposal rests on; call after `load`."""
        return self._origins[proposal.match_id]

    def _origin(self, award: Award) -> Origin:
        pledge, need = self._market.pledges[award.pledge_id], self._market.needs[award.need_id]
        sides = [m for m in (pledge.partner_id, need.authority_id) if m in self._market.parties]
        return max(
            self._uow.origin(pledges, pledge.id),
            self._uow.origin(requirements, need.id),
            *(self._uow.origin(parties, member) for member in sides),
        )

    async def propose(self, proposal: Proposal) -> bool:
        """Propose a match if that is still possible; whether it was."""
        uow, award = self._uow, proposal.award
        pledge = await uow.require(pledges, award.pledge_id)
        need = await uow.require(requirements, award.need_id)
        coverage = await uow.get(coverages, need.id) or Coverage(id=need.id)
        giving_way = [m for m in await self._displaced(proposal) if m is not None]
        if not await self._fits(award, pledge, need, coverage, giving_way):
            return False
        since = self.due_since(proposal)
        with telemetry.span("propose match", parent=await uow.follow(since)):
            for match in giving_way:
                released = matches.release(match, "displaced", GIVES_WAY, proposal.match_id)
                await uow.record(all_matches, released)
            await uow.record(all_matches, self.proposed(proposal, pledge, need, coverage))
        return True

    async def _displaced(self, proposal: Proposal) -> list[Match | None]:
        found = [await self._uow.get(all_matches, d.match_id) for d in proposal.displaces]
        return [m for m in found if m is not None and m.status == "proposed" and not m.accepted]

    async def _fits(
        self,
        award: Award,
        pledge: Pledge,
        need: Requirement,
        coverage: Coverage,
        giving_way: Sequence[Match],
    ) -> bool:
        """Whether both sides stand as they stood, and still have what is to be moved."""
        before, asked = self._market.pledges[pledge.id], self._market.needs[need.id]
        if matches.amendments(pledge, need) != matches.amendments(before, asked):
            return False
        for member in (pledge.partner_id, need.authority_id):
            if not await self._in_good_standing(member):
                return False
        line = next(n for n in need.lines if n.line == award.need_line)
        available = pledge.balance(award.pledge_line).available
        uncovered = minor_units(line.amount) - coverage.line(line.line).taken
        for match in giving_way:
            if (match.pledge_id, match.pledge_line) == (pledge.id, award.pledge_line):
                available += minor_units(match.reserved)
            if (match.need_id, match.need_line) == (need.id, line.line):
                uncovered += minor_units(match.covers)
        pair = (pledge.id, award.pledge_line, need.id, line.line)
        return (
            pledge.status == "open"
            and need.open
            and pair not in self._live
            and award.reserved <= available
            and award.covers <= uncovered
        )

    async def _in_good_standing(self, member: MemberId) -> bool:
        party = await self._uow.get(parties, member)
        return party is None or party.status not in ("suspended", "left")

    def proposed(
        self, proposal: Proposal, pledge: Pledge, need: Requirement, coverage: Coverage
    ) -> MatchProposed:
        """What is recorded of a proposal."""
        award = proposal.award
        balance = pledge.balance(award.pledge_line)
        line = next(n for n in need.lines if n.line == award.need_line)
        offer, ask = offer_of(pledge, balance), ask_of(need, line, coverage)
        return MatchProposed(
            match_id=proposal.match_id,
            pledge_id=pledge.id,
            pledge_line=award.pledge_line,
            partner_id=pledge.partner_id,
            need_id=need.id,
            need_line=award.need_line,
            authority_id=need.authority_id,
            reserved=of_minor_units(award.reserved, balance.line.amount),
            covers=of_minor_units(award.covers, line.amount),
            rate=used_rate(self._market.rates, offer, ask),
            round_id=self._round_id,
            explanation=explanation_of(award),
            unit_value=unit_value_of(need, line.line) if award.substituted else None,
            lapses_at=matches.lapses_at(self._uow.now, self._lapse_days),
        )

    async def pass_over(self, passed: Sequence[PassedOver]) -> None:
        """Tell the partners whose pledges got nothing although they could have served."""
        if not passed:
            return
        by_pledge: dict[str, list[LostLine]] = defaultdict(list)
        for one in passed:
            by_pledge[one.pledge_id] += [lost_line(lost) for lost in one.lost]
        for pledge in await self._uow.find(pledges, {"_id": {"$in": sorted(by_pledge)}}):
            event = PledgePassedOver(
                pledge_id=pledge.id,
                partner_id=pledge.partner_id,
                round_id=self._round_id,
                lines=tuple(by_pledge[pledge.id][:50]),
            )
            await self._uow.record(pledges, event)


def explanation_of(award: Award) -> Explanation:
    """Why this match, as it is recorded."""
    return Explanation(
        rule=RULE,
        tier=levels_of(award.tier),
        score=award.score,
        parts=dict(award.parts),
        binding=award.binding,
        alternatives=tuple(alternative_of(lost) for lost in award.other_pledges),
        other_needs=tuple(alternative_of(lost) for lost in award.other_needs),
    )


def alternative_of(lost: Lost) -> Alternative:
    """A pair that lost, as it is recorded."""
    return Alternative(
        pledge_id=lost.pledge_id,
        pledge_line=lost.pledge_line,
        need_id=lost.need_id,
        need_line=lost.need_line,
        reason=lost.code,
        margin=lost.margin,
    )


def lost_line(lost: Lost) -> LostLine:
    """What a pledge line did not get, as it is recorded."""
    return LostLine(
        pledge_line=lost.pledge_line,
        need_id=lost.need_id,
        need_line=lost.need_line,
        reason=lost.code,
        margin=lost.margin or None,
    )
