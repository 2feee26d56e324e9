"""Why a need has no match yet: counts by reason, and the least change that would help."""

from datetime import date
from typing import Any

from services.matching import matches
from services.matching.coverage import Coverage, CoveredLine
from services.matching.knowledge import Party, Requirement
from services.matching.market import Market
from services.matching.model import Pledge
from services.matching.outlook import NEAREST, Outlook, outlook
from shared.events.pledges import Earmark
from tests.given import funding, goods
from tests.matching.samples import CASCAIS, a_match, a_need, a_pledge, after, rates

TODAY = date(2023, 9, 1)


def look(need: Requirement, *pledges: Pledge, **more: Any) -> Outlook:
    """The outlook of a need beside these pledges."""
    known = {p.id: p for p in pledges}
    market = Market(pledges=known, needs={need.id: need}, **{"coverages": {}} | more)
    return outlook(need, market, TODAY)


def test_need_that_is_closed_says_so() -> None:
    """Nothing is looked for, and nothing is counted."""
    found = look(a_need(funding(1, "100.00"), open=False), a_pledge(funding(1, "100.00")))
    assert (found.status, found.pledge_lines, found.lines[0].reasons) == ("closed", 0, {})
    assert found.sentences.en == ("The need is not open: nothing is matched for it.",)


def test_need_that_is_covered_says_so() -> None:
    """Proposed counts: nothing more of it is to be matched."""
    need = a_need(funding(1, "100.00"))
    covered = Coverage(id=need.id, lines={"1": CoveredLine(proposed=10_000)})
    found = look(need, coverages={need.id: covered})
    assert (found.status, found.lines[0].status) == ("covered", "covered")
    assert len(found.sentences.uk) == 1


def test_reasons_are_counted_over_all_open_pledge_lines() -> None:
    """A line that fails for two reasons counts in both."""
    need = a_need(funding(1, "100.00"))
    found = look(
        need,
        a_pledge(goods(1, "truck", 1), goods(2, "bus", 1), number=1),
        a_pledge(funding(1, "100.00"), number=2, valid_until="2023-08-31"),
        a_pledge(
            funding(1, "100.00"),
            number=3,
            valid_until="2023-08-31",
            earmark=Earmark(sectors=("health",)),
        ),
    )
    assert found.pledge_lines == 4
    assert found.lines[0].reasons == {
        "no-longer-valid": 2,
        "other-kind": 2,
        "earmarked-for-other-sectors": 1,
    }


def test_nearest_fail_by_the_fewest_reasons_and_never_by_kind_or_category() -> None:
    """What would have to be another pledge is no change of this one."""
    need = a_need(funding(1, "100.00"))
    other = Earmark(sectors=("health",))
    found = look(
        need,
        a_pledge(goods(1, "truck", 1), number=1),
        a_pledge(funding(1, "100.00"), number=2, valid_until="2023-08-31", earmark=other),
        a_pledge(funding(1, "100.00"), number=3, earmark=other, title={"uk": "Для лікарень"}),
    )
    line = found.lines[0]
    assert [near.pledge_id[-1] for near in line.nearest] == ["3", "2"]
    assert line.nearest[0].reasons == ("earmarked-for-other-sectors",)
    assert str(line.nearest[0].available) == "EUR 100.00"
    assert any(
        "“Для лікарень”: its earmark would have to hold the need's sector" in said
        for said in found.sentences.en
    )


def test_where_nothing_is_near_the_least_change_is_a_pledge_of_it() -> None:
    """Nobody offers what is asked."""
    found = look(a_need(goods(1, "bus", 2)), a_pledge(goods(1, "truck", 1)))
    assert found.lines[0].nearest == ()
    assert found.sentences.en[-1] == "The least change: a pledge of what line 1 asks for."


def test_money_in_the_place_of_goods_is_counted_apart() -> None:
    """Without a unit value money does not take their place: stating one is the least change."""
    found = look(a_need(goods(1, "bus", 2)), a_pledge(funding(1, "100.00")))
    line = found.lines[0]
    assert (line.reasons, line.substituting) == ({"other-kind": 1}, {"no-unit-value": 1})
    assert [(n.substituting, n.reasons) for n in line.nearest] == [(True, ("no-unit-value",))]


def test_currency_without_a_rate_is_the_reason_until_one_is_recorded() -> None:
    """Then the pledge line could serve, and the next round decides."""
    need, pledge = a_need(funding(1, "100.00")), a_pledge(funding(1, "500.00", "PLN"))
    assert look(need, pledge).lines[0].reasons == {"no-rate": 1}
    found = look(need, pledge, rates=rates(PLN="4.6590"))
    assert (found.lines[0].could_serve, found.lines[0].nearest) == (1, ())
    assert "the next round decides" in found.sentences.en[-1]


def test_pair_that_was_declined_waits_for_an_amendment() -> None:
    """The least change is to amend one of the two."""
    need, pledge = a_need(funding(1, "100.00")), a_pledge(funding(1, "100.00"))
    match = a_match()
    declined = after(match, matches.decline(match, CASCAIS, "not now"))
    found = look(need, pledge, matches=[declined])
    assert found.lines[0].reasons == {"answered-before": 1}
    amended = pledge.model_copy(update={"amendments": 1})
    assert look(need, amended, matches=[declined]).lines[0].could_serve == 1


def test_suspended_partner_is_a_reason() -> None:
    """Its pledge stands, and nothing of it is matched."""
    party = Party(id=CASCAIS, side="partner", status="suspended")
    found = look(
        a_need(funding(1, "100.00")), a_pledge(funding(1, "100.00")), parties={CASCAIS: party}
    )
    assert found.lines[0].reasons == {"partner-not-in-good-standing": 1}


def test_covered_line_of_a_need_is_not_looked_at() -> None:
    """One line is covered, the other is not."""
    need = a_need(funding(1, "100.00"), funding(2, "50.00"))
    covered = Coverage(id=need.id, lines={"1": CoveredLine(agreed=10_000)})
    found = look(need, a_pledge(goods(1, "bus", 1)), coverages={need.id: covered})
    assert [(n.status, n.reasons) for n in found.lines] == [
        ("covered", {}),
        ("uncovered", {"other-kind": 1}),
    ]
    assert "Line 1 is covered." in found.sentences.en


def test_many_pledges_that_fail_alike_are_one_way() -> None:
    """An outlook stays short: the first that was made, and how many are like it."""
    old = [a_pledge(funding(1, "1.00"), number=n, valid_until="2023-08-31") for n in range(1, 9)]
    found = look(a_need(funding(1, "100.00")), *reversed(old))
    assert [(n.pledge_id, n.alike) for n in found.lines[0].nearest] == [(old[0].id, 8)]
    assert len(found.sentences.en) == len(found.sentences.uk) == 4


def test_no_more_ways_are_named_than_a_few() -> None:
    """Each way is another set of reasons; the fewest first."""
    sectors, late = Earmark(sectors=("health",)), "2023-08-31"
    found = look(
        a_need(funding(1, "100.00")),
        a_pledge(funding(1, "1.00"), number=1, valid_until=late, earmark=sectors),
        a_pledge(funding(1, "1.00"), number=2, valid_until=late),
        a_pledge(funding(1, "1.00"), number=3, earmark=sectors),
        a_pledge(funding(1, "1.00", "PLN"), number=4),
    )
    nearest = found.lines[0].nearest
    assert [len(n.reasons) for n in nearest] == [1] * NEAREST
