"""Placeholder."""

from dataclasses import dataclass

from services.matching.engine.transport import Ints, Transport, flow


@dataclass(frozen=True)
class Solved:
    amount: Ints
    short: Ints
    score: int
    bound: int
    proven: bool


def solve(t: Transport) -> Solved:
    f = flow(t)
    score = int((f.amount.astype(object) * t.score.astype(object)).sum())
    return Solved(f.amount, f.short, score, score, True)
