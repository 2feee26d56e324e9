"""What holds for every round, whatever is asked, offered, and however money is exchanged."""

from collections import defaultdict
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

from hypothesis import given as for_any
from hypothesis import strategies as st

from services.matching.engine import Problem, Solution, decide, eligible
from services.matching.matches import Coverage, CoveredLine
from services.matching.model import Balance
from shared.events.facts import Money, RequirementLine
from shared.events.ids import MemberId
from shared.events.matching import Earmark
from shared.lines import minor_units, of_minor_units, same_measure
from tests.given import IRPIN_CHAIN, an_id, funding, goods, patience
from tests.matching.samples import a_need, a_pledge, rates

PARTNERS = [an_id(MemberId, f"partner {n}") for n in range(3)]
AUTHORITIES = [an_id(MemberId, f"authority {n}") for n in range(2)]
DECIMALS = {"EUR": 2, "UAH": 2, "JPY": 0, "KWD": 3}

currencies = st.sampled_from(sorted(DECIMALS))
amounts = st.integers(1, 20) | st.integers(1, 10**9)


@st.composite
def lines(draw: st.DrawFn) -> tuple[Any, ...]:
    """One to three lines: money, or trucks."""
    found: list[Any] = []
    for number in range(1, draw(st.integers(1, 3)) + 1):
        if draw(st.booleans()) or draw(st.booleans()):
            line = funding(number, "1", draw(currencies))
            amount = of_minor_units(draw(amounts), line.amount)
            found.append(line.model_copy(update={"amount": amount}))
        else:
            found.append(goods(number, draw(st.sampled_from(["truck", "bus"])), draw(amounts)))
    return tuple(found)


@st.composite
def problems(draw: st.DrawFn) -> Problem:
    """A few needs and pledges of any amounts, partly taken, at any rates."""
    needs = [
        a_need(*draw(lines()), number=n, authority_id=draw(st.sampled_from(AUTHORITIES)))
        for n in range(1, draw(st.integers(1, 3)) + 1)
    ]
    earmarks = st.sampled_from(
        [{}, {}, {"sectors": ("education",)}, {"territories": IRPIN_CHAIN[-1:]}]
        + [{"need_id": n.id} for n in needs]
    )
    pledges = []
    for number in range(1, draw(st.integers(1, 4)) + 1):
        pledge = a_pledge(
            *draw(lines()),
            number=number,
            partner_id=draw(st.sampled_from(PARTNERS)),
            earmark=Earmark.model_validate(draw(earmarks)),
        )
        reserved = [draw(st.integers(0, b.pledged)) * draw(st.booleans()) for b in pledge.balances]
        balances = tuple(
            Balance(line=b.line, reserved=r) for b, r in zip(pledge.balances, reserved, strict=True)
        )
        pledges.append(pledge.model_copy(update={"balances": balances}))
    taken = {
        n.id: Coverage(
            id=n.id,
            lines={
                str(line.line): CoveredLine(
                    agreed=draw(st.booleans()) * draw(st.integers(0, minor_units(line.amount)))
                )
                for line in n.lines
            },
        )
        for n in needs
    }
    digits = st.integers(1, 10**12)
    known = draw(st.sets(st.sampled_from(["UAH", "JPY", "KWD"])))
    per_eur = {c: f"{(n := draw(digits)) // 10**6}.{n % 10**6:06}" for c in sorted(known)}
    return Problem(
        needs=needs,
        coverage=taken,
        pledges=pledges,
        rates=rates(**per_eur) if per_eur else None,
        twinned=draw(st.frozensets(st.tuples(*map(st.sampled_from, (AUTHORITIES, PARTNERS))))),
        excluded=frozenset(
            (p.id, 1, n.id, 1) for p in pledges for n in needs if draw(st.integers(0, 4)) == 0
        ),
    )


@patience(100, 40)
@for_any(problems(), st.randoms(use_true_random=False))
def test_order_of_the_input_does_not_matter(problem: Problem, order: Any) -> None:
    """The same needs and pledges in another order give the same solution, part by part."""

    def shuffled(items: Any) -> list[Any]:
        found = list(items)
        order.shuffle(found)
        return found

    other = replace(
        problem,
        needs=shuffled(problem.needs),
        pledges=shuffled(problem.pledges),
        coverage=dict(shuffled(problem.coverage.items())),
        excluded=frozenset(shuffled(problem.excluded)),
        twinned=frozenset(shuffled(problem.twinned)),
    )
    assert decide(other) == decide(problem)


@patience(100, 40)
@for_any(problems())
def test_neither_side_is_ever_exceeded(problem: Problem) -> None:
    """In whole smallest units of each side's own: reserved fits what is available, covers fits
    what is uncovered, nothing is dust, and a pair of lines is proposed once."""
    solution = decide(problem)
    reserved: dict[tuple[str, int], int] = defaultdict(int)
    covers: dict[tuple[str, int], int] = defaultdict(int)
    pairs = set()
    for p in solution.proposals:
        assert minor_units(p.reserved) > 0
        assert minor_units(p.covers) > 0
        reserved[p.pledge.id, p.pledge_line] += minor_units(p.reserved)
        covers[p.need.id, p.need_line] += minor_units(p.covers)
        pairs.add((p.pledge.id, p.pledge_line, p.need.id, p.need_line))
        offered = p.pledge.balance(p.pledge_line).line.amount
        asked = next(n.amount for n in p.need.lines if n.line == p.need_line)
        assert of_minor_units(0, p.reserved) == of_minor_units(0, offered)
        assert of_minor_units(0, p.covers) == of_minor_units(0, asked)
    assert len(pairs) == len(solution.proposals)
    assert not pairs & problem.excluded
    for pledge in problem.pledges:
        for balance in pledge.balances:
            assert reserved[pledge.id, balance.line.line] <= balance.available
    for need in problem.needs:
        for line in need.lines:
            taken = problem.coverage[need.id].line(line.line).taken
            assert taken + covers[need.id, line.line] <= minor_units(line.amount)


@patience(100, 40)
@for_any(problems())
def test_what_is_covered_is_never_worth_more_than_what_is_reserved(problem: Problem) -> None:
    """By the recorded rates, exactly; and it is worth less by under one smallest unit of the
    pledge. Where nothing is exchanged the two are the same."""
    for p in decide(problem).proposals:
        if p.rate is None:
            assert p.reserved == p.covers
            continue
        assert problem.rates is not None
        per_eur = {"EUR": Decimal(1)} | problem.rates.per_eur
        assert isinstance(p.reserved, Money)
        assert isinstance(p.covers, Money)
        assert p.reserved.currency != p.covers.currency
        assert p.rate.rates_id == problem.rates.id
        assert p.rate.pledge_per_eur == per_eur[p.reserved.currency]
        assert p.rate.need_per_eur == per_eur[p.covers.currency]
        reserved = Fraction(p.reserved.amount) / Fraction(p.rate.pledge_per_eur)
        covered = Fraction(p.covers.amount) / Fraction(p.rate.need_per_eur)
        smallest = Fraction(1, 10 ** DECIMALS[p.reserved.currency]) / Fraction(
            p.rate.pledge_per_eur
        )
        assert 0 <= reserved - covered < smallest


def could_serve(problem: Problem, balance: Balance, line: RequirementLine) -> bool:
    """Whether what is available is worth one smallest unit of what is asked, or one piece of it."""
    if same_measure(balance.line, line):
        return balance.available > 0
    offered, asked = balance.line.amount, line.amount
    if not isinstance(offered, Money) or not isinstance(asked, Money):
        return False
    per_eur = {"EUR": Decimal(1)} | (problem.rates.per_eur if problem.rates else {})
    if not {offered.currency, asked.currency} <= set(per_eur):
        return False
    worth = Fraction(balance.available, 10 ** DECIMALS[offered.currency])
    worth *= Fraction(per_eur[asked.currency]) / Fraction(per_eur[offered.currency])
    return worth >= Fraction(1, 10 ** DECIMALS[asked.currency])


@patience(100, 40)
@for_any(problems())
def test_partner_is_passed_over_only_for_a_line_that_others_covered_in_full(
    problem: Problem,
) -> None:
    """Who was passed over got nothing in the round, could have served a line of that need, and
    others took the last of it in this round; whoever is so is named."""
    solution: Solution = decide(problem)
    covers: dict[tuple[str, int], int] = defaultdict(int)
    for p in solution.proposals:
        covers[p.need.id, p.need_line] += minor_units(p.covers)
    got = {(p.pledge.id, p.pledge_line) for p in solution.proposals}
    full = [
        (need, line)
        for need in problem.needs
        for line in need.lines
        if covers[need.id, line.line] > 0
        and problem.coverage[need.id].line(line.line).taken + covers[need.id, line.line]
        == minor_units(line.amount)
    ]
    lost = {
        (pledge.id, balance.line.line, pledge.partner_id, need.id)
        for pledge in problem.pledges
        for balance in pledge.balances
        for need, line in full
        if (pledge.id, balance.line.line) not in got
        and (pledge.id, balance.line.line, need.id, line.line) not in problem.excluded
        and eligible(pledge, need, problem.today)
        and could_serve(problem, balance, line)
    }
    named = {(o.pledge_id, o.pledge_line, o.partner_id, o.need_id) for o in solution.passed_over}
    assert named == lost


@patience(100, 40)
@for_any(problems())
def test_nothing_that_could_serve_is_left_when_a_line_stays_open(problem: Problem) -> None:
    """Deciding again on what is left, with these proposals made, proposes nothing new."""
    solution = decide(problem)
    balances = {(p.id, b.line.line): b for p in problem.pledges for b in p.balances}
    taken = {n: dict(c.lines) for n, c in problem.coverage.items()}
    pairs = set(problem.excluded)
    for p in solution.proposals:
        key = p.pledge.id, p.pledge_line
        before = balances[key]
        balances[key] = before.model_copy(
            update={"reserved": before.reserved + minor_units(p.reserved)}
        )
        line = taken[p.need.id][str(p.need_line)]
        proposed = line.proposed + minor_units(p.covers)
        taken[p.need.id][str(p.need_line)] = line.model_copy(update={"proposed": proposed})
        pairs.add((p.pledge.id, p.pledge_line, p.need.id, p.need_line))
    again = replace(
        problem,
        pledges=[
            p.model_copy(
                update={"balances": tuple(balances[p.id, b.line.line] for b in p.balances)}
            )
            for p in problem.pledges
        ],
        coverage={n: Coverage(id=n, lines=found) for n, found in taken.items()},
        excluded=frozenset(pairs),
    )
    assert decide(again).proposals == []
