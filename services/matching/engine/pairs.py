"""Every pair that may be matched, with its tier and score, found by index: never by crossing all.

Requirement lines are indexed by measure with place and sector, by need and by authority; each
earmark looks up its own rows once, so time and memory grow with the eligible pairs. What a pair
is eligible for is `eligibility.reasons`'; the tests hold the two against each other.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from services.matching.engine.eligibility import sectors_of
from services.matching.engine.money import common_unit
from services.matching.engine.problem import FUNDING, Ask, Offer, Problem
from services.matching.engine.rule import URGENCIES, ask_score, offer_score, tier_of
from services.matching.engine.transport import Ints


class OfOffers(NamedTuple):
    """What each offer brings to its pairs, by row."""

    earmarked: Ints
    narrow: Ints
    score: Ints
    since: Ints


class OfAsks(NamedTuple):
    """What each ask brings to its pairs, by row."""

    urgency: Ints
    score: Ints
    since: Ints


@dataclass(frozen=True)
class Rows:
    """The offers and asks of a problem, in the order of their places; a row is an index here."""

    problem: Problem
    offers: list[Offer]
    asks: list[Ask]

    @classmethod
    def of(cls, problem: Problem) -> "Rows":
        """The rows of a problem."""
        return cls(
            problem,
            sorted(problem.offers, key=lambda o: o.place),
            sorted(problem.asks, key=lambda a: a.place),
        )

    @cached_property
    def offer_row(self) -> dict[tuple[str, int], int]:
        """The row of a pledge line."""
        return {(o.pledge_id, o.line): row for row, o in enumerate(self.offers)}

    @cached_property
    def ask_row(self) -> dict[tuple[str, int], int]:
        """The row of a requirement line."""
        return {(a.need_id, a.line): row for row, a in enumerate(self.asks)}

    @cached_property
    def twinned(self) -> dict[int, int]:
        """Since when (milliseconds) who is twinned with whom, by `_party_key`."""
        return {self._party_key(a, p): since for (a, p), since in self.problem.twinned.items()}

    @cached_property
    def _indexes(self) -> "dict[bool, _Index]":
        return {}

    def index(self, substituting: bool) -> "_Index":
        """The asks by what pledges may name, made when it is first needed."""
        if substituting not in self._indexes:
            self._indexes[substituting] = _Index(self, substituting)
        return self._indexes[substituting]

    @cached_property
    def _parties(self) -> dict[str, int]:
        found: dict[str, int] = {}
        for offer in self.offers:
            found.setdefault(offer.partner_id, len(found))
        for ask in self.asks:
            found.setdefault(ask.authority_id, len(found))
        return found

    def _party_key(self, authority: str, partner: str) -> int:
        one, other = self._parties.get(authority, -1), self._parties.get(partner, -1)
        return one * 2**31 + other if one >= 0 and other >= 0 else -1

    @cached_property
    def authority(self) -> Ints:
        """The number of each ask's authority."""
        return np.array([self._parties[a.authority_id] for a in self.asks], np.int64)

    @cached_property
    def partner(self) -> Ints:
        """The number of each offer's partner."""
        return np.array([self._parties[o.partner_id] for o in self.offers], np.int64)

    @cached_property
    def of_offers(self) -> OfOffers:
        """What each offer brings to its pairs' tiers and scores."""
        return OfOffers(
            np.array([o.need_id is not None for o in self.offers], np.int64),
            np.array(
                [
                    bool(o.territories or o.authority_id is not None) + bool(o.sectors)
                    for o in self.offers
                ],
                np.int64,
            ),
            np.array([offer_score(o) for o in self.offers], np.int64),
            np.array([o.since for o in self.offers], np.int64),
        )

    @cached_property
    def of_asks(self) -> OfAsks:
        """What each ask brings to its pairs' tiers and scores."""
        return OfAsks(
            np.array([URGENCIES.index(a.urgency) for a in self.asks], np.int64),
            np.array([ask_score(a) for a in self.asks], np.int64),
            np.array([a.since for a in self.asks], np.int64),
        )

    @cached_property
    def barred(self) -> Ints:
        """Pairs that are not to be matched, as offer row × number of asks + ask row."""
        pairs = [*self.problem.barred]
        pairs += [
            (s.pledge_id, s.pledge_line, s.need_id, s.need_line) for s in self.problem.standing
        ]
        found = ((self.offer_row.get((p, pl)), self.ask_row.get((n, nl))) for p, pl, n, nl in pairs)
        keys = [o * len(self.asks) + a for o, a in found if o is not None and a is not None]
        return np.unique(np.array(keys, np.int64))


@dataclass(frozen=True, slots=True)
class Pairs:
    """Pairs of rows; `tier` and `score` by the rule, `since` when the pair came to be."""

    offer: Ints
    ask: Ints
    tier: Ints
    score: Ints
    since: Ints

    def __len__(self) -> int:
        return len(self.offer)

    def of(self, pairs: NDArray[np.bool_] | Ints) -> "Pairs":
        """Some of them."""
        return Pairs(
            self.offer[pairs], self.ask[pairs], self.tier[pairs], self.score[pairs],
            self.since[pairs],
        )  # fmt: skip


def find(
    rows: Rows, offers: Iterable[int], asks: Sequence[int], substituting: bool = False
) -> Pairs:
    """The pairs among some rows whose statuses, days, earmarks and measures fit, in the order of
    offers, then of asks.

    What is available and uncovered is not looked at: it changes while a round is decided.
    """
    found_offers, found_asks = [], []
    wanted = np.zeros(len(rows.asks), bool)
    wanted[asks] = True
    if len(asks):
        index = rows.index(substituting)
        for row in offers:
            taken = index.rows_for(rows.offers[row])
            if len(taken):
                taken = taken[wanted[taken]]
                found_asks.append(taken)
                found_offers.append(np.full(len(taken), row, np.int64))
    if not found_asks:
        none = np.empty(0, np.int64)
        return Pairs(none, none, none, none, none)
    offer, ask = np.concatenate(found_offers), np.concatenate(found_asks)
    if len(rows.barred):
        allowed = ~np.isin(offer * len(rows.asks) + ask, rows.barred)
        offer, ask = offer[allowed], ask[allowed]
    return scored(rows, offer, ask)


def together(one: Pairs, *more: Pairs) -> Pairs:
    """Several sets of pairs as one, each pair once."""
    parts = [p for p in (one, *more) if len(p)]
    if len(parts) < 2:
        return parts[0] if parts else one
    every = Pairs(*(np.concatenate([getattr(p, f) for p in parts]) for f in Pairs.__slots__))
    _, first = np.unique(every.offer * 2**31 + every.ask, return_index=True)
    return every.of(first)


class _Index:
    """Requirement lines by what can be asked of them: measure, place and sector together (None
    where a pledge names none), need, authority."""

    def __init__(self, rows: Rows, substituting: bool) -> None:
        self._rates = rows.problem.rates
        self._today = rows.problem.today
        self._only_funding = substituting
        self._known: dict[tuple[object, ...], Ints] = {}
        lists: defaultdict[object, list[int]] = defaultdict(list)
        for row, ask in enumerate(rows.asks):
            if not ask.open or ask.authority_status != "admitted":
                continue
            if substituting:
                if ask.measure == FUNDING or not ask.unit_value:
                    continue
                measured = FUNDING, common_unit(FUNDING, ask.value_currency, self._rates)[0]
            else:
                measured = ask.measure, common_unit(ask.measure, ask.unit, self._rates)[0]
            sectors = (None, *sectors_of(ask.sector))
            for place in (None, *ask.territory):
                for sector in sectors:
                    lists[measured, place, sector].append(row)
            lists[measured, ask.need_id].append(row)
            lists[measured, ask.authority_id].append(row)
        self._lists = lists
        self._arrays: dict[object, Ints] = {}

    def rows_for(self, offer: Offer) -> Ints:
        """The asks that an offer may serve, in the order of their rows."""
        if (
            offer.status != "open"
            or offer.partner_status != "admitted"
            or (offer.valid_from is not None and offer.valid_from > self._today)
            or (offer.valid_until is not None and offer.valid_until < self._today)
            or (self._only_funding and offer.measure != FUNDING)
        ):
            return _NONE
        measured = offer.measure, common_unit(offer.measure, offer.unit, self._rates)[0]
        asked = (
            measured, offer.need_id, offer.authority_id, offer.territories, offer.sectors,
        )  # fmt: skip
        if asked not in self._known:
            self._known[asked] = self._look_up(offer, measured)
        return self._known[asked]

    def _look_up(self, offer: Offer, measured: tuple[str, str]) -> Ints:
        keys = [
            (measured, place, sector)
            for place in offer.territories or (None,)
            for sector in offer.sectors or (None,)
        ]
        found = self._any(keys)
        for named in (offer.need_id, offer.authority_id):
            if named is not None:
                one = self._of((measured, named))
                found = one[np.isin(one, found, assume_unique=True)]
        return found

    def _any(self, keys: Sequence[object]) -> Ints:
        """The rows of several keys, each once."""
        parts = [self._of(key) for key in keys if key in self._lists]
        if len(parts) < 2:
            return parts[0] if parts else _NONE
        every = np.sort(np.concatenate(parts))
        return every[np.concatenate(([True], every[1:] != every[:-1]))]

    def _of(self, key: object) -> Ints:
        if key not in self._arrays:
            self._arrays[key] = np.array(self._lists.get(key, ()), np.int64)
        return self._arrays[key]


_NONE = np.empty(0, np.int64)

_TIERS = np.array(
    [
        [[[tier_of(e, p, n, u) for u in range(len(URGENCIES))] for n in range(3)] for p in range(2)]
        for e in range(2)
    ],
    np.int64,
)
"""Tiers by earmark for the need, partnership, place and sector, urgency."""


def scored(rows: Rows, offer: Ints, ask: Ints) -> Pairs:
    """Tier and score of each pair, all at once."""
    party = rows.authority[ask] * 2**31 + rows.partner[offer]
    twins = np.array(sorted(rows.twinned), np.int64)
    since_twins = np.array([rows.twinned[int(k)] for k in twins], np.int64)
    at = np.minimum(np.searchsorted(twins, party), max(len(twins) - 1, 0))
    twinned = twins[at] == party if len(twins) else np.zeros(len(party), bool)
    of_offer, of_ask = rows.of_offers, rows.of_asks
    tier = _TIERS[
        of_offer.earmarked[offer], twinned.astype(int), of_offer.narrow[offer], of_ask.urgency[ask]
    ]
    score = of_ask.score[ask] + of_offer.score[offer]
    since = np.maximum(of_offer.since[offer], of_ask.since[ask])
    if len(twins):
        since = np.where(twinned, np.maximum(since, since_twins[at]), since)
    return Pairs(offer, ask, tier, score, since)
