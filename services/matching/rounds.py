"""Matching rounds: take stock of what is open, decide in the solver's process, propose; and expiry.

One instance at a time decides. Taking stock, deciding and proposing are apart: each proposal is
written only if what it rests on still allows it, in the transaction that writes it, so no
interleaving can reserve more than there is. What changed meanwhile is left for the next round,
which every commit wakes.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Awaitable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from services.matching import commands, solving
from services.matching.engine import RULE, PassedOver, Problem, Solution
from services.matching.loading import load
from services.matching.market import Market
from services.matching.matches import Round
from services.matching.proposing import Proposal, Writer
from services.matching.reporting import report
from services.matching.settings import MatchingSettings
from services.matching.store import pledges, rounds
from shared import metrics
from shared.actor import Command
from shared.events.facts import Text
from shared.events.ids import MatchId, RoundId
from shared.events.rounds import (
    MatchingRoundCompleted,
    MatchingRoundRequested,
    RoundDecision,
    RoundStep,
)
from shared.events.seen import Seen
from shared.mongo import StoreBusy
from shared.seen import TooManyUnsequenced, positions
from shared.service import Service
from shared.uow import UnitOfWork
from shared.worker import Lease, Worker

AT_ONCE = 25
"""Most proposals, or partners passed over, in one transaction."""

PATIENCE = 0.5
"""Seconds for which several proposals are tried in one transaction: a long one loses against
members who act on what it rests on, and is written in halves then."""


class AskForRound(Command):
    """Why a round is asked for now."""

    reason: Text


async def ask_for_round(command: AskForRound, uow: UnitOfWork) -> Round:
    """Ask for a round now, as an operator, whatever the schedule says."""
    asked = MatchingRoundRequested(round_id=RoundId.new(), reason=command.reason)
    return await uow.record(rounds, asked)


def worker(service: Service) -> Worker:
    """The worker that runs rounds: woken by every commit, after a short wait for more."""
    settings = service.settings
    assert isinstance(settings, MatchingSettings)
    schedule = Schedule(settings.round_schedule)
    fruitless = ""

    async def write(part: Part) -> int:
        halves = part.halves()
        try:
            return await service.command(part, patience=PATIENCE if halves else None)
        except StoreBusy:
            if not halves:
                raise
            return sum([await write(half) for half in halves])

    async def decide(stock: Stock) -> int:
        started = time.perf_counter()
        solution = await solving.solve(stock.problem)
        milliseconds = round(1000 * (time.perf_counter() - started))
        proposed = 0
        for part in parts(stock, solution, milliseconds, settings.lapse_days):
            proposed += await write(part)
        return proposed

    async def step(lease: Lease) -> bool:
        nonlocal fruitless
        await asyncio.sleep(settings.round_debounce_seconds)
        period = schedule.period(datetime.now(UTC))
        due = schedule.due(period)
        try:
            stock = await service.command(lambda uow: take_stock(uow, due))
        except TooManyUnsequenced:
            return False  # the relay is behind; its commits wake this again
        schedule.ran(period)
        if stock is None or (not stock.requested and stock.problem_hash == fruitless):
            return False
        proposed = await measured(decide(stock))
        fruitless = "" if proposed else stock.problem_hash
        return proposed > 0

    return Worker(
        service.store,
        "rounds",
        step,
        ttl=settings.lease_seconds,
        poll=settings.round_poll_seconds,
    )


async def measured(decision: Awaitable[int]) -> int:
    """Await a round's decision and proposals, measured; how much was proposed."""
    began, outcome = time.perf_counter(), "failed"
    try:
        proposed = await decision
        outcome = "proposed" if proposed else "nothing"
    except asyncio.CancelledError:
        outcome = "stopped"
        raise
    finally:
        metrics.round_duration.record(time.perf_counter() - began, {"outcome": outcome})
    metrics.proposals.add(proposed)
    return proposed


class Schedule:
    """When rounds are due by themselves: on every event, or once in each hour or day (UTC)."""

    def __init__(self, every: str) -> None:
        self._format = {"events": "", "hourly": "%Y-%m-%dT%H", "daily": "%Y-%m-%d"}[every]
        self._last = ""

    def period(self, now: datetime) -> str:
        """The hour or day of a moment; "" where every event is due."""
        return now.astimezone(UTC).strftime(self._format)

    def due(self, period: str) -> bool:
        """Whether a round is due in a period: one that has begun is due once."""
        return not period or period != self._last

    def ran(self, period: str) -> None:
        """A round looked at all there was in a period."""
        self._last = period


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


@dataclass(frozen=True)
class Stock:
    """What a round decides on, and which events it had seen."""

    round_id: RoundId
    market: Market
    problem: Problem
    problem_hash: str
    seen: Seen
    requested: bool


async def take_stock(uow: UnitOfWork, due: bool = True) -> Stock | None:
    """All that is open in this transaction; None where no round is due, or no pledge is open."""
    requested = await uow.find(rounds, {"status": "requested"}, limit=1)
    if not requested and not (due and await uow.find(pledges, {"status": "open"}, limit=1)):
        return None
    market = await load(uow)
    problem = market.problem(uow.now.date())
    return Stock(
        round_id=requested[0].id if requested else RoundId.new(),
        market=market,
        problem=problem,
        problem_hash=problem.hash(),
        seen=await positions(uow),
        requested=bool(requested),
    )


@dataclass(frozen=True)
class Part:
    """One transaction of a round: proposals, or partners to be told that they were passed over.

    The first part records the round itself.
    """

    stock: Stock
    decided: MatchingRoundCompleted
    lapse_days: float
    first: bool = False
    proposals: Sequence[Proposal] = ()
    passed: Sequence[PassedOver] = ()

    async def __call__(self, uow: UnitOfWork) -> int:
        """Write it; how much was proposed."""
        round_id = self.stock.round_id
        writer = Writer(uow, self.stock.market, round_id, self.lapse_days)
        if not self.first or self.stock.requested:
            await uow.require(rounds, round_id)
            await uow.follow(uow.origin(rounds, round_id))
        await writer.load(self.proposals)
        if self.first and not self.stock.requested:
            await uow.follow(max(map(writer.due_since, self.proposals)))
        if self.first:
            await uow.record(rounds, self.decided)
        await writer.pass_over(self.passed)
        return sum([await writer.propose(p) for p in self.proposals])

    def halves(self) -> tuple["Part", ...]:
        """The same in two transactions; none where it is one proposal or one partner."""
        if len(self.proposals) + len(self.passed) < 2:
            return ()
        p, o = len(self.proposals) // 2, len(self.passed) // 2
        return (
            replace(self, proposals=self.proposals[:p], passed=self.passed[:o]),
            replace(self, first=False, proposals=self.proposals[p:], passed=self.passed[o:]),
        )


def parts(stock: Stock, solution: Solution, milliseconds: int, lapse_days: float) -> Iterator[Part]:
    """The transactions of a round, in order; none where it decided nothing and nobody asked."""
    if not solution.awards and not stock.requested:
        return
    displaces = defaultdict(list)
    for d in solution.displaced:
        displaces[d.by_pledge_id, d.by_pledge_line, d.by_need_id, d.by_need_line].append(d)
    proposals = []
    for a in solution.awards:
        gives_way = displaces[a.pledge_id, a.pledge_line, a.need_id, a.need_line]
        proposals.append(Proposal(a, tuple(gives_way), MatchId.new()))
    decided = completed(stock, solution, milliseconds)
    for start in range(0, max(len(proposals), 1), AT_ONCE):
        chosen = proposals[start : start + AT_ONCE]
        yield Part(stock, decided, lapse_days, start == 0, chosen)
    for start in range(0, len(solution.passed_over), AT_ONCE):
        passed = solution.passed_over[start : start + AT_ONCE]
        yield Part(stock, decided, lapse_days, passed=passed)


def completed(stock: Stock, solution: Solution, milliseconds: int) -> MatchingRoundCompleted:
    """The event of a round: what it had seen and what it decided."""
    problem = stock.problem
    return MatchingRoundCompleted(
        round_id=stock.round_id,
        decision=RoundDecision(
            rule=RULE,
            seen=stock.seen,
            day=problem.today,
            rates_id=problem.rates.id if problem.rates else None,
            pledge_lines=len(problem.offers),
            requirement_lines=len(problem.asks),
            pairs=solution.pairs,
            matches=len(solution.awards),
            displaced=len(solution.displaced),
            passed_over=len(solution.passed_over),
            steps=tuple(
                RoundStep(
                    tier=s.tier,
                    substituting=s.substituting,
                    pairs=s.pairs,
                    matches=s.awards,
                    score=str(s.score),
                    bound=None if s.proven else str(s.bound),
                )
                for s in solution.steps
            ),
            problem_hash=stock.problem_hash,
            solution_hash=solution.hash(),
            milliseconds=milliseconds,
            report=report(stock.market, problem, solution),
        ),
    )
