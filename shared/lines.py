"""What the lines of needs and pledges may hold when they are asked for: numbers, amounts, units."""

from collections.abc import Iterator, Sequence
from typing import Literal, TypeVar

from shared.codelists import currencies, currency_decimals
from shared.errors import InvalidInput
from shared.events.facts import (
    Amount,
    FundingLine,
    GoodsLine,
    Money,
    Offered,
    Quantity,
    Replaceable,
    ServicesLine,
)

Line = FundingLine | GoodsLine | ServicesLine
L = TypeVar("L", bound=Line)

UNITS = ("piece", "set", "kilogram", "tonne", "litre", "cubic-metre", "square-metre", "kilometre")
"""Units of goods; services count in person-days."""

PERSON_DAY = "person-day"


def check_lines(lines: Sequence[Line], before: Sequence[Line] = ()) -> None:
    """What is asked for or offered may be so; a line that is as it was `before` was judged then.

    Raises InvalidInput with the pointer of the first thing that is not allowed.
    """
    known = {line.line: line for line in before}
    seen: set[int] = set()
    for index, line in enumerate(lines):
        where = f"/lines/{index}"
        if line.line in seen:
            raise InvalidInput(f"{where}/line", "two lines have the same number", line.line)
        seen.add(line.line)
        if line != known.get(line.line):
            _check_line(line, where, known.get(line.line))


def _check_line(line: Line, where: str, before: Line | None) -> None:
    kept = before.amount.currency if before and isinstance(before.amount, Money) else None
    check_amount(line.amount, f"{where}/amount", kept)
    if isinstance(line, GoodsLine) and line.amount.unit not in UNITS:
        raise InvalidInput(
            f"{where}/amount/unit", "this is no unit of goods", line.amount.unit, list(UNITS)
        )
    if isinstance(line, ServicesLine) and line.amount.unit != PERSON_DAY:
        raise InvalidInput(
            f"{where}/amount/unit", "services count in person-days", line.amount.unit, [PERSON_DAY]
        )
    if isinstance(line, Replaceable) and line.unit_value is not None:
        check_amount(line.unit_value, f"{where}/unit_value")
    if isinstance(line, Offered) and line.minimum is not None:
        _check_minimum(line.minimum, line, f"{where}/minimum")


def _check_minimum(minimum: Amount, line: Line, pointer: str) -> None:
    assert isinstance(line, Offered)
    if line.indivisible:
        raise InvalidInput(pointer, "a line that is indivisible has no minimum", str(minimum))
    if unit_of(minimum) != unit_of(line.amount):
        raise InvalidInput(
            pointer, "is not counted as the line is", unit_of(minimum), [unit_of(line.amount)]
        )
    check_amount(minimum, pointer)
    if minor_units(minimum) > minor_units(line.amount):
        raise InvalidInput(
            pointer, "is more than the line holds", str(minimum), {"maximum": str(line.amount)}
        )


def check_amount(amount: Amount, pointer: str, kept_currency: str | None = None) -> None:
    """More than zero, an active currency (or the one it was in), not more decimals than it has."""
    if isinstance(amount, Quantity):
        if amount.quantity <= 0:
            raise InvalidInput(f"{pointer}/quantity", "must be more than 0", amount.quantity)
        return
    if amount.currency not in currencies() and amount.currency != kept_currency:
        raise InvalidInput(
            f"{pointer}/currency",
            "this is no active currency",
            amount.currency,
            "an active ISO 4217 code",
        )
    if not is_whole(amount):
        raise InvalidInput(
            f"{pointer}/amount",
            "{currency} has {allowed} decimals",
            format(amount.amount, "f"),
            decimals_of(amount.currency),
            currency=amount.currency,
        )
    if amount.amount <= 0:
        raise InvalidInput(f"{pointer}/amount", "must be more than 0", format(amount.amount, "f"))


def kept_lines(before: Sequence[L], after: Sequence[Line]) -> Iterator[tuple[L, Line]]:
    """Each line as it was and as it is to be: none may go, or change what it is measured in.

    Raises InvalidInput.
    """
    by_number = {line.line: line for line in after}
    for line in before:
        now = by_number.get(line.line)
        if now is None or not same_measure(line, now):
            raise InvalidInput(
                "/lines",
                "line {line} must stay, of the same kind, category and unit",
                line=line.line,
            )
        yield line, now


def same_measure(one: Line, other: Line) -> bool:
    """Whether two lines are of one kind, category and currency or unit."""
    return _measure(one) == _measure(other)


def _measure(line: Line) -> tuple[Literal["funding", "goods", "services"], str, str]:
    category = "" if isinstance(line, FundingLine) else line.category
    return line.kind, category, unit_of(line.amount)


def unit_of(amount: Amount) -> str:
    """The currency or unit that an amount counts in."""
    return amount.currency if isinstance(amount, Money) else amount.unit


def minor_units(amount: Amount) -> int:
    """An amount as a whole number: of the currency's smallest unit, or of goods and days."""
    if isinstance(amount, Quantity):
        return amount.quantity
    return int(amount.amount.scaleb(decimals_of(amount.currency)))


def is_whole(amount: Money) -> bool:
    """Whether an amount has no more decimals than its currency, trailing zeros counted."""
    return -int(amount.amount.as_tuple().exponent) <= decimals_of(amount.currency)


def of_minor_units(number: int, like: Amount) -> Amount:
    """The amount that `number` smallest units are, in the currency or unit of `like`."""
    if isinstance(like, Quantity):
        return Quantity(quantity=number, unit=like.unit)
    decimals = decimals_of(like.currency)
    whole, rest = divmod(number, 10**decimals)
    text = f"{whole}.{rest:0{decimals}}" if decimals else str(whole)
    return Money.model_validate({"amount": text, "currency": like.currency})


def decimals_of(currency: str) -> int:
    """Decimals of a currency that is or was active; 4 for one that never was."""
    return currency_decimals().get(currency, 4)
