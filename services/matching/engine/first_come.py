"""The rule that pairs pledges and needs: a pure function from a problem to a solution.

`first-come.v1`: requirement lines in the order their needs were posted; for each, the eligible
pledge lines in the order of earmark for this very need, partnership, narrower earmark, and then
as they were made. Each reserves what is available up to what is uncovered; neither side is ever
exceeded. An optimising rule takes the place of `decide` without a change around it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from math import ceil

from services.matching.knowledge import Requirement
from services.matching.matches import Coverage
from services.matching.model import Balance, Pledge, Rates
from shared.events.facts import Amount, FundingLine, Money, RequirementLine
from shared.events.ids import MemberId, NeedId
from shared.events.matching import Alternative, Explanation, PassedOver, UsedRate
from shared.lines import decimals_of, minor_units, of_minor_units, same_measure

RULE = "first-come.v1"
ALTERNATIVES = 5
"""Most alternatives named with a match."""

Pair = tuple[str, int, str, int]
"""(pledge, its line, need, its line)."""


@dataclass(frozen=True)
class Problem:
    """What a round decides on: everything open, as it stood.

    `excluded` are pairs that have a live match or were declined; `twinned` holds
    (authority, partner) pairs.
    """

    needs: Sequence[Requirement]
    coverage: Mapping[NeedId, Coverage]
    pledges: Sequence[Pledge]
    rates: Rates | None = None
    excluded: frozenset[Pair] = frozenset()
    twinned: frozenset[tuple[MemberId, MemberId]] = frozenset()
    today: str = ""


@dataclass(frozen=True)
class Proposal:
    """One match to be proposed."""

    pledge: Pledge
    pledge_line: int
    need: Requirement
    need_line: int
    reserved: Amount
    covers: Amount
    rate: UsedRate | None
    explanation: Explanation


@dataclass
class Solution:
    """What the round proposes, and who could have served and was not taken."""

    proposals: list[Proposal] = field(default_factory=list)
    passed_over: list[PassedOver] = field(default_factory=list)


@dataclass
class _Candidate:
    pledge: Pledge
    balance: Balance
    parts: dict[str, int]


def decide(problem: Problem) -> Solution:
    """The solution of a round. The same problem gives the same solution, whatever its order."""
    solution = Solution()
    available: dict[tuple[str, int], int] = {
        (p.id, b.line.line): b.available for p in problem.pledges for b in p.balances
    }
    for need in sorted(problem.needs, key=lambda n: n.id):
        coverage = problem.coverage.get(need.id, Coverage(id=need.id))
        for line in need.lines:
            uncovered = minor_units(line.amount) - coverage.line(line.line).taken
            if uncovered > 0:
                _serve(problem, solution, available, need, line, uncovered)
    served = {(p.pledge.id, p.pledge_line) for p in solution.proposals}
    solution.passed_over = [
        p for p in solution.passed_over if (p.pledge_id, p.pledge_line) not in served
    ]
    return solution


def _serve(
    problem: Problem,
    solution: Solution,
    available: dict[tuple[str, int], int],
    need: Requirement,
    line: RequirementLine,
    uncovered: int,
) -> None:
    """Reserve for one requirement line until it is covered or nobody is left."""
    candidates = _candidates(problem, need, line)
    asked = uncovered
    taken, left = [], []
    for candidate in candidates:
        key = candidate.pledge.id, candidate.balance.line.line
        exchange = exchange_of(problem.rates, candidate.balance.line.amount, line.amount)
        if exchange is None or available[key] <= 0:
            continue
        if uncovered <= 0:
            if exchange.reserve(available[key], asked)[1] > 0:
                left.append(candidate)
            continue
        reserved, covers = exchange.reserve(available[key], uncovered)
        if covers <= 0:  # dust: less than one smallest unit of the need
            continue
        if reserved < least_of(candidate.balance):
            continue
        available[key] -= reserved
        uncovered -= covers
        taken.append((candidate, reserved, covers, exchange))
    lost = tuple(
        Alternative(
            pledge_id=c.pledge.id,
            pledge_line=c.balance.line.line,
            reason="came after those that cover the line in full",
        )
        for c in left[:ALTERNATIVES]
    )
    for candidate, reserved, covers, exchange in taken:
        solution.proposals.append(
            Proposal(
                pledge=candidate.pledge,
                pledge_line=candidate.balance.line.line,
                need=need,
                need_line=line.line,
                reserved=of_minor_units(reserved, candidate.balance.line.amount),
                covers=of_minor_units(covers, line.amount),
                rate=exchange.used,
                explanation=Explanation(rule=RULE, parts=candidate.parts, alternatives=lost),
            )
        )
    if taken:
        solution.passed_over.extend(
            PassedOver(
                pledge_id=c.pledge.id,
                pledge_line=c.balance.line.line,
                partner_id=c.pledge.partner_id,
                need_id=need.id,
                reason="others came first and cover the line in full",
            )
            for c in left
        )


def _candidates(problem: Problem, need: Requirement, line: RequirementLine) -> list[_Candidate]:
    """Eligible pledge lines, best first."""
    found = []
    for pledge in sorted(problem.pledges, key=lambda p: p.id):
        if not eligible(pledge, need, problem.today):
            continue
        parts = {
            "earmarked-for-this-need": int(pledge.earmark.need_id == need.id),
            "partnership": int((need.authority_id, pledge.partner_id) in problem.twinned),
            "earmarked-for-this-place-or-sector": int(
                bool(pledge.earmark.territories or pledge.earmark.sectors)
                or pledge.earmark.authority_id is not None
            ),
        }
        found += [
            _Candidate(pledge, balance, parts)
            for balance in pledge.balances
            if _fits(balance, line)
            and (pledge.id, balance.line.line, need.id, line.line) not in problem.excluded
        ]
    ordered = sorted(
        enumerate(found), key=lambda item: (*(-part for part in item[1].parts.values()), item[0])
    )
    return [candidate for _, candidate in ordered]


def eligible(pledge: Pledge, need: Requirement, today: str) -> bool:
    """Whether a pledge's status, validity and earmark allow this need."""
    earmark = pledge.earmark
    return (
        pledge.status == "open"
        and need.open
        and (pledge.valid_from is None or pledge.valid_from <= today)
        and (pledge.valid_until is None or today <= pledge.valid_until)
        and earmark.need_id in (None, need.id)
        and earmark.authority_id in (None, need.authority_id)
        and (not earmark.territories or bool(set(earmark.territories) & set(need.territory)))
        and (
            not earmark.sectors
            or need.sector in earmark.sectors
            or need.sector.partition(".")[0] in earmark.sectors
        )
    )


def _fits(balance: Balance, line: RequirementLine) -> bool:
    """Money serves money in any currency; goods and services the same category and unit."""
    if isinstance(balance.line, FundingLine) and isinstance(line, FundingLine):
        return True
    return same_measure(balance.line, line)


def least_of(balance: Balance) -> int:
    """The smallest part of a pledge line that its terms allow, in smallest units."""
    if balance.line.indivisible:
        return balance.pledged
    return minor_units(balance.line.minimum) if balance.line.minimum is not None else 0


@dataclass(frozen=True)
class Exchange:
    """Smallest units of the need for one smallest unit of the pledge, and the rates it is by."""

    ratio: Fraction
    used: UsedRate | None = None

    def reserve(self, available: int, uncovered: int) -> tuple[int, int]:
        """(reserved, covers): the most that exceeds neither side.

        Rounded so that what is covered is never worth more than what is reserved; what is too
        small to cover one smallest unit reserves nothing.
        """
        covers = min(uncovered, int(available * self.ratio))
        reserved = ceil(covers / self.ratio)
        return min(reserved, available), covers


def exchange_of(rates: Rates | None, pledged: Amount, asked: Amount) -> Exchange | None:
    """How a pledge's amount counts for a need's; None where no recorded rate says so."""
    if not isinstance(pledged, Money) or not isinstance(asked, Money):
        return Exchange(Fraction(1))
    if pledged.currency == asked.currency:
        return Exchange(Fraction(1))
    pledge_rate, need_rate = rate_of(rates, pledged.currency), rate_of(rates, asked.currency)
    if rates is None or pledge_rate is None or need_rate is None:
        return None
    used = UsedRate.model_validate(
        {
            "rates_id": rates.id,
            "pledge_per_eur": format(pledge_rate, "f"),
            "need_per_eur": format(need_rate, "f"),
        }
    )
    units = Fraction(10) ** (decimals_of(asked.currency) - decimals_of(pledged.currency))
    return Exchange(units * Fraction(need_rate) / Fraction(pledge_rate), used)


def rate_of(rates: Rates | None, currency: str) -> Decimal | None:
    """Units of a currency for one euro, as recorded; None where it is not."""
    if rates is None:
        return None
    return Decimal(1) if currency == "EUR" else rates.per_eur.get(currency)
