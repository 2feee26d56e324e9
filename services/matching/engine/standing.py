"""Proposals that nobody has accepted yet, and which of them a challenger may take the place of."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from services.matching.engine.pairs import Rows, scored
from services.matching.engine.problem import Standing
from services.matching.engine.transport import Ints


@dataclass(frozen=True)
class Held:
    """A standing proposal by its rows, with its tier."""

    proposal: Standing
    offer: int
    ask: int
    tier: int


@dataclass
class Standings:
    """Proposals that may give way, and by row which they are; the rows of all that there were, and
    when the oldest was made."""

    offers: Ints = field(default_factory=lambda: np.empty(0, np.int64))
    asks: Ints = field(default_factory=lambda: np.empty(0, np.int64))
    oldest: int = 0
    left: dict[str, Held] = field(default_factory=dict)
    of_offer: dict[int, list[Held]] = field(default_factory=lambda: defaultdict(list))
    of_ask: dict[int, list[Held]] = field(default_factory=lambda: defaultdict(list))

    @classmethod
    def of(cls, rows: Rows) -> "Standings":
        """Those of a problem."""
        found = cls()
        known = []
        for proposal in rows.problem.standing:
            offer = rows.offer_row.get((proposal.pledge_id, proposal.pledge_line))
            ask = rows.ask_row.get((proposal.need_id, proposal.need_line))
            if offer is not None and ask is not None:
                known.append((proposal, offer, ask))
        if not known:
            return found
        proposals, offers, asks = zip(*known, strict=True)
        found.offers, found.asks = np.array(offers, np.int64), np.array(asks, np.int64)
        found.oldest = min(p.since for p in proposals)
        tiers = scored(rows, found.offers, found.asks).tier.tolist()
        for (proposal, offer, ask), tier in zip(known, tiers, strict=True):
            held = Held(proposal, offer, ask, tier)
            found.left[proposal.match_id] = held
            found.of_offer[offer].append(held)
            found.of_ask[ask].append(held)
        return found

    def lower(self, held: Iterable[Held], tier: int, before: int) -> list[Held]:
        """Those of lower tiers, proposed before a moment; first the lowest, then the newest."""
        found = [
            h
            for h in held
            if h.proposal.match_id in self.left and h.tier < tier and h.proposal.since < before
        ]
        return sorted(found, key=lambda h: (h.tier, -h.proposal.since, -h.ask, -h.offer))
