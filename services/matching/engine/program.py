"""Whole amounts by a mixed-integer program: for parts that branch and bound over flows can't do.

HiGHS computes in floating point. So it only says which pairs are taken and in how many steps;
the amounts are whole numbers found exactly from that, their worth is counted exactly, and its
bound is believed only beyond its tolerances.
"""

from math import floor, frexp

import highspy
import numpy as np
from numpy.typing import NDArray

from services.matching.engine.part import Found, Part
from services.matching.engine.transport import Flow, Ints, NotSolved

Reals = NDArray[np.float64]

STOPPED = (highspy.HighsModelStatus.kOptimal, highspy.HighsModelStatus.kSolutionLimit)

TOLERANCE = 1e-9
BITS = 20
"""Numbers of more bits are scaled down, by a power of two, so that tolerances mean something."""

COUNTED = 1000
"""Divisible amounts up to this are counted one by one, as if they were steps of one."""

BLOCK = 2**12
"""So many combinations of amounts are put in order by one objective."""


def program(part: Part, nodes: int) -> Found:
    """The best amounts of a part, as far as `nodes` nodes for each objective go.

    Score first, then precedence, then the order of pairs, a block of pairs at a time. Proven only
    where every pair is taken in whole steps: with a divisible rest, an objective that is kept
    within a tolerance may still be traded for the next. Raises NotSolved.
    """
    model = _Model(part, nodes)
    best, bound = model.best(part.t.score)
    found, fitted = model.exact(best)
    score = part.worth(found.amount)[0]
    bound = max(bound, score)
    if not fitted or bound > score or model.divisible:
        return Found(found.amount, found.short, bound, proven=False)
    kept = model.keep(part.t.score, score)
    best, most = model.best(part.precedence)
    second, fitted = model.exact(best)
    worth = part.worth(second.amount)
    kept &= fitted and worth[0] == score and most <= worth[1]
    if not kept or not model.keep(part.precedence, worth[1]):
        better = max(found, second, key=lambda f: part.worth(f.amount))
        return Found(better.amount, better.short, score, proven=False)
    found, proven = model.first_in_order(second)
    return Found(found.amount, found.short, score, proven)


class _Model:
    """A part as a program: a column for each pair, and one more where it may be closed."""

    def __init__(self, part: Part, nodes: int) -> None:
        t = part.t
        self.part, self.pairs = part, len(t.most)
        self.stepped = (t.step > 1) | (t.least == t.most) | (t.most <= COUNTED)
        self.divisible = bool((~self.stepped).any())
        self.unit = np.where(self.stepped & (t.least < t.most), t.step, t.most)
        self.steps = t.most // self.unit
        self.least = t.least > np.where(self.stepped, self.unit, 1)
        self.switch = np.full(self.pairs, -1)
        self.switch[self.least] = self.pairs + np.arange(np.count_nonzero(self.least))
        self.highs = highspy.Highs()  # type: ignore[no-untyped-call]
        for name, value in (
            ("output_flag", False),
            ("threads", 1),
            ("parallel", "off"),
            ("random_seed", 0),
            ("mip_rel_gap", 0.0),
            ("mip_abs_gap", TOLERANCE),
            ("mip_feasibility_tolerance", TOLERANCE),
            ("primal_feasibility_tolerance", TOLERANCE),
            ("dual_feasibility_tolerance", TOLERANCE),
            ("mip_max_nodes", nodes),
        ):
            self.highs.setOptionValue(name, value)
        count = self.pairs + int(np.count_nonzero(self.least))
        upper = np.ones(count)
        upper[: self.pairs][self.stepped] = self.steps[self.stepped]
        self.highs.addVars(count, np.zeros(count), upper)
        whole = np.concatenate((np.flatnonzero(self.stepped), self.switch[self.least]))
        kinds = np.full(len(whole), highspy.HighsVarType.kInteger)
        self.highs.changeColsIntegrality(len(whole), whole.astype(np.int32), kinds)
        self.highs.changeObjectiveSense(highspy.ObjSense.kMaximize)
        self._sides()
        self._leasts()

    def _sides(self) -> None:
        t = self.part.t
        takes = np.where(self.part.apart, t.most if t.takes is None else t.takes, self.unit)
        for rows, sizes, weights in ((t.offer, t.supply, self.unit), (t.ask, t.demand, takes)):
            for row, size in enumerate(sizes.tolist()):
                pairs = np.flatnonzero(rows == row)
                scale = _scale(max(size, int(weights[pairs].max())), BITS)
                self._row(-highspy.kHighsInf, size * scale, pairs, weights[pairs] * scale)

    def _leasts(self) -> None:
        t = self.part.t
        for pair in np.flatnonzero(self.least).tolist():
            ends = np.array((pair, self.switch[pair]))
            full = float(t.most[pair]) / float(self.unit[pair])
            least = float(t.least[pair]) / float(self.unit[pair])
            self._row(-highspy.kHighsInf, 0, ends, np.array((1.0, -full)))
            self._row(0, highspy.kHighsInf, ends, np.array((1.0, -least)))

    def _row(self, lower: float, upper: float, columns: Ints, weights: Reals) -> None:
        self.highs.addRow(lower, upper, len(columns), columns.astype(np.int32), weights)

    def best(self, weight: Ints) -> tuple[Ints, int]:
        """Columns as whole numbers by which Σ amount × weight is greatest, and its bound; none
        taken, and all that there is, where HiGHS can't say."""
        worth = self._worth(weight)
        scale = _scale(max(worth), BITS)
        count = self.highs.getNumCol()
        costs = np.zeros(count)
        costs[: self.pairs] = [w * scale for w in worth]
        self.highs.changeColsCost(count, np.arange(count, dtype=np.int32), costs)
        if self.highs.run() == highspy.HighsStatus.kError:
            raise NotSolved(f"program of {self.pairs} pairs: HiGHS refused to run")
        columns = np.zeros(count, np.int64)
        bound = sum(w * n for w, n in zip(worth, self.steps.tolist(), strict=True))
        if self.highs.getModelStatus() in STOPPED:
            info = self.highs.getInfo()
            if info.primal_solution_status == highspy.SolutionStatus.kSolutionStatusFeasible:
                columns = np.rint(self.highs.getSolution().col_value).astype(np.int64)
            if np.isfinite(info.mip_dual_bound):
                # a column's price may be wrong by the tolerance; a row may be exceeded by it,
                # at most at the greatest cost
                beyond = 2 * TOLERANCE * (count + self.highs.getNumRow() * max(costs))
                bound = min(bound, floor((info.mip_dual_bound + beyond) / scale))
        return columns, bound

    def _worth(self, weight: Ints) -> list[int]:
        """What one of each pair's column counts for."""
        return [w * u for w, u in zip(weight.tolist(), self.unit.tolist(), strict=True)]

    def keep(self, weight: Ints, worth: int) -> bool:
        """From now on, only solutions whose Σ amount × weight is that much: a whole number, so
        half of one is left for tolerances. False where they are larger than that."""
        weights = self._worth(weight)
        scale = _scale(max(weights), 0)
        row = np.array([w * scale for w in weights])
        self._row((worth - 0.5) * scale, highspy.kHighsInf, np.arange(self.pairs), row)
        return 0.5 * scale > 10 * TOLERANCE

    def exact(self, columns: Ints) -> tuple[Flow, bool]:
        """The amounts that the columns stand for, the divisible rest as a flow; and whether all
        that they say could be kept exactly. Where not, the first that fit are."""
        t = self.part.t
        lowest = np.where(self.stepped, columns[: self.pairs] * self.unit, 0)
        opened = self.least & (columns[self.switch] == 1)
        lowest = np.where(opened & ~self.stepped, t.least, lowest)
        lowest[lowest < t.least] = 0
        fitted = self.part.fits(lowest)
        if not fitted:
            wanted, lowest = lowest, np.zeros_like(lowest)
            for pair in t.order[wanted[t.order] > 0]:
                lowest[pair] = wanted[pair]
                if not self.part.fits(lowest):
                    lowest[pair] = 0
        closed = self.stepped | (self.least & (lowest == 0))
        return self.part.flow(lowest, np.where(closed, lowest, t.most)), fitted

    def first_in_order(self, found: Flow) -> tuple[Flow, bool]:
        """Of all that are left, the one with the most for the first pair, then the second."""
        steps, order, at = self.steps.tolist(), self.part.t.order.tolist(), 0
        while at < len(order):
            block: list[int] = []
            size = 1
            while at < len(order) and (not block or size * (steps[order[at]] + 1) <= BLOCK):
                size *= steps[order[at]] + 1
                block.append(order[at])
                at += 1
            weight, rank = np.zeros(self.pairs, np.int64), 1
            for pair in reversed(block):
                weight[pair] = rank
                rank *= steps[pair] + 1
            found, proven = self._most_for(np.array(block), weight, found)
            if not proven:
                return found, False
        return found, True

    def _most_for(self, block: Ints, weight: Ints, found: Flow) -> tuple[Flow, bool]:
        unit, self.unit = self.unit, np.ones_like(self.unit)  # whole steps count, not amounts
        columns, bound = self.best(weight)
        self.unit = unit
        better, fitted = self.exact(columns)
        steps = better.amount // self.unit
        worth = int((weight * steps).sum())
        if not fitted or self.part.worth(better.amount) < self.part.worth(found.amount):
            return found, False
        if bound > worth:
            return better, False
        kept = steps[block].astype(float)
        self.highs.changeColsBounds(len(block), block.astype(np.int32), kept, kept)
        return better, True


def _scale(greatest: int, bits: int) -> float:
    """The power of two, 1 or less, by which a number comes below 2^bits."""
    return float(2.0 ** min(0, bits - frexp(greatest)[1]))
