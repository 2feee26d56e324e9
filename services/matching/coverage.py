"""The coverage of needs: state, pure.

For every requirement line, at every event: proposed + agreed + delivered is what its matches cover.
"""

from typing import ClassVar

from pydantic import Field

from services.matching.knowledge import Requirement
from shared.events.ids import NeedId
from shared.events.matches import (
    ContributionDelivered,
    MatchAgreed,
    MatchDeclined,
    MatchLapsed,
    MatchProposed,
    MatchReleased,
    NeedCovered,
    OfMatch,
)
from shared.lines import minor_units
from shared.log import State


class CoveredLine(State):
    """How much of one requirement line is proposed, agreed, delivered, in smallest units."""

    proposed: int = 0
    agreed: int = 0
    delivered: int = 0

    @property
    def taken(self) -> int:
        """What is not free to be proposed."""
        return self.proposed + self.agreed + self.delivered


class Coverage(State):
    """How much of a need is covered; computed here only. `lines` is keyed by line number."""

    what: ClassVar[str] = "coverage"

    id: NeedId
    lines: dict[str, CoveredLine] = Field(default_factory=dict)

    def line(self, number: int) -> CoveredLine:
        """One line; nothing is taken of one that no match ever covered."""
        return self.lines.get(str(number), CoveredLine())

    def complete(self, need: Requirement) -> bool:
        """Whether every line is agreed or delivered in full."""
        return all(
            self.line(n.line).agreed + self.line(n.line).delivered >= minor_units(n.amount)
            for n in need.lines
        )


def evolve_coverage(coverage: Coverage | None, event: object) -> Coverage:
    """The coverage of a need after one event of its matches."""
    if isinstance(event, NeedCovered) and coverage is not None:
        return coverage  # it says what the lines show
    if not isinstance(event, OfMatch):
        raise TypeError(f"{event!r} covers nothing")
    before = coverage or Coverage(id=event.need_id)
    line, covers = before.line(event.need_line), minor_units(event.covers)
    match event:
        case MatchProposed():
            moved = {"proposed": line.proposed + covers}
        case MatchAgreed():
            moved = {"proposed": line.proposed - covers, "agreed": line.agreed + covers}
        case MatchReleased(was="agreed"):
            moved = {"agreed": line.agreed - covers}
        case MatchDeclined() | MatchLapsed() | MatchReleased():
            moved = {"proposed": line.proposed - covers}
        case ContributionDelivered():
            part = minor_units(event.delivered_covers)
            moved = {"agreed": line.agreed - part, "delivered": line.delivered + part}
        case _:
            raise TypeError(f"{event!r} covers nothing")
    if min(moved.values()) < 0:
        raise ArithmeticError(f"line {event.need_line} of need {event.need_id} would be {moved}")
    lines = before.lines | {str(event.need_line): line.model_copy(update=moved)}
    return before.model_copy(update={"lines": lines})
