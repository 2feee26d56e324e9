"""A round: tier by tier from the highest, each decided by itself from what higher ones left.

A lower tier never moves what a higher one got. Within a tier the total score of matched value is
the greatest there is (transport.py says how ties fall). After all direct pairs the same is done
once more with money for what was asked in kind. A newly arrived pair of a higher tier may take
the place of proposals that nobody has accepted, once free amounts do not suffice.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from services.matching.engine.explain import Booked, Explained
from services.matching.engine.ledger import Ledger
from services.matching.engine.pairs import Pairs, Rows, find, scored, together
from services.matching.engine.problem import Problem, Standing
from services.matching.engine.solution import Displaced, Solution, Step
from services.matching.engine.solve import Solved, solve
from services.matching.engine.transport import Ints


def decide(problem: Problem) -> Solution:
    """The solution of a round: the same for the same problem, whatever its order. No side is ever
    exceeded. Raises NotSolved where a solver fails, which is a defect."""
    rows = Rows.of(problem)
    decided = _Decided(rows, _Standings.of(rows))
    ledger: Ledger | None = None
    for substituting in (False, True):
        ledger = Ledger(rows, substituting, ledger)
        decided.decide(ledger, substituting)
    assert ledger is not None
    return decided.solution(ledger)


@dataclass(frozen=True)
class Held:
    """A standing proposal by its rows, with its tier."""

    proposal: Standing
    offer: int
    ask: int
    tier: int


@dataclass
class _Standings:
    """Proposals that may give way, and by row which they are; the rows of all that there were, and
    when the oldest was made."""

    offers: Ints = field(default_factory=lambda: np.empty(0, np.int64))
    asks: Ints = field(default_factory=lambda: np.empty(0, np.int64))
    oldest: int = 0
    left: dict[str, Held] = field(default_factory=dict)
    of_offer: dict[int, list[Held]] = field(default_factory=lambda: defaultdict(list))
    of_ask: dict[int, list[Held]] = field(default_factory=lambda: defaultdict(list))

    @classmethod
    def of(cls, rows: Rows) -> "_Standings":
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


class _Decided:
    """What has been decided so far."""

    def __init__(self, rows: Rows, standings: _Standings) -> None:
        self._rows = rows
        self._standings = standings
        self._booked: list[Booked] = []
        self._displaced: list[Displaced] = []
        self._steps: list[Step] = []
        self._explained = Explained(rows)

    def decide(self, ledger: Ledger, substituting: bool) -> None:
        """All tiers of the direct pairs, or of those that substitute."""
        pairs = self._pairs(ledger, substituting)
        shorts = np.zeros(len(pairs), np.int64)
        tiers = pairs.tier
        ordered = np.argsort(-tiers, kind="stable")
        edges = np.flatnonzero(np.diff(-tiers[ordered])) + 1
        for which in np.split(ordered, edges):
            if len(which):
                which.sort()
                tier = int(tiers[which[0]])
                shorts[which] = self._tier(ledger, pairs.of(which), tier, substituting)
                if self._standings.left:
                    self._challenge(ledger, pairs.of(which), tier, substituting)
        self._explained.add(pairs, shorts)

    def _pairs(self, ledger: Ledger, substituting: bool) -> Pairs:
        """Pairs of what is free on both sides, and of what arrived after some proposal was made."""
        rows = self._rows
        free_offers = np.flatnonzero(ledger.supply > 0).tolist()
        free_asks = np.flatnonzero(ledger.demand > 0).tolist()
        pairs = find(rows, free_offers, free_asks, substituting)
        if not self._standings.left:
            return pairs
        oldest = self._standings.oldest
        offers = sorted({*free_offers, *self._standings.of_offer})
        asks = sorted({*free_asks, *self._standings.of_ask})
        new_offers = [r for r in offers if rows.offers[r].since > oldest]
        new_asks = [r for r in asks if rows.asks[r].since > oldest]
        more = [
            find(rows, new_offers, asks, substituting),
            find(rows, offers, new_asks, substituting),
        ]
        if any(since > oldest for since in rows.twinned.values()):
            late = find(rows, offers, asks, substituting)
            more.append(late.of(late.since > oldest))
        return together(pairs, *more)

    def _tier(self, ledger: Ledger, pairs: Pairs, tier: int, substituting: bool) -> Ints:
        """Decide one tier with what is free; by how much each pair was outbid.

        Where rounding leaves less than a pledge's terms allow, the rest is decided once more.
        """
        short = np.zeros(len(pairs), np.int64)
        left = np.arange(len(pairs))
        while len(left):
            transport, which = ledger.transport(pairs.of(left), ledger.supply, ledger.demand)
            if not len(which):
                break
            which = left[which]
            solved = solve(transport)
            short[which] = solved.short
            awards, refused = self._book(
                ledger, pairs.of(which), solved.amount, transport.order, tier, substituting
            )
            self._step(solved, tier, substituting, len(which), awards)
            if not len(refused):
                break
            left = np.setdiff1d(left, which[solved.amount > 0])
        return short

    def _step(self, solved: Solved, tier: int, substituting: bool, pairs: int, awards: int) -> None:
        self._steps.append(
            Step(tier, substituting, pairs, awards, solved.score, solved.bound, solved.proven)
        )

    def _book(
        self,
        ledger: Ledger,
        pairs: Pairs,
        amount: Ints,
        order: Ints,
        tier: int,
        substituting: bool,
    ) -> tuple[int, Ints]:
        """Turn shares into awards; how many, and the pairs that rounding left too little."""
        before, refused = len(self._booked), []
        kept = np.zeros(len(self._rows.offers), np.int64)
        np.add.at(kept, pairs.offer, amount)
        for pair in order[amount[order] > 0].tolist():
            offer, ask, share = int(pairs.offer[pair]), int(pairs.ask[pair]), int(amount[pair])
            kept[offer] -= share
            last = share >= ledger.supply[offer] or share >= ledger.demand[ask]
            taken = ledger.take(offer, ask, share, last, int(kept[offer]))
            if taken is None:
                refused.append(pair)
                continue
            self._booked.append(
                Booked(offer, ask, *taken, tier, int(pairs.score[pair]), substituting)
            )
        return len(self._booked) - before, np.array(refused, np.int64)

    def _challenge(self, ledger: Ledger, pairs: Pairs, tier: int, substituting: bool) -> None:
        """New pairs of this tier take the place of older proposals of lower ones."""
        standings = self._standings
        taken = {(b.offer, b.ask) for b in self._booked}
        soft: dict[tuple[str, int], list[Held]] = {}
        chosen = []
        new = self._newer_than_some(pairs)
        for index in np.flatnonzero(new).tolist():
            offer, ask, since = (
                int(pairs.offer[index]), int(pairs.ask[index]), int(pairs.since[index]),
            )  # fmt: skip
            if (offer, ask) in taken:
                continue
            sides = (
                ("offer", offer, ledger.supply[offer], standings.of_offer.get(offer, [])),
                ("ask", ask, ledger.demand[ask], standings.of_ask.get(ask, [])),
            )
            lower = {(s, r): standings.lower(held, tier, since) for s, r, _, held in sides}
            if all(free > 0 or lower[s, r] for s, r, free, _ in sides) and any(lower.values()):
                chosen.append(index)
                for key, held in lower.items():
                    # what every new pair of this row is newer than
                    soft[key] = [h for h in soft[key] if h in held] if key in soft else held
        if not chosen:
            return
        pairs = pairs.of(np.array(chosen, np.int64))
        supply, demand = ledger.supply.copy(), ledger.demand.copy()
        for (side, row), held in soft.items():
            if side == "offer":
                whole = ledger.available[row] + sum(h.proposal.reserved for h in held)
                supply[row] = ledger.offered(row, whole)
            else:
                whole = ledger.uncovered[row] + sum(h.proposal.covers for h in held)
                demand[row] = ledger.asked(row, whole)
        left, booked, displaced = dict(standings.left), len(self._booked), len(self._displaced)
        frozen = ledger.available.copy(), ledger.uncovered.copy()
        while True:
            transport, which = ledger.transport(pairs, supply, demand)
            if not len(which):
                return
            solved = solve(transport)
            pairs, amount = pairs.of(which), solved.amount
            self._give_way(ledger, pairs, amount, soft)
            awards, refused = self._book(ledger, pairs, amount, transport.order, tier, substituting)
            if not len(refused):
                break
            # nobody gives way for nothing
            pairs = pairs.of(np.setdiff1d(np.arange(len(pairs)), refused))
            standings.left = dict(left)
            del self._booked[booked:], self._displaced[displaced:]
            ledger.restore(*frozen)
        ledger.freeze(*frozen)
        self._step(solved, tier, substituting, len(which), awards)

    def _newer_than_some(self, pairs: Pairs) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
        """Pairs that meet a standing proposal and came to be after the oldest was made."""
        rows, standings = self._rows, self._standings
        offers, asks = np.zeros(len(rows.offers), bool), np.zeros(len(rows.asks), bool)
        offers[standings.offers] = True
        asks[standings.asks] = True
        return (pairs.since > standings.oldest) & (offers[pairs.offer] | asks[pairs.ask])

    def _give_way(
        self, ledger: Ledger, pairs: Pairs, amount: Ints, soft: dict[tuple[str, int], list[Held]]
    ) -> None:
        """Displace as many proposals as the challengers need, the lowest and newest first."""
        for (side, row), held in sorted(soft.items()):
            of_side = pairs.offer if side == "offer" else pairs.ask
            here = np.flatnonzero((of_side == row) & (amount > 0))
            wanted = int(amount[here].sum())
            for h in held:
                free = (
                    ledger.offered(row, ledger.available[row])
                    if side == "offer"
                    else ledger.asked(row, ledger.uncovered[row])
                )
                if wanted <= free:
                    break
                if h.proposal.match_id not in self._standings.left:
                    continue
                del self._standings.left[h.proposal.match_id]
                ledger.free(h.offer, h.proposal.reserved, h.ask, h.proposal.covers)
                first = here[0]
                by_offer = self._rows.offers[int(pairs.offer[first])]
                by_ask = self._rows.asks[int(pairs.ask[first])]
                self._displaced.append(
                    Displaced(
                        h.proposal.match_id,
                        by_offer.pledge_id,
                        by_offer.line,
                        by_ask.need_id,
                        by_ask.line,
                    )
                )

    def solution(self, ledger: Ledger) -> Solution:
        """All that was decided, explained; in the order of passes, tiers and places."""
        self._booked.sort(key=lambda b: (b.substituted, -b.tier, b.ask, b.offer))
        return Solution(
            tuple(self._explained.awards(self._booked, ledger)),
            tuple(self._displaced),
            tuple(self._explained.passed_over(self._booked, ledger)),
            tuple(self._steps),
            self._explained.count,
        )
