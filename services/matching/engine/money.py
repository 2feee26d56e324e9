"""How a pledge line's amount counts for a requirement line's: units, rates, and rounding.

Everything here is whole numbers and exact fractions. Money meets in euro cents by the round's
recorded rates; a currency without a rate meets only itself, in its own smallest unit. Units of
goods convert only as UN/ECE Recommendation 20 states: 1 t = 1,000 kg, 1 m³ = 1,000 l.
"""

from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from math import ceil

from services.matching.engine.problem import FUNDING, Ask, Offer, Rates
from shared.lines import decimals_of

CONVERTED = {"tonne": ("kilogram", 1000), "cubic-metre": ("litre", 1000)}
"""Units that are a whole number of a smaller one, by UN/ECE Recommendation 20."""

LIMIT = 2**44
"""Most common units that a line counts for in one round (176 billion euros): sums of a million
lines stay below 2^63."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """`ratio`: smallest units of the need for one of the pledge; `rated`: rates were used."""

    ratio: Fraction
    rated: bool = False

    def most(self, available: int, uncovered: int) -> tuple[int, int]:
        """(reserved, covers): the most that exceeds neither side.

        What is covered is never worth more than what is reserved; what is too small to cover one
        smallest unit reserves nothing.
        """
        covers = min(uncovered, int(available * self.ratio))
        return min(ceil(covers / self.ratio), available), covers


def common_unit(measure: str, unit: str, rates: Rates | None) -> tuple[str, Fraction]:
    """The unit in which a line meets others, and how many of it one of the line's smallest is."""
    if measure != FUNDING:
        base, factor = CONVERTED.get(unit, (unit, 1))
        return base, Fraction(factor)
    rate = rates.of(unit) if rates else (Fraction(1) if unit == "EUR" else None)
    if rate is None:
        return unit, Fraction(1)
    return "EUR", Fraction(100, 10 ** decimals_of(unit)) / rate


@lru_cache(4096)
def _exchange(
    measure: str, offered: str, asked: str, offered_rate: Fraction | None, rate: Fraction | None
) -> Exchange | None:
    if offered == asked:
        return Exchange(Fraction(1))
    if measure != FUNDING:
        base, factor = CONVERTED.get(offered, (offered, 1))
        other, divisor = CONVERTED.get(asked, (asked, 1))
        return Exchange(Fraction(factor, divisor)) if base == other else None
    if offered_rate is None or rate is None:
        return None
    units = Fraction(10) ** (decimals_of(asked) - decimals_of(offered))
    return Exchange(units * rate / offered_rate, rated=True)


def exchange(measure: str, offered: str, asked: str, rates: Rates | None) -> Exchange | None:
    """How one unit or currency counts for another; None where no list and no rate says so."""
    if measure != FUNDING or offered == asked:
        return _exchange(measure, offered, asked, None, None)
    one = rates.of(offered) if rates else None
    other = rates.of(asked) if rates else None
    return _exchange(measure, offered, asked, one, other)


def substitute(offer: Offer, ask: Ask, rates: Rates | None) -> Fraction | None:
    """Smallest units of the pledge's money that one unit of what is asked is worth; None where
    the need states no unit value, or no rate says so."""
    if offer.measure != FUNDING or ask.measure == FUNDING or not ask.unit_value:
        return None
    found = exchange(FUNDING, offer.unit, ask.value_currency, rates)
    return ask.unit_value / found.ratio if found else None
