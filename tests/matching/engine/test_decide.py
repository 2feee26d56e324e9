"""A round: the greatest score tier by tier, one solution, and neither side ever exceeded."""

import multiprocessing
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from fractions import Fraction
from random import Random
from typing import cast

from hypothesis import given
from hypothesis import strategies as st

from services.matching.engine import Problem, Solution, decide
from services.matching.engine.problem import FUNDING
from shared.events.ids import Id
from shared.lines import decimals_of
from tests.given import I, an_id, patience
from tests.matching.engine.decided import decided
from tests.matching.engine.rounds import (
    ask,
    offer,
    pair,
    problem,
    problems,
    proposed,
    rates,
    who,
)

ODD = rates(UAH=(401234, 10_000), JPY=(16_055, 100), KWD=(3127, 10_000))
"""Rates by which hardly an amount is a whole number of another's units."""

UNITS = ("EUR", "UAH", "JPY", "KWD", "piece", "kilogram", "tonne")

any_problems = (
    problems(most=4)
    | problems(most=3000, units=UNITS, by=ODD, size=5)
    | problems(most=10**9, units=UNITS[:4], by=ODD, size=5)
)


@patience(2000, 150)
@given(problems(most=4))
def test_round_is_the_best_that_there_is(given: Problem) -> None:
    """Of all that could be proposed: tier by tier the greatest score from what higher ones left,
    and the one solution that the stated order picks, to the last unit of either side."""
    expected = decided(given)

    found = decide(given)

    assert found.proven
    assert [(s.tier, s.substituting, s.score) for s in found.steps] == expected.steps
    assert sorted(who(found)) == sorted(expected.awards)


@patience(500, 60)
@given(any_problems, st.randoms(use_true_random=False))
def test_order_of_a_problem_means_nothing(given: Problem, chance: Random) -> None:
    """The same lines in another order are the same problem, and have the same solution, byte for
    byte."""
    offers, asks, twinned = list(given.offers), list(given.asks), list(given.twinned.items())
    for parts in (offers, asks, twinned):
        chance.shuffle(parts)
    other = replace(given, offers=tuple(offers), asks=tuple(asks), twinned=dict(twinned))

    assert other.hash() == given.hash()
    assert decide(other).canonical() == decide(given).canonical()


@patience(500, 60)
@given(any_problems, st.randoms(use_true_random=False))
def test_names_decide_nothing(given: Problem, chance: Random) -> None:
    """With other ids for everything, whatever their order, the solution has other names in it."""
    ids = sorted(
        {i for o in given.offers for i in (o.pledge_id, o.partner_id, o.authority_id, o.need_id)}
        - {None}
        | {i for a in given.asks for i in (a.need_id, a.authority_id)}
        | {member for twins in given.twinned for member in twins},
        key=str,
    )
    named: dict[Id, Id] = {
        i: an_id(type(i), f"{chance.random()} {i}") for i in ids if i is not None
    }

    def renamed(one: I) -> I:
        return cast(I, named[one])

    other = Problem(
        tuple(
            replace(
                o,
                pledge_id=renamed(o.pledge_id),
                partner_id=renamed(o.partner_id),
                authority_id=o.authority_id and renamed(o.authority_id),
                need_id=o.need_id and renamed(o.need_id),
            )
            for o in given.offers
        ),
        tuple(
            replace(a, need_id=renamed(a.need_id), authority_id=renamed(a.authority_id))
            for a in given.asks
        ),
        given.today,
        given.rates,
        frozenset((renamed(p), pl, renamed(n), nl) for p, pl, n, nl in given.barred),
        {(renamed(a), renamed(p)): since for (a, p), since in given.twinned.items()},
    )

    text = decide(given).canonical()
    for name, new in named.items():
        text = text.replace(name, new)

    assert decide(other).canonical() == text


def test_solution_is_the_same_in_another_process() -> None:
    """Byte for byte: 30 problems, in a process that is started for them."""
    chance = Random(5)
    given = []
    for _ in range(30):
        sizes = [[chance.randint(1, 10**6) for _ in range(8)] for _ in range(2)]
        offers = [
            offer(n, size, chance.choice(UNITS[:4]), indivisible=chance.random() < 0.2)
            for n, size in enumerate(sizes[0], 1)
        ]
        asks = [ask(n, size, chance.choice(UNITS[:4])) for n, size in enumerate(sizes[1], 1)]
        given.append(problem(offers, asks, rates=ODD))
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as other:
        there = [s.canonical() for s in other.map(decide, given)]

    assert [decide(p).canonical() for p in given] == there
    assert sum(len(decide(p).awards) for p in given) > 100


def smallest(given: Problem, unit: str) -> Fraction:
    """Cents, or kilograms and pieces, in one smallest unit."""
    if unit.islower():
        return Fraction(1000 if unit == "tonne" else 1)
    rate = given.rates.of(unit) if given.rates else None
    return Fraction(100, 10 ** decimals_of(unit)) / rate if rate else Fraction(1)


@patience(1000, 100)
@given(any_problems)
def test_nobody_gives_or_gets_more_than_there_is_and_terms_are_kept(given: Problem) -> None:
    """In exact units: sums fit both sides, each pair is matched once and none that is barred; a
    line that is indivisible is given whole, no part is below its minimum, and what is covered is
    never worth more than what is reserved, and less only by what is smaller than a unit."""
    found = decide(given)

    offers = {(o.pledge_id, o.line): o for o in given.offers}
    asks = {(a.need_id, a.line): a for a in given.asks}
    reserved: Counter[tuple[str, int]] = Counter()
    covers: Counter[tuple[str, int]] = Counter()
    for award in found.awards:
        o = offers[award.pledge_id, award.pledge_line]
        a = asks[award.need_id, award.need_line]
        reserved[o.pledge_id, o.line] += award.reserved
        covers[a.need_id, a.line] += award.covers
        assert award.covers > 0
        assert award.reserved >= (o.pledged if o.indivisible else max(1, o.minimum))
        assert award.substituted == (o.measure != a.measure)
        given_worth = award.reserved * smallest(given, o.unit)
        unit = a.unit
        got = award.covers * smallest(given, unit)
        if award.substituted:
            unit = a.value_currency
            got = award.covers * a.unit_value * smallest(given, unit)
        assert got <= given_worth
        if not o.indivisible and not o.minimum:
            assert given_worth - got < smallest(given, o.unit)
    assert all(reserved[key] <= o.available for key, o in offers.items())
    assert all(covers[key] <= a.uncovered for key, a in asks.items())
    pairs = Counter(map(pair, found.awards))
    assert not pairs or max(pairs.values()) == 1
    assert not given.barred & pairs.keys()


@patience(1000, 100)
@given(any_problems)
def test_settled_market_stays_as_it_is(given: Problem) -> None:
    """Once a round's proposals stand, another round proposes nothing and displaces nothing."""
    found = decide(given)

    again = decide(proposed(given, found))

    assert who(again) == []
    assert again.displaced == ()


def test_nothing_comes_of_nothing() -> None:
    """No lines on one of the sides, or none that is free."""
    money = offer(1, 100)
    assert money.measure == FUNDING
    for empty in (problem([], []), problem([money], []), problem([], [ask(1, 100)])):
        assert decide(empty) == Solution()
    assert decide(problem([replace(money, available=0)], [ask(1, 100)])) == Solution()
