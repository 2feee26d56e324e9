"""Units and currencies meet: to the last unit where it is there, and never beyond."""

import pytest

from services.matching.engine import Rates, decide
from tests.matching.engine.rounds import ask, offer, problem, rates, who

M = 100_000_000
"""A million euros, in cents."""

DAY = rates(UAH=(401_234, 10_000), JPY=(16_055, 100), KWD=(3_127, 10_000))


@pytest.mark.parametrize(
    ("offered", "asked", "by", "expected"),
    [
        ((100_00, "EUR"), (2006_17, "UAH"), DAY, (50_00, 2006_17)),
        ((100_00, "EUR"), (2006_18, "UAH"), DAY, (50_01, 2006_18)),
        ((100_00, "EUR"), (9999_99, "UAH"), DAY, (100_00, 4012_34)),
        ((203, "UAH"), (203, "UAH"), DAY, (203, 203)),
        ((203, "UAH"), (203, "UAH"), None, (203, 203)),
        ((4012_34, "UAH"), (100_00, "EUR"), DAY, (4012_34, 100_00)),
        ((4012_33, "UAH"), (100_00, "EUR"), DAY, (4011_94, 99_99)),
        ((1000, "JPY"), (1000_000, "KWD"), DAY, (1000, 1947)),
        ((1_000, "KWD"), (10_000, "JPY"), DAY, (1_000, 513)),
        ((3, "tonne"), (2_500, "kilogram"), None, (2, 2_000)),
        ((2_500, "kilogram"), (3, "tonne"), None, (2_000, 2)),
        ((2, "cubic-metre"), (2_000, "litre"), None, (2, 2_000)),
    ],
    ids=lambda x: str(x) if isinstance(x, tuple) else "",
)
def test_one_pledge_for_one_need(
    offered: tuple[int, str], asked: tuple[int, str], by: Rates | None, expected: tuple[int, int]
) -> None:
    """(reserved, covers) by 40.1234 hryvnias, 160.55 yen or 0.3127 dinars for a euro."""
    given = problem([offer(1, *offered)], [ask(1, *asked)], rates=by)
    assert who(decide(given)) == [(1, 1, *expected)]


def test_dust_is_left() -> None:
    """A kopiika is worth less than a cent: it neither serves nor keeps the next pledge out."""
    given = problem([offer(1, 1, "UAH"), offer(2, 100)], [ask(1, 100)], rates=DAY)
    assert who(decide(given)) == [(2, 1, 100, 100)]


@pytest.mark.parametrize("second", [(M // 2, "EUR"), (2_006_170_001, "UAH")])
def test_dust_of_one_need_does_not_cost_another_its_minimum(second: tuple[int, str]) -> None:
    """A million is divided into halves at least: one need asks for a half and a kopiika more, and
    another gets its half all the same."""
    half = offer(1, M, minimum=M // 2)
    given = problem([half], [ask(1, 2_006_170_001, "UAH"), ask(2, *second)], rates=DAY)
    assert [found[2] for found in who(decide(given))] == [M // 2, M // 2]


@pytest.mark.parametrize("terms", [{"indivisible": True}, {"minimum": 203}])
def test_line_that_does_not_fit_by_dust_keeps_no_other_out(terms: dict[str, int]) -> None:
    """203 kopiikas, whole, are the same in cents as the 202 that are asked for; they do not fit,
    so the next pledge serves."""
    given = problem(
        [offer(1, 203, "UAH", **terms), offer(2, 100, "UAH")], [ask(1, 202, "UAH")], rates=DAY
    )
    assert who(decide(given)) == [(2, 1, 100, 100)]


def test_money_is_taken_for_goods_in_whole_units_after_what_is_given_in_kind() -> None:
    """Two trucks of three come, and 100,000 euros buy the third at its value of 60,000."""
    wanted = ask(1, 3, "piece", unit_value=60_000_00, value_currency="EUR")
    given = problem([offer(1, 100_000_00), offer(2, 2, "piece")], [wanted])
    found = decide(given)
    assert who(found) == [(2, 1, 2, 2), (1, 1, 60_000_00, 1)]
    assert [a.substituted for a in found.awards] == [False, True]


def test_money_goes_to_those_who_asked_for_money_first() -> None:
    """Whatever tier the goods are of."""
    urgent = ask(1, 3, "piece", unit_value=10, value_currency="EUR", urgency="critical")
    given = problem([offer(1, 30)], [urgent, ask(2, 25, urgency="low")])
    assert who(decide(given)) == [(1, 2, 25, 25)]
    assert who(decide(problem([offer(1, 39)], [urgent]))) == [(1, 1, 30, 3)]


def test_unit_value_in_another_currency_counts_by_the_recorded_rate() -> None:
    """A pump of 4,012.34 hryvnias is one for every hundred euros; without a rate there is none."""
    pump = ask(1, 3, "piece", unit_value=4012_34, value_currency="UAH")
    given = [offer(1, 250_00)], [pump]
    assert who(decide(problem(*given, rates=DAY))) == [(1, 1, 200_00, 2)]
    assert who(decide(problem(*given))) == []
