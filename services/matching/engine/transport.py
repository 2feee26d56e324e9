"""A transportation problem: who supplies whom how much, at the greatest total score, uniquely.

The best solution is the one with, in this order: the greatest sum of amount × score; the greatest
sum of amount × precedence; the greatest amount for the first pair in the order of asks' places,
then of offers' places, then for the second pair, and so on. All three are kept exactly: scores
and precedence are one cost, with a factor that no path through the graph can make up for, and
what still ties is decided pair by pair. So the solution is one, whatever solver found it.

OR-Tools' cost-scaling min-cost flow solves it; node prices, found from its solution, prove that
it is optimal and show where another is as good.
"""

from collections import defaultdict, deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from ortools.graph.python import min_cost_flow
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

Ints = NDArray[np.int64]

REACH = 1_000_000
"""Precedence runs from 0 to below this, or below what the graph's size leaves room for."""


class NotSolved(RuntimeError):
    """The solver gave no optimal flow: a defect, not an answer."""


@dataclass(frozen=True)
class Transport:
    """Pairs (offer row, ask row) with a score of 1 or more for each unit that flows.

    An amount is 0, or from `least` to `most` in whole `step`s. `takes` is what a pair takes of the
    ask's demand where that is not the amount itself (pairs that are taken whole only).
    """

    supply: Ints
    demand: Ints
    offer: Ints
    ask: Ints
    score: Ints
    offer_place: Ints
    ask_place: Ints
    least: Ints
    most: Ints
    step: Ints
    takes: Ints | None = None

    @property
    def reach(self) -> int:
        """Above all precedence: as large as OR-Tools allows for these nodes and scores: costs
        times nodes, times 5 by which it scales them, stay in 63 bits."""
        nodes = len(self.supply) + len(self.demand) + 2
        room = 2**60 // (nodes * (nodes + 2) * (int(self.score.max(initial=1)) + 1))
        return max(1, min(REACH, room))

    @property
    def precedence(self) -> Ints:
        """Of pairs that score the same: greater for earlier asks with earlier offers."""
        offers, asks = _ranks(self.offer_place), _ranks(self.ask_place)
        p, a = len(offers) or 1, len(asks) or 1
        return (self.reach - 1) * (p - offers[self.offer]) * (a - asks[self.ask]) // (p * a)

    @property
    def order(self) -> Ints:
        """The pairs in the order that decides what still ties."""
        return np.lexsort((self.offer_place[self.offer], self.ask_place[self.ask]))

    def of(self, pairs: NDArray[np.bool_] | Ints) -> "Transport":
        """The same problem with some of its pairs."""
        return Transport(
            self.supply, self.demand, self.offer[pairs], self.ask[pairs], self.score[pairs],
            self.offer_place, self.ask_place, self.least[pairs], self.most[pairs],
            self.step[pairs], None if self.takes is None else self.takes[pairs],
        )  # fmt: skip


def _ranks(places: Ints) -> Ints:
    ranks = np.empty(len(places), np.int64)
    ranks[np.argsort(places, kind="stable")] = np.arange(len(places))
    return ranks


@dataclass(frozen=True)
class Flow:
    """How much flows for each pair, and `short`: by how much score per unit (never below 0) a
    pair that got less than it could was outbid."""

    amount: Ints
    short: Ints


def flow(
    transport: Transport, cost: Ints | None = None, factor: int = 1, floor: Ints | None = None
) -> Flow:
    """The best solution where every amount from `floor` (0) to `most` is allowed.

    `cost` is score and precedence as one number, `factor` the weight of one score in it; they are
    the problem's own where they are not given. Raises NotSolved.
    """
    t = transport
    if cost is None:
        factor = t.reach * (len(t.supply) + len(t.demand) + 2)
        cost = t.score * factor + t.precedence
    floor = np.zeros_like(t.most) if floor is None else floor
    supply = t.supply - _sums(t.offer, floor, len(t.supply))
    demand = t.demand - _sums(t.ask, floor, len(t.demand))
    if supply.min(initial=0) < 0 or demand.min(initial=0) < 0:
        raise NotSolved("what must flow exceeds a side")
    room = np.minimum(t.most - floor, np.minimum(supply[t.offer], demand[t.ask]))
    amount = _solve(t, cost, room, supply, demand)
    prices = _prices(t, cost, room, amount, supply, demand)
    amount = _settle_ties(t, cost, room, amount, supply, demand, prices)
    reduced = prices.of_ask[t.ask] - prices.of_offer[t.offer] + cost
    return Flow(amount + floor, np.where(amount < room, np.maximum(-reduced, 0) // factor, 0))


def _sums(rows: Ints, amounts: Ints, size: int) -> Ints:
    found = np.zeros(size, np.int64)
    np.add.at(found, rows, amounts)
    return found


def _solve(t: Transport, cost: Ints, room: Ints, supply: Ints, demand: Ints) -> Ints:
    """One optimal flow, by OR-Tools."""
    if len(cost) == 0:
        return room.copy()
    offers, asks = len(supply), len(demand)
    source, sink = offers + asks, offers + asks + 1
    solver = min_cost_flow.SimpleMinCostFlow()
    solver.add_arcs_with_capacity_and_unit_cost(t.offer, t.ask + offers, room, -cost)
    for tails, heads, capacity in (
        (np.full(offers, source), np.arange(offers), supply),
        (np.arange(asks) + offers, np.full(asks, sink), demand),
    ):
        free = np.zeros(len(capacity), np.int64)
        solver.add_arcs_with_capacity_and_unit_cost(tails, heads, capacity, free)
    total = min(int(supply.sum()), int(demand.sum()))
    solver.add_arc_with_capacity_and_unit_cost(source, sink, total, 0)
    solver.set_node_supply(source, total)
    solver.set_node_supply(sink, -total)
    status = solver.solve()
    if status != solver.OPTIMAL:
        raise NotSolved(f"min-cost flow of {len(cost)} pairs: {status.name}")
    return np.asarray(solver.flows(np.arange(len(cost))), np.int64)


_FAR = 2**61
"""Above any price, and twice it below 2^63."""


@dataclass(frozen=True)
class _Prices:
    of_offer: Ints
    of_ask: Ints
    of_root: int


def _prices(
    t: Transport, cost: Ints, room: Ints, amount: Ints, supply: Ints, demand: Ints
) -> _Prices:
    """Node prices by which no residual arc is worth more: Bellman and Ford, whole rounds at once.

    They exist just when the flow is optimal. Among them, an offer's is the highest and an ask's
    that nobody reached the lowest, so that a pair's price says all that it was short of. Raises
    NotSolved where there are none.
    """
    used, got = _sums(t.offer, amount, len(supply)), _sums(t.ask, amount, len(demand))
    offer, ask, root = np.full_like(supply, _FAR), np.full_like(demand, _FAR), 0
    more, less = _by(t.ask, amount < room), _by(t.offer, amount > 0)
    for _ in range(len(supply) + len(demand) + 3):
        before = offer, ask, root
        ask = more.least(ask, offer[t.offer[more.pairs]] - cost[more.pairs])
        root = min(root, int(ask[got < demand].min(initial=0)))
        ask = np.where(got > 0, np.minimum(ask, root), ask)
        offer = less.least(offer, ask[t.ask[less.pairs]] + cost[less.pairs])
        root = min(root, int(offer[used > 0].min(initial=0)))
        offer = np.where(used < supply, np.minimum(offer, root), offer)
        if root == before[2] and (offer == before[0]).all() and (ask == before[1]).all():
            return _Prices(np.where(used > 0, offer, root), np.where(got > 0, ask, root), root)
    raise NotSolved("the flow is not optimal")


@dataclass(frozen=True)
class _Grouped:
    """Some pairs in the order of their rows, to take the least of each row's at once."""

    pairs: Ints
    rows: Ints
    starts: Ints

    def least(self, present: Ints, values: Ints) -> Ints:
        if not len(self.pairs):
            return present
        found = present.copy()
        found[self.rows] = np.minimum(present[self.rows], np.minimum.reduceat(values, self.starts))
        return found


def _by(rows: Ints, wanted: NDArray[np.bool_]) -> _Grouped:
    pairs = np.flatnonzero(wanted)
    pairs = pairs[np.argsort(rows[pairs], kind="stable")]
    found, starts = np.unique(rows[pairs], return_index=True)
    return _Grouped(pairs, found, starts)


def _settle_ties(
    t: Transport,
    cost: Ints,
    room: Ints,
    amount: Ints,
    supply: Ints,
    demand: Ints,
    prices: _Prices,
) -> Ints:
    """Of all flows as good, the one with the most for the first pair in order, then the second.

    Another is as good only around a circle of arcs that the prices make worth nothing.
    """
    offers, root = len(supply), len(supply) + len(demand)
    tight = np.flatnonzero(prices.of_offer[t.offer] - cost == prices.of_ask[t.ask])
    used, got = _sums(t.offer, amount, offers), _sums(t.ask, amount, len(demand))
    circle = _Residual(amount.copy())
    circle.pairs(tight, t.offer[tight], t.ask[tight] + offers, amount[tight], room[tight])
    tied = np.flatnonzero(prices.of_offer == prices.of_root)
    circle.ends(np.full(len(tied), root), tied, used[tied], supply[tied])
    tied = np.flatnonzero(prices.of_ask == prices.of_root)
    circle.ends(tied + offers, np.full(len(tied), root), got[tied], demand[tied])
    open_pairs = circle.only_circles(root + 1)
    if open_pairs:
        for pair in t.order[np.isin(t.order, np.fromiter(open_pairs, np.int64))]:
            circle.most_for(int(pair))
    return circle.amount


class _Residual:
    """Arcs along which flow may move at no cost; `pair` is −1 for an end of the graph."""

    def __init__(self, amount: Ints) -> None:
        self.amount = amount
        self._arcs: list[tuple[Ints, Ints, Ints, Ints, Ints]] = []
        self._out: dict[int, dict[int, tuple[int, int]]] = {}
        self._arc: dict[int, list[int]] = {}

    def pairs(self, pair: Ints, tail: Ints, head: Ints, now: Ints, room: Ints) -> None:
        self._arcs.append((pair, tail, head, now, room))

    def ends(self, tail: Ints, head: Ints, now: Ints, room: Ints) -> None:
        self._arcs.append((np.full(len(tail), -1), tail, head, now, room))

    def only_circles(self, nodes: int) -> set[int]:
        """Keep the arcs that lie on a circle of more than one arc; the pairs among them."""
        pair, tail, head, now, room = (
            np.concatenate(part) for part in zip(*self._arcs, strict=True)
        )
        forth, back = now < room, now > 0
        tails = np.concatenate((tail[forth], head[back]))
        heads = np.concatenate((head[forth], tail[back]))
        graph = coo_array((np.ones(len(tails), np.int8), (tails, heads)), shape=(nodes, nodes))
        _, part = connected_components(graph, directed=True, connection="strong")
        inside = (part[tail] == part[head]) & (forth | back)
        inside[inside] = _on_circles(tail[inside], head[inside], nodes)
        found: set[int] = set()
        self._out = defaultdict(dict)
        for p, u, v, f, r in zip(
            *(a[inside].tolist() for a in (pair, tail, head, now, room)), strict=True
        ):
            key = p if p >= 0 else -1 - len(self._arc)
            self._arc[key] = [u, v, f, r]
            self._out[u][key] = (v, 1)
            self._out[v][key] = (u, -1)
            if p >= 0:
                found.add(p)
        return found

    def most_for(self, pair: int) -> None:
        """Move as much as can be moved to one pair, then leave it as it is."""
        tail, head, now, room = self._arc[pair]
        for at in (tail, head):
            del self._out[at][pair]
        while now < room and (path := self._path(head, tail)):
            move = min(room - now, *(self._left(key, way) for key, way in path))
            now += move
            for key, way in path:
                self._arc[key][2] += way * move
                if key >= 0:
                    self.amount[key] = self._arc[key][2]
        self.amount[pair] = now

    def _left(self, key: int, way: int) -> int:
        _, _, now, room = self._arc[key]
        return room - now if way > 0 else now

    def _path(self, start: int, end: int) -> list[tuple[int, int]]:
        came: dict[int, tuple[int, int, int]] = {start: (start, 0, 0)}
        queue = deque([start])
        while queue:
            at = queue.popleft()
            for key, (to, way) in self._out[at].items():
                if to not in came and self._left(key, way) > 0:
                    came[to] = (at, key, way)
                    if to == end:
                        return _back(came, start, end)
                    queue.append(to)
        return []


def _back(came: dict[int, tuple[int, int, int]], start: int, end: int) -> list[tuple[int, int]]:
    """The arcs of a path that was found, from its end."""
    path, at = [], end
    while at != start:
        at, key, way = came[at]
        path.append((key, way))
    return path


def _on_circles(tail: Ints, head: Ints, nodes: int) -> NDArray[np.bool_]:
    """Arcs that are left when what hangs on a single arc is taken off, again and again."""
    left = np.ones(len(tail), bool)
    while left.any():
        degree = np.bincount(tail[left], minlength=nodes) + np.bincount(head[left], minlength=nodes)
        loose = left & ((degree[tail] == 1) | (degree[head] == 1))
        if not loose.any():
            break
        left &= ~loose
    return left
