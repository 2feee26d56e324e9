"""What a round's report says: coverage by oblast, sector and size of hromada, before and after.

Pure, and sums only: the order of the lines does not matter, and every requirement line is counted
once in the total and once in each kind of group.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from shared.events.facts import HromadaSize, ProjectSector
from shared.events.rounds import (
    CoverageSums,
    OblastCoverage,
    RoundReport,
    SectorCoverage,
    SizeCoverage,
)

C = TypeVar("C", bound=CoverageSums)

MOST_CENTS = 2**53 - 1
"""The greatest whole number that JSON carries everywhere; in euro cents, 90 trillion euro."""


@dataclass(frozen=True, slots=True)
class ReportedLine:
    """One requirement line that was open to a round: where, for what, how much of it is covered.

    `asked`, `before` and `after` are euro cents by the round's rates, before and after the round.
    Of a line that is not `valued` in euro they are whatever units it has, and only whether they are
    more than zero counts. Something covered that is worth less than a cent is to be given as one,
    or it would count as nothing.
    """

    oblast: str | None
    sector: ProjectSector
    size: HromadaSize
    asked: int
    before: int
    after: int
    valued: bool = True


def report_of(lines: Iterable[ReportedLine]) -> RoundReport:
    """The report of a round over these lines; groups in the order of their keys."""
    every = list(lines)
    return RoundReport(
        total=CoverageSums(**_sums(every)),
        by_oblast=_grouped(every, lambda line: line.oblast or "unknown", OblastCoverage),
        by_sector=_grouped(every, lambda line: line.sector, SectorCoverage),
        by_size=_grouped(every, lambda line: line.size, SizeCoverage),
    )


def _grouped(
    lines: list[ReportedLine], key_of: Callable[[ReportedLine], str], kind: type[C]
) -> tuple[C, ...]:
    groups: dict[str, list[ReportedLine]] = defaultdict(list)
    for line in lines:
        groups[key_of(line)].append(line)
    return tuple(
        kind.model_validate({"key": key, **_sums(group)}) for key, group in sorted(groups.items())
    )


def _sums(lines: list[ReportedLine]) -> dict[str, Any]:
    valued = [line for line in lines if line.valued]
    return {
        "lines": len(lines),
        "touched_before": sum(line.before > 0 for line in lines),
        "touched_after": sum(line.after > 0 for line in lines),
        "unvalued": len(lines) - len(valued),
        "asked_cents": min(MOST_CENTS, sum(line.asked for line in valued)),
        "before_cents": min(MOST_CENTS, sum(line.before for line in valued)),
        "after_cents": min(MOST_CENTS, sum(line.after for line in valued)),
    }
