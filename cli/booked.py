"""What books of matching's log hold: pledge lines and matches, by the events' words alone."""

from collections import Counter
from dataclasses import dataclass, field

from shared.events.facts import PledgeLine, Side
from shared.events.matches import MatchProposed
from shared.lines import minor_units


@dataclass
class PledgedLine:
    """Where the amount of a pledge line is, in smallest units."""

    line: PledgeLine
    parts: Counter[str] = field(default_factory=Counter)

    @property
    def available(self) -> int:
        """What is neither reserved nor gone."""
        return minor_units(self.line.amount) - self.parts.total()


@dataclass
class Matched:
    """What the log has said of a match so far."""

    proposal: MatchProposed
    status: str = "proposed"
    accepted: set[Side] = field(default_factory=set)
    delivered: int = 0
    delivered_covers: int = 0

    @property
    def live(self) -> bool:
        """Whether it has not ended."""
        return self.status in ("proposed", "agreed")

    @property
    def held(self) -> int:
        """What it still reserves, in the pledge's smallest units."""
        return minor_units(self.proposal.reserved) - self.delivered if self.live else 0

    @property
    def covered(self) -> int:
        """What it covers, delivered or to come, in the need's smallest units."""
        whole = minor_units(self.proposal.covers)
        return whole if self.live else self.delivered_covers
