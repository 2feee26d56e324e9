"""The report of a round from what it decided on and what it decided."""

from collections import Counter
from fractions import Fraction

from services.matching.engine import Problem, Solution
from services.matching.engine.money import common_unit
from services.matching.engine.problem import FUNDING
from services.matching.market import Market
from services.matching.report import ReportedLine, report_of
from shared.codelists import oblast_of, size_of
from shared.events.facts import FundingLine, Money, RequirementLine
from shared.events.rounds import RoundReport
from shared.lines import minor_units


def report(market: Market, problem: Problem, solution: Solution) -> RoundReport:
    """Coverage of all open needs before a round and after it."""
    moved: Counter[tuple[str, int]] = Counter()
    for award in solution.awards:
        moved[award.need_id, award.need_line] += award.covers
    gone = {d.match_id for d in solution.displaced}
    for standing in problem.standing:
        if standing.match_id in gone:
            moved[standing.need_id, standing.need_line] -= standing.covers
    lines = []
    for need in market.needs.values():
        if not need.open or not market.good(need.authority_id):
            continue
        oblast, size = oblast_of(need.territory), size_of(need.territory)
        coverage = market.coverage(need.id)
        for line in need.lines:
            before = coverage.line(line.line).taken
            amounts = (minor_units(line.amount), before, before + moved[need.id, line.line])
            value = _cents(problem, line)
            asked, was, now = (_in_cents(a, value) for a in amounts)
            lines.append(
                ReportedLine(oblast, need.sector, size, asked, was, now, valued=value is not None)
            )
    return report_of(lines)


def _in_cents(amount: int, value: Fraction | None) -> int:
    """Euro cents, at least one for what is more than nothing; as it is where it has no value."""
    return amount if value is None else max(int(amount * value), int(amount > 0))


def _cents(problem: Problem, line: RequirementLine) -> Fraction | None:
    """Euro cents that one smallest unit of a line is worth; None where nothing says so."""
    if isinstance(line.amount, Money):
        unit, factor = common_unit(FUNDING, line.amount.currency, problem.rates)
        return factor if unit == "EUR" else None
    if isinstance(line, FundingLine) or line.unit_value is None:
        return None
    unit, factor = common_unit(FUNDING, line.unit_value.currency, problem.rates)
    return minor_units(line.unit_value) * factor if unit == "EUR" else None
