"""Which pledge line may serve which requirement line: one code for each reason why not."""

from dataclasses import replace
from typing import Any

import pytest

from services.matching.engine import Ask, Offer
from services.matching.engine.eligibility import reasons
from services.matching.engine.problem import Measure
from shared.codelists import chain
from shared.events.ids import MemberId
from tests.given import IRPIN_CHAIN, MYKOLAIV, MYKOLAIV_OF_LVIV_OBLAST, SUMY_OBLAST, an_id
from tests.matching.engine.rounds import AUTHORITIES, SIMPLE, TODAY, ask, need, offer

MONEY, WANTED = offer(1, 100), ask(1, 100)
ROAD = ask(1, 100, sector="transport.road")


def why_not(o: Offer, a: Ask, **more: Any) -> list[str]:
    """The codes, on the day of the tests' rounds."""
    return [*reasons(o, a, **{"today": TODAY} | more)]


@pytest.mark.parametrize(
    ("earmark", "code"),
    [
        ({}, ""),
        ({"need_id": need(1)}, ""),
        ({"need_id": need(2)}, "earmarked-for-another-need"),
        ({"authority_id": AUTHORITIES[0]}, ""),
        ({"authority_id": an_id(MemberId, "Bucha")}, "earmarked-for-another-authority"),
        *(({"territories": (place,)}, "") for place in IRPIN_CHAIN),
        ({"territories": (SUMY_OBLAST,)}, "earmarked-for-other-places"),
        ({"territories": (SUMY_OBLAST, IRPIN_CHAIN[3])}, ""),
        ({"territories": ("UA32080150030095828",)}, "earmarked-for-other-places"),
        ({"sectors": ("transport",)}, ""),
        ({"sectors": ("transport.road",)}, ""),
        ({"sectors": ("transport.rail",)}, "earmarked-for-other-sectors"),
        ({"sectors": ("health", "transport")}, ""),
        ({"sectors": ("health",)}, "earmarked-for-other-sectors"),
    ],
)
def test_earmark_allows_what_it_names_and_all_below_it(earmark: dict[str, Any], code: str) -> None:
    """A need for a road in Irpin: by need, authority, any code of its chain, sector or its parent;
    a village of the hromada is not the city."""
    assert why_not(replace(MONEY, **earmark), ROAD) == ([code] if code else [])


def test_earmark_for_a_narrow_sector_does_not_hold_the_wider_one() -> None:
    """Money for roads is not money for any transport."""
    found = why_not(replace(MONEY, sectors=("transport.road",)), ask(1, 1, sector="transport"))
    assert found == ["earmarked-for-other-sectors"]


def test_mykolaiv_is_not_its_namesake() -> None:
    """Dortmund's trucks are for Mykolaiv by its code; the Mykolaiv of Lviv oblast gets none."""
    dortmund = offer(1, 3, "piece", territories=(MYKOLAIV,))
    assert why_not(dortmund, ask(1, 3, "piece", territory=chain(MYKOLAIV))) == []
    namesake = ask(1, 3, "piece", territory=chain(MYKOLAIV_OF_LVIV_OBLAST))
    assert why_not(dortmund, namesake) == ["earmarked-for-other-places"]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"status": "withdrawn"}, "pledge-not-open"),
        ({"partner_status": "suspended"}, "partner-not-in-good-standing"),
        ({"valid_from": TODAY, "valid_until": TODAY}, ""),
        ({"valid_from": "2023-09-02"}, "not-yet-valid"),
        ({"valid_until": "2023-08-31"}, "no-longer-valid"),
        ({"available": 0}, "nothing-available"),
        ({"measure": Measure("goods/truck"), "unit": "piece"}, "other-kind"),
        ({"unit": "UAH"}, "no-rate"),
        ({"minimum": 100}, ""),
        ({"pledged": 101, "available": 101, "minimum": 101}, "below-minimum"),
        ({"indivisible": True}, ""),
        ({"pledged": 101, "available": 101, "indivisible": True}, "indivisible-too-large"),
        ({"pledged": 101, "indivisible": True}, "indivisible-too-large"),
    ],
)
def test_pledge_line_serves_while_nothing_about_it_stands_against_that(
    change: dict[str, Any], code: str
) -> None:
    """For a need of 100."""
    assert why_not(replace(MONEY, **change), WANTED) == ([code] if code else [])


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"open": False}, "need-not-open"),
        ({"authority_status": "left"}, "authority-not-in-good-standing"),
        ({"uncovered": 0}, "nothing-uncovered"),
    ],
)
def test_requirement_line_is_served_while_nothing_stands_against_that(
    change: dict[str, Any], code: str
) -> None:
    """By a pledge of 100."""
    assert why_not(MONEY, replace(WANTED, **change)) == [code]


@pytest.mark.parametrize(
    ("offered", "asked", "code"),
    [
        (("goods/truck", "piece"), ("goods/bus", "piece"), "other-category"),
        (("goods/truck", "tonne"), ("goods/truck", "piece"), "other-unit"),
        (("goods/sand", "tonne"), ("goods/sand", "kilogram"), ""),
        (("goods/sand", "tonne"), ("goods/sand", "litre"), "other-unit"),
        (("goods/water", "litre"), ("goods/water", "cubic-metre"), "less-than-one-unit"),
        (("services/engineer", "person-day"), ("goods/engineer", "piece"), "other-kind"),
        (("services/engineer", "person-day"), ("services/lawyer", "person-day"), "other-category"),
    ],
)
def test_goods_and_services_serve_their_own_kind_category_and_unit(
    offered: tuple[str, str], asked: tuple[str, str], code: str
) -> None:
    """Units convert where UN/ECE Recommendation 20 says so."""
    o = replace(MONEY, measure=Measure(offered[0]), unit=offered[1])
    a = replace(WANTED, measure=Measure(asked[0]), unit=asked[1])
    assert why_not(o, a) == ([code] if code else [])


def test_every_reason_is_given() -> None:
    """Not the first only: who asks why must not find the next one after removing this."""
    o = replace(MONEY, status="expired", valid_until="2023-08-31", sectors=("health",))
    found = why_not(o, replace(WANTED, open=False, uncovered=0), barred=True)
    assert found == [
        "pledge-not-open",
        "need-not-open",
        "no-longer-valid",
        "earmarked-for-other-sectors",
        "answered-before",
        "nothing-uncovered",
    ]


@pytest.mark.parametrize(
    ("money", "value", "code"),
    [
        ((100, "EUR"), (100, "EUR"), ""),
        ((99, "EUR"), (100, "EUR"), "less-than-one-unit"),
        ((100, "EUR"), (0, ""), "no-unit-value"),
        ((100, "EUR"), (400, "UAH"), ""),
        ((100, "EUR"), (100, "JPY"), "no-rate"),
    ],
)
def test_money_serves_for_goods_at_their_unit_value(
    money: tuple[int, str], value: tuple[int, str], code: str
) -> None:
    """Whole units only, at the recorded rates; never where it is not asked for."""
    truck = ask(1, 3, "piece", unit_value=value[0], value_currency=value[1])
    o = offer(1, *money)
    assert why_not(o, truck, rates=SIMPLE, substituting=True) == ([code] if code else [])
    assert why_not(o, truck, rates=SIMPLE) == ["other-kind"]
    assert why_not(o, WANTED, rates=SIMPLE, substituting=True) == ["other-kind"]
