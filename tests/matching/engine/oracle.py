"""The best solution of a tiny transportation problem, by trying every one."""

from collections.abc import Iterator
from itertools import product
from typing import NamedTuple


class Line(NamedTuple):
    """A side of pairs: how much there is, and its place in order."""

    amount: int
    place: int


class Allowed(NamedTuple):
    """A pair: which offer and ask, its score, and the amounts that it may have beside none."""

    offer: int
    ask: int
    score: int
    precedence: int
    least: int
    most: int
    step: int
    takes: int | None = None


def best(offers: list[Line], asks: list[Line], pairs: list[Allowed]) -> tuple[int, list[int]]:
    """The greatest score, and the amounts for each pair of the one solution that is best."""
    order = sorted(
        range(len(pairs)), key=lambda i: (asks[pairs[i].ask].place, offers[pairs[i].offer].place)
    )
    found = max(
        _solutions([o.amount for o in offers], [a.amount for a in asks], pairs),
        key=lambda amounts: (
            sum(p.score * n for p, n in zip(pairs, amounts, strict=True)),
            sum(p.precedence * n for p, n in zip(pairs, amounts, strict=True)),
            [amounts[i] for i in order],
        ),
    )
    return sum(p.score * n for p, n in zip(pairs, found, strict=True)), list(found)


def _solutions(
    supply: list[int], demand: list[int], pairs: list[Allowed]
) -> Iterator[tuple[int, ...]]:
    """Everything that can be given, an offer at a time: what one gives is independent of the
    others but for what is left of the demand."""
    if not pairs:
        yield ()
        return
    first, rest = pairs[0], pairs[1:]
    for amount in _amounts(first):
        taken = amount if first.takes is None or amount == 0 else first.takes
        if amount <= supply[first.offer] and taken <= demand[first.ask]:
            supply[first.offer] -= amount
            demand[first.ask] -= taken
            for others in _solutions(supply, demand, rest):
                yield (amount, *others)
            supply[first.offer] += amount
            demand[first.ask] += taken


def _amounts(pair: Allowed) -> list[int]:
    return [0, *(n for n in range(1, pair.most + 1) if n >= pair.least and n % pair.step == 0)]


def precedence(offers: list[Line], asks: list[Line], reach: int) -> dict[tuple[int, int], int]:
    """Of each offer and ask: greater for earlier asks with earlier offers, below `reach`."""
    first = {i: n for n, i in enumerate(sorted(range(len(offers)), key=lambda i: offers[i].place))}
    second = {i: n for n, i in enumerate(sorted(range(len(asks)), key=lambda i: asks[i].place))}
    p, a = len(offers), len(asks)
    return {
        (o, k): (reach - 1) * (p - first[o]) * (a - second[k]) // (p * a)
        for o, k in product(first, second)
    }
