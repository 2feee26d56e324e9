"""What the lines of needs and pledges may hold when they are asked for: numbers, amounts, units."""

from collections.abc import Iterator, Sequence
from typing import Literal, TypeVar

from shared.codelists import currencies, currency_decimals
from shared.errors import InvalidInput
from shared.events.facts import Amount, FundingLine, GoodsLine, Money, Quantity, ServicesLine

Line = FundingLine | GoodsLine | ServicesLine
L = TypeVar("L", bound=Line)

UNITS = ("piece", "set", "kilogram", "tonne", "litre", "cubic-metre", "square-metre", "kilometre")
"""Units of goods; services count in person-days."""

PERSON_DAY = "person-day"


def check_lines(lines: Sequence[Line]) -> None:
    """Raises InvalidInput with the pointer of the first thing that is not allowed."""
    seen: set[int] = set()
    for index, line in enumerate(lines):
        where = f"/lines/{index}"
        if line.line in seen:
            raise InvalidInput(f"{where}/line", "two lines have the same number", line.line)
        seen.add(line.line)
        check_amount(line.amount, f"{where}/amount")
        if isinstance(line, GoodsLine) and line.amount.unit not in UNITS:
            raise InvalidInput(
                f"{where}/amount/unit", "this is no unit of goods", line.amount.unit, list(UNITS)
            )
        if isinstance(line, ServicesLine) and line.amount.unit != PERSON_DAY:
            raise InvalidInput(
                f"{where}/amount/unit",
                "services count in person-days",
                line.amount.unit,
                PERSON_DAY,
            )


def check_amount(amount: Amount, pointer: str) -> None:
    """More than zero, an active currency, and not more decimals than it has."""
    if isinstance(amount, Quantity):
        if amount.quantity <= 0:
            raise InvalidInput(f"{pointer}/quantity", "must be more than 0", amount.quantity)
        return
    if amount.currency not in currencies():
        raise InvalidInput(
            f"{pointer}/currency",
            "this is no active currency",
            amount.currency,
            "an active ISO 4217 code",
        )
    allowed = currencies()[amount.currency]
    decimals = -int(amount.amount.as_tuple().exponent)
    if decimals > allowed:
        raise InvalidInput(
            f"{pointer}/amount",
            "{currency} has {allowed} decimals",
            format(amount.amount, "f"),
            allowed,
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
    unit = line.amount.currency if isinstance(line.amount, Money) else line.amount.unit
    return line.kind, "" if isinstance(line, FundingLine) else line.category, unit


def minor_units(amount: Amount) -> int:
    """An amount as a whole number: of the currency's smallest unit, or of goods and days."""
    if isinstance(amount, Quantity):
        return amount.quantity
    return int(amount.amount.scaleb(decimals_of(amount.currency)))


def is_whole(amount: Money) -> bool:
    """Whether an amount has no more decimals than its currency."""
    return amount.amount.scaleb(decimals_of(amount.currency)) % 1 == 0


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
