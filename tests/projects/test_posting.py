"""What may be asked for, by whom, where and in which amounts."""

from typing import Any

import pytest
from pydantic import ValidationError

from services.projects import asking
from services.projects.knowledge import (
    Authority,
    Commitment,
    evolve_authority,
    evolve_commitment,
)
from services.projects.model import NotAnAuthority
from shared.codelists import chain
from shared.errors import InvalidInput
from shared.events.facts import Money, RequirementLine, Site
from shared.events.ids import PledgeId
from shared.events.matches import ContributionDelivered, MatchAgreed
from shared.events.members import MemberAdmitted, MemberApplied, MemberRejected
from shared.events.projects import NeedPosted
from tests.given import (
    BORODIANKA,
    BUCHA,
    IRPIN_CHAIN,
    MYKOLAIV,
    MYKOLAIV_OF_LVIV_OBLAST,
    SUMY_OBLAST,
    TODAY,
    an_id,
    funding,
    given,
    goods,
    money,
    services,
)
from tests.given import IRPIN as IRPIN_CODE
from tests.projects.samples import CASCAIS, IRPIN, NEED, authority, committed, need_posted

TROSTIANETS = "UA59040130010060037"
ZABUCHCHIA = "UA32080150030095828"


@pytest.mark.parametrize(
    "by",
    [
        authority(side="partner"),
        authority(status="applied"),
        authority(status="rejected"),
    ],
    ids=["partner", "applicant", "rejected"],
)
def test_only_an_admitted_ukrainian_member_posts_a_need(by: Authority) -> None:
    """Partners pledge; who is not admitted does neither."""
    with pytest.raises(NotAnAuthority):
        asking.post(need_posted(), by, TODAY)


def test_place_of_a_need_is_its_whole_chain() -> None:
    """From the place up to the oblast."""
    assert asking.place(IRPIN_CODE, authority()) == IRPIN_CHAIN


def test_village_of_the_hromada_is_in_its_authoritys_territory() -> None:
    """Irpin asks for Zabuchchia, which is in Irpin hromada."""
    assert asking.place(ZABUCHCHIA, authority())[1:] == IRPIN_CHAIN[1:]


@pytest.mark.parametrize("code", [BUCHA, BORODIANKA, TROSTIANETS])
def test_place_outside_the_authoritys_territory_is_refused(code: str) -> None:
    """Bucha and Borodianka share Irpin's raion, Trostianets not even the oblast."""
    with pytest.raises(InvalidInput) as refused:
        asking.place(code, authority())
    assert refused.value.facts["given"] == code


@pytest.mark.parametrize(
    ("own", "allowed", "refused"),
    [
        (SUMY_OBLAST, TROSTIANETS, IRPIN_CODE),
        ("UA32080000000084076", BUCHA, TROSTIANETS),
        (MYKOLAIV, MYKOLAIV, MYKOLAIV_OF_LVIV_OBLAST),
        ("UA80000000000093317", "UA80000000000126643", IRPIN_CODE),
    ],
    ids=["oblast", "raion", "Mykolaiv and its namesake", "Kyiv is not Kyiv oblast"],
)
def test_authority_asks_within_what_it_governs(own: str, allowed: str, refused: str) -> None:
    """An oblast for its hromadas, a raion for its own, a city for itself and no namesake."""
    by = authority(territory=chain(own))
    assert asking.place(allowed, by)[0] == allowed
    with pytest.raises(InvalidInput):
        asking.place(refused, by)


@pytest.mark.parametrize("code", ["UA32080000000084076", "UA32000000000030281"])
def test_place_that_is_wider_than_a_hromada_is_refused(code: str) -> None:
    """A raion or an oblast is no place to build a kindergarten."""
    with pytest.raises(InvalidInput) as refused:
        asking.place(code, authority(territory=chain(code)))
    assert refused.value.facts["field"] == "/place"


def test_place_that_the_codifier_does_not_know_is_refused() -> None:
    """Invented digits are refused before anything is looked up by them."""
    with pytest.raises(InvalidInput):
        asking.place("UA32080150010049889", authority())


@pytest.mark.parametrize(
    ("line", "pointer"),
    [
        (funding(1, "0"), "/lines/0/amount/amount"),
        (funding(1, "0.00"), "/lines/0/amount/amount"),
        (funding(1, "1.005"), "/lines/0/amount/amount"),
        (funding(1, "1.00", "JPY"), "/lines/0/amount/amount"),
        (funding(1, "1.0001", "KWD"), "/lines/0/amount/amount"),
        (funding(1, "1.00", "HRK"), "/lines/0/amount/currency"),
        (funding(1, "1.00", "BGN"), "/lines/0/amount/currency"),
        (funding(1, "1.00", "XAU"), "/lines/0/amount/currency"),
        (funding(1, "1.00", "RUX"), "/lines/0/amount/currency"),
        (goods(1, "truck", 0), "/lines/0/amount/quantity"),
        (goods(1, "truck", 3, "person-day"), "/lines/0/amount/unit"),
        (goods(1, "truck", 3, "fleet"), "/lines/0/amount/unit"),
        (services(1, "engineer", 0), "/lines/0/amount/quantity"),
        (services(1, "engineer", 3, "piece"), "/lines/0/amount/unit"),
    ],
)
def test_amount_that_nobody_can_give_is_refused_with_its_pointer(
    line: RequirementLine, pointer: str
) -> None:
    """Nothing, too many decimals, a currency that is retired or none, a unit of something else."""
    with pytest.raises(InvalidInput) as refused:
        asking.post(need_posted(lines=(line,)), authority(), TODAY)
    assert refused.value.facts["field"] == pointer


@pytest.mark.parametrize(
    "line",
    [
        funding(1, "0.01"),
        funding(1, "500000"),
        funding(1, "999999999999999.99"),
        funding(1, "1", "JPY"),
        funding(1, "0.001", "KWD"),
        goods(1, "truck", 1),
        services(1, "engineer", 1),
    ],
)
def test_smallest_and_largest_amounts_are_kept_as_they_are(line: RequirementLine) -> None:
    """One cent, one yen, one thousandth of a dinar, and fifteen digits: none is rounded."""
    assert asking.post(need_posted(lines=(line,)), authority(), TODAY).lines == (line,)


@pytest.mark.parametrize(
    "amount", ["-1.00", "1e3", "01.00", "1,00", "NaN", " 1", "1.", "", "1000000000000000"]
)
def test_text_that_is_no_decimal_amount_is_not_even_an_amount(amount: str) -> None:
    """Negative numbers, exponents, blanks and sixteen digits do not parse."""
    with pytest.raises(ValidationError):
        money(amount)


def test_money_is_never_a_float() -> None:
    """A JSON number is refused."""
    with pytest.raises(ValidationError):
        type(money("1.00")).model_validate({"amount": 1.5, "currency": "EUR"})


def test_negative_quantity_is_not_even_a_quantity() -> None:
    """Minus one truck does not parse."""
    with pytest.raises(ValidationError):
        goods(1, "truck", -1)


def test_two_lines_with_one_number_are_refused() -> None:
    """A match names its line by number, so a number names one line."""
    with pytest.raises(InvalidInput) as refused:
        asking.post(
            need_posted(lines=(funding(1, "1.00"), goods(1, "truck", 1))), authority(), TODAY
        )
    assert refused.value.facts["field"] == "/lines/1/line"


def test_authority_is_what_members_says_of_it() -> None:
    """Applied, then admitted or rejected; never without an application."""
    applied = MemberApplied(
        member_id=IRPIN,
        side="ukraine",
        kind="hromada",
        organisation_id="UA-EDR-04054628",
        names={"uk": "Ірпінь"},
        country="UA",
        territory=IRPIN_CHAIN,
        principles=(),
        principles_version="2022-06-30",
    )
    admission = MemberAdmitted(member_id=IRPIN, role="member", reason="known")
    rejection = MemberRejected(member_id=IRPIN, rejected_by=CASCAIS, reason="unknown")
    assert given(evolve_authority, applied, admission) == authority()
    assert given(evolve_authority, applied, rejection).status == "rejected"
    for unfounded in (admission, rejection):
        with pytest.raises(TypeError):
            evolve_authority(None, unfounded)


def test_commitment_is_delivered_when_nothing_is_to_come() -> None:
    """A part is not the whole: only the last delivery makes it delivered."""
    agreement = MatchAgreed(
        match_id=committed().id,
        pledge_id=an_id(PledgeId, "half a million"),
        pledge_line=1,
        partner_id=CASCAIS,
        need_id=NEED,
        need_line=1,
        authority_id=IRPIN,
        reserved=money("300000.00"),
        covers=money("300000.00"),
    )
    parts = [
        ContributionDelivered(
            **agreement.model_dump(),
            delivered=money(part),
            delivered_covers=money(part),
            rest=money(rest),
            date="2023-08-31",
            scope="windows",
        )
        for part, rest in (("299999.99", "0.01"), ("0.01", "0.00"))
    ]
    assert given(evolve_commitment, agreement) == committed()
    assert not given(evolve_commitment, agreement, parts[0]).delivered
    assert given(evolve_commitment, agreement, *parts).delivered
    with pytest.raises(TypeError):
        evolve_commitment(None, parts[0])
    agreed: Commitment = given(evolve_commitment, agreement)
    with pytest.raises(TypeError):
        evolve_commitment(agreed, agreement)


def posts(**more: Any) -> NeedPosted:
    """Irpin asks, and it is allowed."""
    return asking.post(need_posted(**more), authority(), TODAY)


def refused_at(**more: Any) -> str:
    """Irpin asks, and it is refused; where."""
    with pytest.raises(InvalidInput) as refused:
        posts(**more)
    return str(refused.value.facts["field"])


@pytest.mark.parametrize("urgency", ["high", "critical"])
def test_urgency_is_given_with_its_reason(urgency: str) -> None:
    """Who asks to come before others says why."""
    assert refused_at(urgency=urgency) == "/urgency_reason"
    assert posts(urgency=urgency, urgency_reason="the children have no shelter")


def test_damage_is_the_wars_and_has_happened() -> None:
    """From 20 February 2014 to today."""
    for day in ("2014-02-20", "2023-09-01"):
        assert posts(damage_date=day).damage_date == day
    for day in ("2014-02-19", "2023-09-02", "1014-02-20", "9999-12-31"):
        assert refused_at(damage_date=day) == "/damage_date"


def point(latitude: str, longitude: str) -> Site:
    """A point on the map."""
    return Site.model_validate({"coordinates": {"latitude": latitude, "longitude": longitude}})


def test_site_lies_in_ukraine_and_says_where() -> None:
    """Latitude and longitude changed places, or none, are refused."""
    assert posts(site=point("50.5218", "30.2506"))
    assert refused_at(site=point("30.2506", "50.5218")) == "/site/coordinates/latitude"
    assert refused_at(site=point("50.5218", "-30.2506")) == "/site/coordinates/longitude"
    assert refused_at(site=Site()) == "/site"
    assert refused_at(site_withheld=True) == "/site"


def test_withheld_site_leaves_only_the_hromada_public() -> None:
    """Neither the address nor the village is in the event; the hromada and wider are."""
    asked = posts(
        territory=asking.place(ZABUCHCHIA, authority()),
        site=Site(description="вул. Центральна, 1"),
        site_withheld=True,
    )
    told = asking.public(asked)
    assert (told.site, told.site_withheld) == (None, True)
    assert told.territory == IRPIN_CHAIN[1:]
    assert "Центральна" not in told.data()
    assert asking.public(posts(site=Site(description="вул. Центральна, 1"))).site is not None


@pytest.mark.parametrize(
    ("unit_value", "pointer"),
    [
        (money("0.00"), "/lines/1/unit_value/amount"),
        (money("1.234"), "/lines/1/unit_value/amount"),
        (money("1.00", "HRK"), "/lines/1/unit_value/currency"),
    ],
)
def test_value_of_a_unit_that_money_may_replace_is_an_amount(
    unit_value: Money, pointer: str
) -> None:
    """A boiler may be given as money at a stated value, checked as every amount is."""
    boilers = goods(2, "boiler", 2)
    asked = boilers.model_copy(update={"unit_value": money("40000.00", "UAH")})
    assert posts(lines=(funding(1, "1.00"), asked)).lines[1] == asked
    wrong = boilers.model_copy(update={"unit_value": unit_value})
    assert refused_at(lines=(funding(1, "1.00"), wrong)) == pointer
