"""What would happen if a pledge were made: decided like a round, and nothing of it is recorded."""

import asyncio
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from datetime import date

from services.matching import commands, model, proposing, solving
from services.matching.commands import MakePledge
from services.matching.engine import RULE, Award, Offer, Problem, Solution
from services.matching.explaining import loss, reasons_for
from services.matching.loading import load
from services.matching.market import Market, ask_of, offer_of, unit_value_of, used_rate
from services.matching.model import Balance, Pledge
from services.matching.outlook import Counts, counted, judged, tally
from services.matching.sentences import Names, Sentences, Words, amount, number, say, sentences
from shared.actor import Actor
from shared.errors import InvalidInput, NotYours, Refused
from shared.events.facts import Amount, LineNumber, Money
from shared.events.ids import MatchId, MemberId, NeedId, PledgeId, RatesId
from shared.events.matches import Alternative, Explanation, RuleName, UsedRate
from shared.lines import of_minor_units
from shared.log import State
from shared.uow import UnitOfWork

_one_at_a_time = asyncio.Lock()
"""A round waits for one preview at most."""


class PreviewPledge(MakePledge):
    """A pledge as it would be made; an operator says by which partner."""

    partner_id: MemberId | None = None


class SolverAway(Refused):
    """The solver broke off; it starts anew with the next request."""

    status = 503
    title = "Try again soon"

    def __init__(self) -> None:
        super().__init__("the solver broke off; ask again")

    def headers(self) -> dict[str, str]:
        return {"Retry-After": "2"}


class PreviewedMatch(State):
    """A match that would be proposed, and why. `reserved` counts in the pledge's currency or unit,
    `covers` in the need's; `unit_value`: money for what is asked in kind."""

    pledge_line: LineNumber
    need_id: NeedId
    need_line: LineNumber
    authority_id: MemberId
    reserved: Amount
    covers: Amount
    rate: UsedRate | None = None
    unit_value: Money | None = None
    explanation: Explanation
    sentences: Sentences


class GivesWay(State):
    """A proposal that nobody has accepted yet, and whose place the pledge would take."""

    match_id: MatchId
    pledge_id: PledgeId
    pledge_line: LineNumber
    need_id: NeedId
    need_line: LineNumber
    reserved: Amount
    covers: Amount


class LeftLine(State):
    """What of a pledge line would stay available, and why open requirement lines do not take it.

    `reasons` counts each reason over these lines, `substituting` over those where money would be
    given in kind's place; `outbid` is how many it could serve that others would. `lost` are the
    best of those, where the line would get nothing.
    """

    pledge_line: LineNumber
    left: Amount
    reasons: Counts
    substituting: Counts
    outbid: int
    lost: tuple[Alternative, ...] = ()


class Preview(State):
    """What would come of a pledge if it were made now, by the rule and rates of a round of `day`.

    `pledge_id` stands for it in `explanation` and `lost`; no such pledge is recorded.
    """

    pledge_id: PledgeId
    partner_id: MemberId
    rule: RuleName
    day: str
    rates_id: RatesId | None = None
    requirement_lines: int
    matches: tuple[PreviewedMatch, ...]
    gives_way: tuple[GivesWay, ...]
    left: tuple[LeftLine, ...]
    sentences: Sentences


@dataclass(frozen=True)
class Supposed:
    """A pledge that is not made, and the market as if it were."""

    pledge: Pledge
    market: Market
    today: date


async def suppose(command: PreviewPledge, uow: UnitOfWork) -> Supposed:
    """Judge a pledge as if it were made, beside all that is open.

    Raises NotFound, NotYours, NotAPartner, InvalidInput.
    """
    made = await commands.pledge_of(command, _partner(command, uow.actor), uow)
    pledge = model.evolve_pledge(None, made)
    market = await load(uow)
    known = {**market.pledges, pledge.id: pledge}
    return Supposed(pledge, replace(market, pledges=known), uow.now.date())


def _partner(command: PreviewPledge, actor: Actor) -> MemberId:
    """By whom the pledge would be made. Raises NotYours, InvalidInput."""
    if "operator" in actor.roles and actor.member_id is None:
        if command.partner_id is None:
            raise InvalidInput("/partner_id", "say by which partner the pledge would be made")
        return command.partner_id
    if command.partner_id not in (None, actor.member):
        raise NotYours(
            "a pledge of {partner_id} is previewed by {partner_id} or an operator",
            partner_id=command.partner_id,
        )
    return actor.member


async def decide(supposed: Supposed) -> Preview:
    """What a round would make of it, in the solver's process. Raises SolverAway."""
    problem = await asyncio.to_thread(supposed.market.problem, supposed.today)
    try:
        async with _one_at_a_time:
            solution = await solving.solve(problem)
    except BrokenProcessPool:
        raise SolverAway from None
    return await asyncio.to_thread(preview, supposed, problem, solution)


def preview(supposed: Supposed, problem: Problem, solution: Solution) -> Preview:
    """What a round's solution holds for a pledge that is supposed; pure."""
    pledge, market = supposed.pledge, supposed.market
    names = Names(market.pledges, market.needs)
    awards = [a for a in solution.awards if a.pledge_id == pledge.id]
    given: dict[int, list[Award]] = defaultdict(list)
    for award in awards:
        given[award.pledge_line].append(award)
    found = tuple(_match(a, pledge, market, names) for a in awards)
    gives_way = tuple(_gives_way(pledge.id, market, solution))
    offers = {o.line: o for o in problem.offers if o.pledge_id == pledge.id}
    left = tuple(
        _left(b, offers[b.line.line], given[b.line.line], problem, solution)
        for b in pledge.balances
        if b.available > sum(a.reserved for a in given[b.line.line])
    )
    return Preview(
        pledge_id=pledge.id,
        partner_id=pledge.partner_id,
        rule=RULE,
        day=problem.today,
        rates_id=problem.rates.id if problem.rates else None,
        requirement_lines=len(problem.asks),
        matches=found,
        gives_way=gives_way,
        left=left,
        sentences=sentences(_said(found, gives_way, left, names)),
    )


def _match(award: Award, pledge: Pledge, market: Market, names: Names) -> PreviewedMatch:
    balance, need = pledge.balance(award.pledge_line), market.needs[award.need_id]
    line = next(n for n in need.lines if n.line == award.need_line)
    offer, ask = offer_of(pledge, balance), ask_of(need, line, market.coverage(need.id))
    why = proposing.explanation_of(award)
    return PreviewedMatch(
        pledge_line=award.pledge_line,
        need_id=need.id,
        need_line=award.need_line,
        authority_id=need.authority_id,
        reserved=of_minor_units(award.reserved, balance.line.amount),
        covers=of_minor_units(award.covers, line.amount),
        rate=used_rate(market.rates, offer, ask),
        unit_value=unit_value_of(need, line.line) if award.substituted else None,
        explanation=why,
        sentences=sentences(reasons_for(why, names)),
    )


def _gives_way(pledge_id: PledgeId, market: Market, solution: Solution) -> Iterator[GivesWay]:
    displaced = {d.match_id for d in solution.displaced if d.by_pledge_id == pledge_id}
    for m in market.matches:
        if m.id in displaced:
            kept = GivesWay.model_fields.keys() - {"match_id"}
            yield GivesWay(match_id=m.id, **{name: getattr(m, name) for name in kept})


def _left(
    balance: Balance, offer: Offer, awards: Sequence[Award], problem: Problem, solution: Solution
) -> LeftLine:
    got = {(a.need_id, a.need_line) for a in awards}
    others = [(offer, a) for a in problem.asks if (a.need_id, a.line) not in got]
    pairs = list(judged(others, problem.today, problem.rates))
    could = {(p.ask.need_id, p.ask.line) for p in pairs if not p.reasons}
    return LeftLine(
        pledge_line=offer.line,
        left=of_minor_units(
            balance.available - sum(a.reserved for a in awards), balance.line.amount
        ),
        reasons=counted(pairs, substituting=False),
        substituting=counted(pairs, substituting=True),
        outbid=len(could),
        lost=tuple(
            proposing.alternative_of(lost)
            for passed in solution.passed_over
            if (passed.pledge_id, passed.pledge_line) == (offer.pledge_id, offer.line)
            for lost in passed.lost
        ),
    )


def _said(
    found: Sequence[PreviewedMatch],
    gives_way: Sequence[GivesWay],
    left: Sequence[LeftLine],
    names: Names,
) -> Iterator[Words]:
    yield say(
        "If this pledge were made now, a round would propose for it: {number} matches.",
        number=number(len(found)),
    )
    for match in found:
        yield say(
            "Line {pledge_line}: {reserved} for line {need_line} of the need {need}, covering "
            "{covers} of it.",
            pledge_line=match.pledge_line,
            reserved=amount(match.reserved),
            need_line=match.need_line,
            need=names.need(match.need_id),
            covers=amount(match.covers),
        )
    for match_ in gives_way:
        yield say(
            "The proposal of {reserved} of the pledge {pledge} for the need {need} would give way.",
            reserved=amount(match_.reserved),
            pledge=names.pledge(match_.pledge_id),
            need=names.need(match_.need_id),
        )
    for line in left:
        yield from _said_of(line, names)


def _said_of(line: LeftLine, names: Names) -> Iterator[Words]:
    yield say(
        "Of line {pledge_line}, {left} would stay available.",
        pledge_line=line.pledge_line,
        left=amount(line.left),
    )
    if line.outbid:
        yield say(
            "Requirement lines that it could serve and others would: {number}.",
            number=number(line.outbid),
        )
    for other in line.lost:
        yield say(
            "The need {need}, line {need_line}, could have had it and did not: {why}.",
            need=names.need(other.need_id),
            need_line=other.need_line,
            why=loss(other.reason, other.margin),
        )
    if line.reasons:
        yield say(
            "Why the other requirement lines do not take it: {reasons}.",
            reasons=tally(line.reasons),
        )
    if line.substituting:
        yield say("Why money does not take its place: {reasons}.", reasons=tally(line.substituting))
