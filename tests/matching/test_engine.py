"""Which pledge serves which need: the rule `first-come.v1`, on the alliance's real cases."""

from decimal import Decimal
from typing import Any

import pytest

from services.matching import matches
from services.matching.engine import Problem, Proposal, Solution, decide, eligible
from services.matching.knowledge import Requirement
from services.matching.matches import Coverage
from services.matching.model import Balance, Pledge
from shared.events.facts import PledgeLine, RequirementLine
from shared.events.ids import MemberId, NeedId, PledgeId
from shared.events.matching import Earmark
from tests.given import (
    BORODIANKA,
    MYKOLAIV,
    MYKOLAIV_OF_LVIV_OBLAST,
    SUMY_OBLAST,
    an_id,
    funding,
    given,
    goods,
    money,
    numbered,
    offered,
    services,
)
from tests.matching.samples import (
    CASCAIS,
    IRPIN,
    LITHUANIA,
    NEED,
    RATES,
    a_need,
    a_pledge,
    proposed,
    rates,
)

SUMY = "UA59080270010036634"
HALF_A_MILLION = funding(1, "500000.00")


def solve(needs: list[Requirement], pledges: list[Pledge], **more: Any) -> Solution:
    """The solution of a round over these needs and pledges."""
    facts: dict[str, Any] = {"needs": needs, "pledges": pledges, "coverage": {}}
    return decide(Problem(**facts | more))


def who(solution: Solution) -> list[tuple[str, int, str, str]]:
    """(pledge, need's line, reserved, covers) of each proposal."""
    return [
        (p.pledge.id[-2:], p.need_line, str(p.reserved), str(p.covers)) for p in solution.proposals
    ]


def the_one(solution: Solution) -> Proposal:
    """The only proposal."""
    (proposal,) = solution.proposals
    return proposal


def serves(pledge: Pledge, need: Requirement, **more: Any) -> bool:
    """Whether a pledge alone is matched with a need alone."""
    return bool(solve([need], [pledge], **more).proposals)


def earmarked(number: int = 1, partner: MemberId = CASCAIS, **earmark: Any) -> Pledge:
    """Half a million euros for something in particular."""
    return a_pledge(HALF_A_MILLION, number=number, partner_id=partner, earmark=Earmark(**earmark))


def test_pledge_reserves_what_is_uncovered_and_keeps_the_rest() -> None:
    """A need of 300,000 takes 300,000 of half a million."""
    solution = solve([a_need(funding(1, "300000.00"))], [a_pledge(HALF_A_MILLION)])
    assert who(solution) == [("01", 1, "EUR 300,000.00", "EUR 300,000.00")]
    assert the_one(solution).rate is None


def test_need_takes_several_pledges_in_the_order_they_were_made() -> None:
    """The first is used up before the second is touched."""
    pledges = [a_pledge(funding(1, "300000.00"), number=n) for n in (2, 1, 3)]
    solution = solve([a_need(HALF_A_MILLION)], pledges)
    assert who(solution) == [
        ("01", 1, "EUR 300,000.00", "EUR 300,000.00"),
        ("02", 1, "EUR 200,000.00", "EUR 200,000.00"),
    ]


def test_needs_are_served_in_the_order_they_were_posted() -> None:
    """One pledge, two needs: the first is covered, the second gets what is left."""
    needs = [a_need(funding(1, "300000.00"), number=n) for n in (2, 1)]
    solution = solve(needs, [a_pledge(HALF_A_MILLION)])
    assert [(p.need.id[-1], str(p.covers)) for p in solution.proposals] == [
        ("1", "EUR 300,000.00"),
        ("2", "EUR 200,000.00"),
    ]


def test_what_is_covered_already_is_not_covered_again() -> None:
    """Proposed, agreed and delivered all count; only the rest is proposed."""
    need = a_need(HALF_A_MILLION)
    coverage = {NEED: given(matches.evolve_coverage, proposed(money("400000.00")))}
    solution = solve([need], [a_pledge(HALF_A_MILLION, number=2)], coverage=coverage)
    assert who(solution) == [("02", 1, "EUR 100,000.00", "EUR 100,000.00")]
    full = {NEED: given(matches.evolve_coverage, proposed(money("500000.00")))}
    assert not serves(a_pledge(HALF_A_MILLION, number=2), need, coverage=full)
    over = {NEED: given(matches.evolve_coverage, proposed(money("600000.00")))}
    assert not serves(a_pledge(HALF_A_MILLION, number=2), need, coverage=over)


def test_what_is_reserved_delivered_or_withdrawn_is_not_reserved_again() -> None:
    """Only what is available can serve."""
    balance = Balance(
        line=offered(HALF_A_MILLION)[0],
        reserved=20_000_000,
        delivered=10_000_000,
        withdrawn=10_000_000,
    )
    pledge = a_pledge(HALF_A_MILLION).model_copy(update={"balances": (balance,)})
    solution = solve([a_need(HALF_A_MILLION)], [pledge])
    assert who(solution) == [("01", 1, "EUR 100,000.00", "EUR 100,000.00")]


def test_borodiankas_kindergarten_is_covered_by_several_partial_pledges() -> None:
    """Case 3: 500,000 euros of equipment by two, shelter and water by others, UAH 1 m by a sixth,
    one need in two currencies and in kind."""
    need = a_need(
        funding(1, "550000.00"),
        services(2, "construction", 120),
        goods(3, "shelter", 1),
        goods(4, "water-pump", 2),
        place=BORODIANKA,
        authority_id=an_id(MemberId, "Borodianka"),
    )
    pledges = [
        a_pledge(services(1, "construction", 120), number=1),
        a_pledge(funding(1, "300000.00"), number=2),
        a_pledge(funding(1, "200000.00"), number=3),
        a_pledge(goods(1, "shelter", 1), number=4),
        a_pledge(goods(1, "water-pump", 3), number=5),
        a_pledge(funding(1, "1000000.00", "UAH"), number=6),
    ]
    solution = solve([need], pledges, rates=rates(UAH="40"))
    assert who(solution) == [
        ("02", 1, "EUR 300,000.00", "EUR 300,000.00"),
        ("03", 1, "EUR 200,000.00", "EUR 200,000.00"),
        ("06", 1, "UAH 1,000,000.00", "EUR 25,000.00"),
        ("01", 2, "120 × person-day", "120 × person-day"),
        ("04", 3, "1 × piece", "1 × piece"),
        ("05", 4, "2 × piece", "2 × piece"),
    ]
    used = solution.proposals[2].rate
    assert used is not None
    assert (used.rates_id, used.pledge_per_eur, used.need_per_eur) == (
        RATES,
        Decimal(40),
        Decimal(1),
    )
    assert solution.passed_over == []


def test_celles_three_trucks_go_to_sumy_as_whole_trucks() -> None:
    """Case 4: two needs of two trucks share three, and no truck is cut."""
    celle = a_pledge(goods(1, "truck", 3), earmark=Earmark(territories=(SUMY_OBLAST,)))
    needs = [a_need(goods(1, "truck", 2), number=n, place=SUMY) for n in (1, 2)]
    solution = solve(needs, [celle])
    assert [str(p.covers) for p in solution.proposals] == ["2 × piece", "1 × piece"]
    assert [p.reserved for p in solution.proposals] == [p.covers for p in solution.proposals]


@pytest.mark.parametrize(
    ("asked", "offered"),
    [
        (goods(1, "truck", 3), goods(1, "bus", 3)),
        (goods(1, "truck", 3), goods(1, "truck", 3, "tonne")),
        (goods(1, "engineer", 3), services(1, "engineer", 3, "piece")),
        (goods(1, "truck", 3), funding(1, "3.00")),
        (funding(1, "3.00"), goods(1, "truck", 3)),
        (services(1, "engineer", 3), services(1, "lawyer", 3)),
    ],
)
def test_goods_and_services_serve_the_same_category_and_unit_only(
    asked: RequirementLine, offered: PledgeLine
) -> None:
    """A bus is no truck, a tonne no piece, goods no service, and money buys nothing by itself."""
    assert not serves(a_pledge(offered), a_need(asked))


def test_money_in_another_currency_serves_only_by_a_recorded_rate() -> None:
    """Without rates, or without a rate of one of the two, nothing is proposed."""
    need, pledge = a_need(funding(1, "100.00")), a_pledge(funding(1, "4000.00", "UAH"))
    assert not serves(pledge, need)
    assert not serves(pledge, need, rates=rates(JPY="160"))
    assert serves(pledge, need, rates=rates(UAH="40"))
    yen = a_need(funding(1, "100", "JPY"))
    assert not serves(pledge, yen, rates=rates(UAH="40"))
    solution = solve([yen], [pledge], rates=rates(UAH="40", JPY="160"))
    assert who(solution) == [("01", 1, "UAH 25.00", "JPY 100")]


def test_same_currency_needs_no_rate() -> None:
    """Hryvnias for hryvnias, whatever a euro costs."""
    need = a_need(funding(1, "100.00", "UAH"))
    assert serves(a_pledge(funding(1, "100.00", "UAH")), need)


def test_euro_is_one_euro_whatever_a_rate_says() -> None:
    """Rates are units for one euro."""
    pledge = a_pledge(funding(1, "1.00"))
    solution = solve(
        [a_need(funding(1, "100.00", "UAH"))], [pledge], rates=rates(UAH="40", EUR="2")
    )
    assert who(solution) == [("01", 1, "EUR 1.00", "UAH 40.00")]


def test_dust_is_not_proposed() -> None:
    """One kopiika is worth less than one cent: it covers nothing and is not reserved."""
    need, pledge = a_need(funding(1, "100.00")), a_pledge(funding(1, "0.01", "UAH"))
    assert solve([need], [pledge], rates=rates(UAH="40")) == Solution()


def test_dust_does_not_keep_the_next_pledge_out() -> None:
    """Who comes after the dust serves."""
    pledges = [a_pledge(funding(1, "0.01", "UAH")), a_pledge(funding(1, "100.00"), number=2)]
    solution = solve([a_need(funding(1, "100.00"))], pledges, rates=rates(UAH="40"))
    assert who(solution) == [("02", 1, "EUR 100.00", "EUR 100.00")]
    assert solution.passed_over == []


@pytest.mark.parametrize(
    ("earmark", "allowed"),
    [
        ({}, True),
        ({"need_id": NEED}, True),
        ({"need_id": numbered(NeedId, 2)}, False),
        ({"authority_id": IRPIN}, True),
        ({"authority_id": an_id(MemberId, "Bucha")}, False),
        ({"territories": ("UA32080150010049888",)}, True),
        ({"territories": ("UA32080150000035443",)}, True),
        ({"territories": ("UA32080000000084076",)}, True),
        ({"territories": ("UA32000000000030281",)}, True),
        ({"territories": (SUMY_OBLAST,)}, False),
        ({"territories": (SUMY_OBLAST, "UA32000000000030281")}, True),
        ({"territories": ("UA32080150030095828",)}, False),
        ({"sectors": ("transport",)}, True),
        ({"sectors": ("transport.road",)}, True),
        ({"sectors": ("transport.rail",)}, False),
        ({"sectors": ("health", "transport")}, True),
        ({"sectors": ("health",)}, False),
        ({"sectors": ("transport",), "territories": (SUMY_OBLAST,)}, False),
    ],
)
def test_earmark_allows_what_it_names_and_all_below_it(
    earmark: dict[str, Any], allowed: bool
) -> None:
    """A need for a road in Irpin: by need, authority, any code of its chain, sector or its parent;
    a village of the hromada is not the city, and all that is named must hold."""
    need = a_need(HALF_A_MILLION, sector="transport.road")
    assert serves(earmarked(**earmark), need) is allowed


def test_earmark_for_a_narrow_sector_does_not_hold_the_wider_one() -> None:
    """Money for roads is not money for any transport."""
    need = a_need(HALF_A_MILLION, sector="transport")
    assert not serves(earmarked(sectors=("transport.road",)), need)


def test_mykolaiv_is_not_matched_with_its_namesake() -> None:
    """Dortmund's trucks are for Mykolaiv by its code; the Mykolaiv of Lviv oblast gets none."""
    dortmund = a_pledge(goods(1, "truck", 3), earmark=Earmark(territories=(MYKOLAIV,)))
    namesake = a_need(goods(1, "truck", 3), number=1, place=MYKOLAIV_OF_LVIV_OBLAST)
    mykolaiv = a_need(goods(1, "truck", 3), number=2, place=MYKOLAIV)
    assert the_one(solve([namesake, mykolaiv], [dortmund])).need == mykolaiv
    assert not serves(dortmund, namesake)


@pytest.mark.parametrize(
    ("today", "valid"), [("2023-08-31", True), ("2023-09-01", True), ("2023-09-02", False)]
)
def test_pledge_serves_until_the_last_day_it_is_valid(today: str, valid: bool) -> None:
    """Its last day included."""
    pledge = a_pledge(HALF_A_MILLION, valid_until="2023-09-01")
    assert serves(pledge, a_need(HALF_A_MILLION), today=today) is valid


def test_withdrawn_pledges_and_closed_needs_are_not_matched() -> None:
    """Neither is open."""
    pledge, need = a_pledge(HALF_A_MILLION), a_need(HALF_A_MILLION)
    assert not serves(pledge.model_copy(update={"status": "withdrawn"}), need)
    assert not serves(pledge, need.model_copy(update={"open": False}))


def test_pair_of_lines_with_a_live_match_or_a_refusal_is_not_proposed_again() -> None:
    """The pair is of lines: the same pledge may serve another line of the same need."""
    need = a_need(HALF_A_MILLION, funding(2, "100.00"))
    excluded = frozenset({(a_pledge(HALF_A_MILLION).id, 1, need.id, 1)})
    solution = solve([need], [a_pledge(HALF_A_MILLION)], excluded=excluded)
    assert who(solution) == [("01", 2, "EUR 100.00", "EUR 100.00")]


def test_earmark_for_the_need_comes_before_partnership_before_narrower_earmark() -> None:
    """Then the order in which they were made."""
    pledges = [
        earmarked(1, an_id(MemberId, "first")),
        earmarked(2, an_id(MemberId, "second")),
        earmarked(3, LITHUANIA, sectors=("education",)),
        earmarked(4, CASCAIS),
        earmarked(5, LITHUANIA, need_id=NEED),
    ]
    need = a_need(funding(1, "2500000.00"))
    solution = solve([need], pledges, twinned=frozenset({(IRPIN, CASCAIS)}))
    assert [p.pledge.id[-1] for p in solution.proposals] == ["5", "4", "3", "1", "2"]
    parts = {p.pledge.id[-1]: p.explanation.parts for p in solution.proposals}
    assert parts["4"] == {
        "earmarked-for-this-need": 0,
        "partnership": 1,
        "earmarked-for-this-place-or-sector": 0,
    }


def test_partnership_of_another_pair_is_no_preference() -> None:
    """Cascais is twinned with Bucha here: Irpin takes who came first."""
    pledges = [earmarked(1, LITHUANIA), earmarked(2, CASCAIS)]
    twinned = frozenset({(an_id(MemberId, "Bucha"), CASCAIS)})
    assert the_one(solve([a_need(HALF_A_MILLION)], pledges, twinned=twinned)).pledge == pledges[0]


def test_partner_is_passed_over_only_where_another_took_the_line() -> None:
    """Two could serve, the first covers in full: the second is told, and the match says so."""
    pledges = [a_pledge(HALF_A_MILLION, number=n) for n in (1, 2)]
    solution = solve([a_need(HALF_A_MILLION)], pledges)
    assert [(p.pledge_id, p.need_id) for p in solution.passed_over] == [(pledges[1].id, NEED)]
    lost = the_one(solution).explanation.alternatives
    assert [a.pledge_id for a in lost] == [numbered(PledgeId, 2)]


def test_nobody_is_passed_over_for_a_line_that_was_covered_before_the_round() -> None:
    """What an earlier round decided is not told again."""
    coverage = {NEED: given(matches.evolve_coverage, proposed(money("500000.00")))}
    solution = solve([a_need(HALF_A_MILLION)], [earmarked(2), earmarked(3)], coverage=coverage)
    assert solution == Solution()


def test_who_could_not_serve_is_not_passed_over() -> None:
    """Another earmark, no rate, or nothing available: there was nothing to lose."""
    spent = a_pledge(HALF_A_MILLION, number=4).model_copy(
        update={"balances": (Balance(line=offered(HALF_A_MILLION)[0], reserved=50_000_000),)}
    )
    others = [
        earmarked(2, territories=(SUMY_OBLAST,)),
        a_pledge(funding(1, "1.00", "UAH"), number=3),
        spent,
    ]
    solution = solve([a_need(HALF_A_MILLION)], [a_pledge(HALF_A_MILLION), *others])
    assert solution.passed_over == []
    assert the_one(solution).explanation.alternatives == ()


def test_who_got_something_in_the_round_was_not_passed_over() -> None:
    """Passed over is who got nothing: the second pledge serves the second need."""
    needs = [a_need(HALF_A_MILLION, number=n) for n in (1, 2)]
    pledges = [a_pledge(HALF_A_MILLION, number=n) for n in (1, 2)]
    solution = solve(needs, pledges)
    assert [p.pledge.id[-1] for p in solution.proposals] == ["1", "2"]
    assert solution.passed_over == []


def test_dust_was_not_passed_over() -> None:
    """What would cover nothing could not have served."""
    pledges = [a_pledge(HALF_A_MILLION), a_pledge(funding(1, "0.01", "UAH"), number=2)]
    solution = solve([a_need(HALF_A_MILLION)], pledges, rates=rates(UAH="40"))
    assert solution.passed_over == []


def test_match_names_at_most_five_alternatives_and_the_round_all_who_were_passed_over() -> None:
    """An explanation stays short; those who lost are told, each one."""
    pledges = [a_pledge(HALF_A_MILLION, number=n) for n in range(1, 10)]
    solution = solve([a_need(HALF_A_MILLION)], pledges)
    assert len(the_one(solution).explanation.alternatives) == 5
    assert [p.pledge_id for p in solution.passed_over] == [p.id for p in pledges[1:]]


def test_round_without_needs_or_pledges_proposes_nothing() -> None:
    """Nothing to decide."""
    assert solve([], [a_pledge(HALF_A_MILLION)]) == Solution()
    assert solve([a_need(HALF_A_MILLION)], []) == Solution()
    assert Coverage(id=NEED).line(1).taken == 0


def under(number: int = 1, amount: str = "500000.00", **terms: Any) -> Pledge:
    """A pledge of one line of euros that may be divided under terms only."""
    return a_pledge(*offered(funding(1, amount), **terms), number=number)


def test_indivisible_line_serves_whole_or_not_at_all() -> None:
    """500,000 that cannot be divided go to a need of as much, not to one of 499,999.99."""
    less = a_need(funding(1, "499999.99"))
    assert who(solve([less], [under(indivisible=True)])) == []
    fits = solve([a_need(HALF_A_MILLION)], [under(indivisible=True)])
    assert who(fits) == [("01", 1, "EUR 500,000.00", "EUR 500,000.00")]


def test_part_below_the_minimum_is_not_proposed() -> None:
    """100,000 at least: a need of 99,999.99 gets nothing, one of 100,000 all of it."""
    least = money("100000.00")
    assert who(solve([a_need(funding(1, "99999.99"))], [under(minimum=least)])) == []
    found = solve([a_need(funding(1, "100000.00"))], [under(minimum=least)])
    assert who(found) == [("01", 1, "EUR 100,000.00", "EUR 100,000.00")]


def test_pledge_serves_from_its_first_day_on() -> None:
    """The day before it is not taken."""
    pledge = a_pledge(HALF_A_MILLION, valid_from="2023-09-02")
    need = a_need(HALF_A_MILLION)
    assert not eligible(pledge, need, "2023-09-01")
    assert eligible(pledge, need, "2023-09-02")
