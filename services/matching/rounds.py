"""What matching does by itself: rounds (load what is open, decide, propose), and expiry.

One instance at a time runs each.
"""

import asyncio

from services.matching import commands, engine
from services.matching.engine import Problem, Proposal
from services.matching.knowledge import BARRED
from services.matching.matches import Match
from services.matching.settings import MatchingSettings
from services.matching.store import (
    all_matches,
    coverages,
    parties,
    pledges,
    rates,
    requirements,
    rounds,
    twinnings,
)
from shared import telemetry
from shared.events.ids import MatchId, MemberId, RoundId
from shared.events.matching import MatchingRoundCompleted, MatchProposed
from shared.service import Service
from shared.uow import UnitOfWork
from shared.worker import Lease, Worker


def worker(service: Service) -> Worker:
    """The worker that runs rounds: woken by every commit, after a short wait for more."""
    settings = service.settings
    assert isinstance(settings, MatchingSettings)

    async def step(lease: Lease) -> bool:
        await asyncio.sleep(settings.round_debounce_seconds)
        return await service.command(run_round)

    return Worker(
        service.store,
        "rounds",
        step,
        ttl=settings.lease_seconds,
        poll=settings.round_poll_seconds,
    )


def expiry(service: Service) -> Worker:
    """The worker that ends pledges when their last day (UTC) has passed."""
    settings = service.settings
    assert isinstance(settings, MatchingSettings)

    async def step(lease: Lease) -> bool:
        return await service.command(commands.expire_pledges) == commands.EXPIRE_AT_ONCE

    return Worker(
        service.store,
        "expiry",
        step,
        ttl=settings.lease_seconds,
        poll=settings.expiry_poll_seconds,
    )


async def run_round(uow: UnitOfWork) -> bool:
    """One round; whether it proposed anything. A round that proposes nothing records nothing."""
    if not await uow.find(pledges, {"status": "open"}, limit=1):
        return False  # nothing is offered: what is asked, however much, need not be read
    problem = await _problem(uow)
    solution = engine.decide(problem)
    if not solution.proposals:
        return False
    round_id = RoundId.new()
    for need_id in sorted({p.need.id for p in solution.proposals}):
        # The proposals rest on what the need asks for, which they do not change.
        await uow.lock(requirements, need_id)
    sides = {m for p in solution.proposals for m in _sides(p)}
    known = {p.id for p in await uow.find(parties, {"_id": {"$in": sorted(sides)}})}
    for party_id in sorted(known):
        # And on both sides being members in good standing.
        await uow.lock(parties, party_id)
    due_since = [
        max(
            uow.origin(pledges, p.pledge.id),
            uow.origin(requirements, p.need.id),
            *(uow.origin(parties, party_id) for party_id in _sides(p) if party_id in known),
        )
        for p in solution.proposals
    ]
    proposed: list[Match] = []
    for proposal, origin in zip(solution.proposals, due_since, strict=True):
        with telemetry.span("propose match", parent=await uow.follow(origin)):
            proposed.append(await uow.record(all_matches, _proposed(proposal, round_id)))
    await uow.record(
        rounds,
        MatchingRoundCompleted(
            round_id=round_id,
            rule=engine.RULE,
            pledge_lines=sum(len(p.balances) for p in problem.pledges),
            requirement_lines=sum(len(n.lines) for n in problem.needs),
            match_ids=tuple(m.id for m in proposed),
            passed_over=tuple(solution.passed_over[:1000]),
        ),
    )
    return True


async def _problem(uow: UnitOfWork) -> Problem:
    barred = {p.id for p in await uow.find(parties, {"status": {"$in": list(BARRED)}})}
    open_needs = [
        n for n in await uow.find(requirements, {"open": True}) if n.authority_id not in barred
    ]
    open_pledges = [
        p for p in await uow.find(pledges, {"status": "open"}) if p.partner_id not in barred
    ]
    ids = {"$in": [n.id for n in open_needs]}
    coverage = await uow.find(coverages, {"_id": ids})
    answered = await uow.find(
        all_matches, {"need_id": ids, "status": {"$in": ["proposed", "agreed", "declined"]}}
    )
    latest = await uow.find(rates, {}, limit=1, descending=True)
    confirmed = await uow.find(twinnings, {"status": "confirmed"})
    return Problem(
        needs=open_needs,
        coverage={c.id: c for c in coverage},
        pledges=open_pledges,
        rates=latest[0] if latest else None,
        excluded=frozenset((m.pledge_id, m.pledge_line, m.need_id, m.need_line) for m in answered),
        twinned=frozenset((t.ukrainian_id, t.partner_id) for t in confirmed),
        today=uow.now.date().isoformat(),
    )


def _sides(proposal: Proposal) -> tuple[MemberId, MemberId]:
    return proposal.need.authority_id, proposal.pledge.partner_id


def _proposed(proposal: Proposal, round_id: RoundId) -> MatchProposed:
    return MatchProposed(
        match_id=MatchId.new(),
        pledge_id=proposal.pledge.id,
        pledge_line=proposal.pledge_line,
        partner_id=proposal.pledge.partner_id,
        need_id=proposal.need.id,
        need_line=proposal.need_line,
        authority_id=proposal.need.authority_id,
        reserved=proposal.reserved,
        covers=proposal.covers,
        rate=proposal.rate,
        round_id=round_id,
        explanation=proposal.explanation,
    )
