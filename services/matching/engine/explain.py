"""Why each award, and which pairs lost to it: the best alternatives on both sides, and by what."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import prod
from typing import Literal

import numpy as np

from services.matching.engine.ledger import Ledger
from services.matching.engine.pairs import Pairs, Rows
from services.matching.engine.rule import BASE, TIERS, parts_of
from services.matching.engine.solution import Award, Binding, LossCode, Lost, PassedOver
from services.matching.engine.transport import Ints

ALTERNATIVES = 3
"""Most alternatives named on each side of an award, and for each who was passed over."""


MOST_TIERS = prod(tier.levels for tier in TIERS)
MOST_SCORE = 2 * BASE


@dataclass(frozen=True, slots=True)
class Booked:
    """An award by its rows, before it is explained."""

    offer: int
    ask: int
    reserved: int
    covers: int
    tier: int
    score: int
    substituted: bool


class Explained:
    """The pairs of a round, ranked on both sides."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self._passes: list[_Pass] = []

    def add(self, pairs: Pairs, short: Ints) -> None:
        """The pairs of a pass, direct first, and by how much score each was outbid."""
        self._passes.append(_Pass(pairs, short))

    @property
    def count(self) -> int:
        """How many pairs there were."""
        return sum(len(p.pairs) for p in self._passes)

    def awards(self, booked: Sequence[Booked], ledger: Ledger) -> Iterator[Award]:
        """The awards, each with what it won against."""
        got = {(b.offer, b.ask) for b in booked}
        for b in booked:
            offer, ask = self._rows.offers[b.offer], self._rows.asks[b.ask]
            found = self._passes[int(b.substituted)]
            yield Award(
                offer.pledge_id,
                offer.line,
                ask.need_id,
                ask.line,
                b.reserved,
                b.covers,
                b.tier,
                b.score,
                b.substituted,
                parts_of(offer, ask),
                tuple(self._binding(b, ledger)),
                tuple(self._lost(found, found.of_ask(b.ask), b, got, ledger, "ask")),
                tuple(self._lost(found, found.of_offer(b.offer), b, got, ledger, "offer")),
            )

    def _binding(self, b: Booked, ledger: Ledger) -> Iterator[Binding]:
        offer = self._rows.offers[b.offer]
        if ledger.demand[b.ask] == 0:
            yield "covers-the-line"
        if ledger.supply[b.offer] == 0:
            yield "uses-up-the-pledge-line"
        if offer.indivisible:
            yield "indivisible"
        elif offer.minimum and b.reserved == offer.minimum:
            yield "minimum"

    def _lost(
        self,
        found: "_Pass",
        ranked: Iterable[int],
        b: Booked,
        got: set[tuple[int, int]],
        ledger: Ledger,
        contested: Literal["offer", "ask"],
    ) -> Iterator[Lost]:
        """The best pairs of one side that got nothing, and why they lost to an award there."""
        named = 0
        for pair in ranked:
            offer, ask = int(found.pairs.offer[pair]), int(found.pairs.ask[pair])
            if (offer, ask) in got:
                continue
            code, margin = self._why(found, pair, b, ledger, contested)
            yield self._loss(found, pair, code, margin)
            named += 1
            if named == ALTERNATIVES:
                return

    def _why(
        self,
        found: "_Pass",
        pair: int,
        b: Booked,
        ledger: Ledger,
        contested: Literal["offer", "ask"],
    ) -> tuple[LossCode, int]:
        short = int(found.short[pair])
        if contested == "ask" and ledger.supply[found.pairs.offer[pair]] == 0:
            return "used-for-others", short
        if contested == "offer" and ledger.demand[found.pairs.ask[pair]] == 0:
            return "covered-by-others", short
        tier, score = int(found.pairs.tier[pair]), int(found.pairs.score[pair])
        if tier < b.tier:
            return "lower-tier", 0
        if tier == b.tier and (short or score < b.score):
            return "lower-score", max(short, b.score - score)
        offer = self._rows.offers[int(found.pairs.offer[pair])]
        return ("does-not-fit" if offer.indivisible or offer.minimum else "later"), 0

    def _loss(self, found: "_Pass", pair: int, code: LossCode, margin: int) -> Lost:
        offer = self._rows.offers[int(found.pairs.offer[pair])]
        ask = self._rows.asks[int(found.pairs.ask[pair])]
        return Lost(
            offer.pledge_id,
            offer.line,
            ask.need_id,
            ask.line,
            int(found.pairs.tier[pair]),
            int(found.pairs.score[pair]),
            code,
            margin,
        )

    def passed_over(self, booked: Sequence[Booked], ledger: Ledger) -> Iterator[PassedOver]:
        """Pledge lines that got nothing although they could have served a line that others covered
        in this round, each with the best of these lines."""
        winner: dict[int, Booked] = {}
        for b in booked:
            winner.setdefault(b.ask, b)
        served = np.zeros(len(self._rows.offers), bool)
        served[[b.offer for b in booked]] = True
        covered = np.zeros(len(self._rows.asks), bool)
        covered[list(winner)] = True
        covered &= ledger.demand == 0
        lost: dict[int, list[Lost]] = {}
        for found in self._passes:
            offer, ask = found.pairs.offer, found.pairs.ask
            passed = covered[ask] & ~served[offer] & (ledger.supply[offer] > 0)
            for pair in found.by_offer[passed[found.by_offer]].tolist():
                here = lost.setdefault(int(offer[pair]), [])
                if len(here) < ALTERNATIVES:
                    why = self._why(found, pair, winner[int(ask[pair])], ledger, "ask")
                    here.append(self._loss(found, pair, *why))
        for row, losses in sorted(lost.items()):
            o = self._rows.offers[row]
            yield PassedOver(o.pledge_id, o.line, o.partner_id, tuple(losses))


class _Pass:
    """Pairs ranked by tier, score and place: within each ask, and within each offer."""

    def __init__(self, pairs: Pairs, short: Ints) -> None:
        self.pairs = pairs
        self.short = short
        worse = (MOST_TIERS - pairs.tier) * MOST_SCORE - pairs.score
        # one key, and the pairs' own order where it ties: by offer, then by ask
        self.by_ask = np.argsort(pairs.ask * MOST_TIERS * MOST_SCORE + worse, kind="stable")
        self.by_offer = np.argsort(pairs.offer * MOST_TIERS * MOST_SCORE + worse, kind="stable")
        self._asks = pairs.ask[self.by_ask]
        self._offers = pairs.offer[self.by_offer]

    def of_ask(self, row: int) -> Iterator[int]:
        """The pairs of an ask, the best first."""
        return _run(self.by_ask, self._asks, row)

    def of_offer(self, row: int) -> Iterator[int]:
        """The pairs of an offer, the best first."""
        return _run(self.by_offer, self._offers, row)


def _run(order: Ints, rows: Ints, row: int) -> Iterator[int]:
    """The part of an order that is one row's, a few at a time: seldom more are looked at."""
    start, end = np.searchsorted(rows, (row, row + 1)).tolist()
    for at in range(start, end, 8):
        yield from order[at : min(at + 8, end)].tolist()
