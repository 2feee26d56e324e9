"""Values that events of several owners share: text, places, money, amounts, lines.

They say what may be recorded. What a command may ask for is narrower and checked by the service
that owns it (an active currency, a code that exists); what was once recorded parses for ever.
"""

import re
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal, LiteralString, get_args

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Discriminator,
    Field,
    PlainSerializer,
    StringConstraints,
    Tag,
)
from pydantic_core import PydanticCustomError

from shared.events.registry import Fact

SIDES = ("ukraine", "partner")

Side = Literal["ukraine", "partner"]
Role = Literal["core", "member"]

_PLANES = range(0, 0x110000, 0x10000)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_DIRECTION = re.compile(r"[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_UNSEEN = re.compile(
    r"[\u00ad\u180e\u200b\u2060-\u2065\u206a-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)
_NO_CHARACTER = re.compile(
    "[\ufdd0-\ufdef" + "".join(f"{chr(p | 0xFFFE)}-{chr(p | 0xFFFF)}" for p in _PLANES) + "]"
)
_REFUSED: tuple[tuple[re.Pattern[str], LiteralString, LiteralString], ...] = (
    (_DIRECTION, "text_direction_character", "contains the direction control {code}"),
    (_UNSEEN, "text_invisible_character", "contains the invisible character {code}"),
    (_NO_CHARACTER, "text_no_character", "contains {code}, which is no character"),
)
"""What makes two texts look alike, or breaks how one is shown. Joiners and variation selectors
are not among it: emoji and many scripts need them."""

_BLANK = re.compile(
    r"[\s\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200c\u200d\u2800\u3164\ufe00-\ufe0f\uffa0"
    rf"\U000e0100-\U000e01ef{_DIRECTION.pattern[1:-1]}{_UNSEEN.pattern[1:-1]}]*"
)
"""Text of these alone shows nothing: blanks, joiners, variation selectors, fillers."""


def _plain(text: str) -> str:
    if found := _CONTROL.search(text):
        raise _holds("text_control_character", "contains the control character {code}", found)
    if _BLANK.fullmatch(text):
        raise PydanticCustomError("text_empty", "is empty")
    for pattern, kind, template in _REFUSED:
        if found := pattern.search(text):
            raise _holds(kind, template, found)
    return text


def _holds(
    kind: LiteralString, template: LiteralString, found: re.Match[str]
) -> PydanticCustomError:
    return PydanticCustomError(kind, template, {"code": f"U+{ord(found.group()):04X}"})


def _one_line(text: str) -> str:
    if "\n" in text or "\t" in text:
        raise PydanticCustomError(
            "text_not_one_line", "has a line break or a tab; it must be one line"
        )
    return _plain(text)


def _day(text: str) -> str:
    try:
        date.fromisoformat(text)
    except ValueError:
        raise PydanticCustomError("date_no_day", "is no day of the calendar") from None
    return text


def _moment(text: str) -> str:
    datetime.fromisoformat(text)
    return text


Line1 = Annotated[str, StringConstraints(max_length=300), AfterValidator(_one_line)]
"""One line of text, 1 to 300 characters."""

Text = Annotated[str, StringConstraints(max_length=5000), AfterValidator(_plain)]
"""Text with line breaks, 1 to 5,000 characters."""

Moment = Annotated[
    str,
    StringConstraints(
        pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?Z$"
    ),
    AfterValidator(_moment),
    Field(examples=["2027-01-01T00:00:00Z"]),
]
"""A moment in UTC, RFC 3339."""

Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}$")]
"""ISO 639 code."""

LocalisedText = Annotated[dict[Language, Line1], Field(min_length=1, max_length=30)]
"""One text in one or more languages, by ISO 639 code: `{"uk": "Ірпінь", "en": "Irpin"}`."""

Katottg = Annotated[str, StringConstraints(pattern=r"^UA[0-9]{17}$")]
"""A code of Ukraine's codifier of administrative units (KATOTTG)."""

Nuts = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}[0-9A-Z]{0,3}$")]
"""A code of the European Union's NUTS classification, version 2024."""

Lau = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}[0-9A-Za-z_. -]{1,13}$")]
"""A code of a local administrative unit (LAU): the country's code, and the unit's own in it."""

OrganisationId = Annotated[
    str, StringConstraints(pattern=r"^[A-Z]{2,3}-[A-Z0-9]{2,12}-[!-%'->@-{}~]{1,50}$")
]
"""An organisation's id as IATI has it: `{agency}-{number}`, for example `UA-EDR-04054628`."""

CurrencyCode = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
"""ISO 4217; codes that have been retired since still parse."""

_AMOUNT = re.compile(r"^(?:0|[1-9]\d{0,14})(?:\.\d{1,4})?$")
_RATE = re.compile(r"^(?:0|[1-9]\d{0,8})(?:\.\d{1,10})?$")


def _decimal(pattern: re.Pattern[str], example: str) -> BeforeValidator:
    def check(given: object) -> Decimal:
        if isinstance(given, Decimal):
            given = format(given, "f")
        if not isinstance(given, str) or not given.isascii() or not pattern.fullmatch(given):
            raise PydanticCustomError(
                "decimal_text",
                'must be a decimal number in a string, like "{example}"',
                {"example": example},
            )
        return Decimal(given)

    return BeforeValidator(check, json_schema_input_type=str)


def _as_text(value: Decimal) -> str:
    return format(value, "f")


DecimalAmount = Annotated[
    Decimal, _decimal(_AMOUNT, "500000.00"), PlainSerializer(_as_text, return_type=str)
]
"""Zero or more, up to 15 digits and 4 decimals; a string in JSON, never a float."""

DecimalRate = Annotated[
    Decimal, _decimal(_RATE, "51.2345"), PlainSerializer(_as_text, return_type=str)
]
"""An exchange rate: a string in JSON, never a float."""


class Money(Fact):
    """An amount in an ISO 4217 currency: `{"amount": "500000.00", "currency": "EUR"}`."""

    amount: DecimalAmount
    currency: CurrencyCode

    def __str__(self) -> str:
        return f"{self.currency} {self.amount:,f}"


class Quantity(Fact):
    """A whole number of units: `{"quantity": 3, "unit": "piece"}`."""

    quantity: Annotated[int, Field(ge=0, le=10**12)]
    unit: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,29}$")]

    def __str__(self) -> str:
        return f"{self.quantity:,} × {self.unit}"


def _counts_in(given: Any) -> str:
    """Whether an amount is money or a quantity, by what it names."""
    quantity = "quantity" in given if isinstance(given, dict) else isinstance(given, Quantity)
    return "quantity" if quantity else "money"


Amount = Annotated[
    Annotated[Money, Tag("money")] | Annotated[Quantity, Tag("quantity")],
    Discriminator(_counts_in),
]
"""What a line holds and a match reserves: money, or whole units."""

LineNumber = Annotated[int, Field(ge=1, le=200)]
"""Which line of a need or a pledge; it never changes once given."""

Category = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,49}$")]
"""What goods or which expertise, as one word of the code list: `garbage-truck`."""


class FundingLine(Fact):
    """Money asked for or offered."""

    kind: Literal["funding"] = "funding"
    line: LineNumber
    amount: Money
    purpose: Line1 | None = None


class GoodsLine(Fact):
    """Goods asked for or offered: a category and whole units of it."""

    kind: Literal["goods"] = "goods"
    line: LineNumber
    category: Category
    amount: Quantity
    purpose: Line1 | None = None


class ServicesLine(Fact):
    """Expertise or labour asked for or offered, in person-days."""

    kind: Literal["services"] = "services"
    line: LineNumber
    category: Category
    amount: Quantity
    purpose: Line1 | None = None


class Replaceable(Fact):
    """What is asked for in kind, and may be given in money: `unit_value` is what one unit is worth.

    Without it, money is not taken instead.
    """

    unit_value: Money | None = None


class AskedGoods(GoodsLine, Replaceable):
    """Goods that are asked for."""


class AskedServices(ServicesLine, Replaceable):
    """Expertise or labour that is asked for."""


class Offered(Fact):
    """How a line may be divided: not at all, or into parts of `minimum` or more each."""

    indivisible: bool = False
    minimum: Amount | None = None


class OfferedFunding(FundingLine, Offered):
    """Money that is offered."""


class OfferedGoods(GoodsLine, Offered):
    """Goods that are offered."""


class OfferedServices(ServicesLine, Offered):
    """Expertise or labour that is offered."""


RequirementLine = Annotated[FundingLine | AskedGoods | AskedServices, Field(discriminator="kind")]
"""One line of a need."""

PledgeLine = Annotated[OfferedFunding | OfferedGoods | OfferedServices, Field(discriminator="kind")]
"""One line of a pledge."""

_DEGREES = re.compile(r"^-?(?:0|[1-9]\d{0,2})(?:\.\d{1,6})?$")

Degrees = Annotated[
    Decimal, _decimal(_DEGREES, "50.521800"), PlainSerializer(_as_text, return_type=str)
]
"""WGS 84 degrees, up to 6 decimals (0.1 m); a string in JSON, never a float."""


class Coordinates(Fact):
    """A point on the map, WGS 84: `{"latitude": "50.5218", "longitude": "30.2506"}`."""

    latitude: Degrees
    longitude: Degrees


class Site(Fact):
    """Where exactly a need is: in words (a public building's address), a point, or both."""

    description: Line1 | None = None
    coordinates: Coordinates | None = None


ProjectSector = Literal[
    "education",
    "health",
    "energy",
    "energy.solar",
    "energy.wind",
    "energy.hydropower",
    "energy.biomass",
    "energy.geothermal",
    "communications",
    "waterAndWaste",
    "governance",
    "economy",
    "cultureSportsAndRecreation",
    "transport",
    "transport.air",
    "transport.water",
    "transport.rail",
    "transport.road",
    "transport.urban",
    "transport.lowCarbon",
    "socialHousing",
    "naturalResources",
    "naturalResources.floodProtection",
]
"""OC4IDS code list `projectSector`; a code before a dot holds those below it."""


def sectors_below(sector: ProjectSector) -> list[str]:
    """A sector's code and those it holds: `transport` holds `transport.road`."""
    return [s for s in get_args(ProjectSector) if s == sector or s.startswith(f"{sector}.")]


ProjectType = Literal[
    "construction", "rehabilitation", "replacement", "expansion", "decommissioning"
]
"""OC4IDS code list `projectType`."""

MilestoneStatus = Literal["scheduled", "met", "notMet", "partiallyMet"]
"""OC4IDS code list `milestoneStatus`."""

Urgency = Literal["low", "normal", "high", "critical"]
"""How soon a need must be met, as its owner says."""

HromadaSize = Literal["small", "medium", "large", "unknown"]
"""People in 2022: fewer than 10,000; fewer than 50,000; 50,000 or more; not known."""

DateText = Annotated[
    str, StringConstraints(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"), AfterValidator(_day)
]
"""A calendar day, ISO 8601."""
