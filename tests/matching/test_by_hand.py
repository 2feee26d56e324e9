"""Proposing a match by hand: who may, and that the checks are those of a round."""

from typing import Any

import pytest

from services.matching import by_hand, commands, handlers
from services.matching.by_hand import AlreadyMatched, NotEligible, ProposeMatch
from services.matching.commands import Because, MakePledge
from services.matching.knowledge import NotAdmitted
from services.matching.matches import Match
from shared.errors import InvalidInput, NotFound, NotYours
from shared.events.facts import FundingLine, PledgeLine
from shared.events.ids import MemberId, NeedId, PledgeId
from shared.events.members import MemberSuspended
from shared.events.projects import ProjectSuspended
from tests.given import an_id, funding, goods, money, offered
from tests.matching.samples import CASCAIS, IRPIN, LITHUANIA
from tests.matching.story import Story
from tests.matching.test_commands import the_rates


class Told(Story):
    """Cascais's pledge and Irpin's need, which somebody pairs by hand."""

    def __init__(self, asked: Any = None, *lines: PledgeLine, **more: Any) -> None:
        super().__init__()
        self.need_id: NeedId = self.irpin_asks(asked or funding(1, "300.00"))
        command = MakePledge.model_validate(
            {"title": {"en": "For Irpin"}, "lines": lines or offered(funding(1, "500.00"))} | more
        )
        self.pledge_id: PledgeId = self.do(commands.make_pledge, command, by=CASCAIS).id

    def propose(self, by: MemberId | None = CASCAIS, **more: Any) -> Match:
        """Line 1 for line 1, where nothing else is said."""
        facts = {
            "pledge_id": self.pledge_id,
            "pledge_line": 1,
            "need_id": self.need_id,
            "need_line": 1,
            "reason": "the mayors met",
        }
        command = ProposeMatch.model_validate(facts | more)
        roles = ["member"] if by else ["operator"]
        return self.do(by_hand.propose_match, command, 14, by=by, roles=roles)


@pytest.mark.parametrize("by", [CASCAIS, IRPIN, None], ids=["partner", "authority", "operator"])
def test_either_side_or_an_operator_proposes_and_nobody_has_accepted_by_it(
    by: MemberId | None,
) -> None:
    """The most that fits is reserved; who proposed it, why, and by which rule is recorded."""
    match = Told().propose(by)
    assert (match.status, match.accepted) == ("proposed", ())
    assert (match.reserved, match.covers) == (money("300.00"), money("300.00"))
    assert (match.proposed_by, match.reason, match.round_id) == (by, "the mayors met", None)
    assert (match.explanation.rule, match.explanation.parts) == ("by-hand.v1", {})


def test_who_is_neither_side_may_not() -> None:
    """Lithuania has nothing to do with it."""
    with pytest.raises(NotYours):
        Told().propose(LITHUANIA)


def test_what_is_not_there_is_named() -> None:
    """Pledge, need, or a line of theirs."""
    told = Told()
    with pytest.raises(NotFound):
        told.propose(pledge_id=an_id(PledgeId, "none"))
    with pytest.raises(NotFound):
        told.propose(need_id=an_id(NeedId, "none"))
    for field in ("pledge_line", "need_line"):
        more: dict[str, Any] = {field: 2}
        with pytest.raises(InvalidInput) as refused:
            told.propose(**more)
        facts = refused.value.facts
        assert (facts["field"], facts["given"], facts["allowed"]) == (f"/{field}", 2, [1])


def test_two_lines_have_one_live_match() -> None:
    """A second is refused while the first is proposed or agreed, and names it."""
    told = Told()
    match = told.propose(reserved=money("100.00"))
    with pytest.raises(AlreadyMatched, match=match.id):
        told.propose()
    told.agree(match)
    with pytest.raises(AlreadyMatched, match="agreed"):
        told.propose()


def test_pair_that_was_declined_may_be_proposed_again_by_hand() -> None:
    """Somebody says why; a round would not."""
    told = Told()
    first = told.propose()
    told.do(commands.decline_match, first.id, Because(reason="too late"), by=IRPIN)
    assert told.round() == []
    assert told.propose(by=IRPIN, reason="the council has met again").status == "proposed"


def test_part_is_reserved_exactly_as_it_was_asked() -> None:
    """In the pledge's currency; it covers what that is worth, rounded down."""
    told = Told(funding(1, "30000.00", "UAH"))
    told.do(commands.set_rates, the_rates(), roles=["operator"])
    match = told.propose(reserved=money("33.33"))
    assert match.reserved == money("33.33")
    assert match.rate is not None
    per_eur = match.rate.need_per_eur
    assert isinstance(match.covers, type(money("1")))
    assert match.covers.amount <= money("33.33").amount * per_eur < match.covers.amount + 1


@pytest.mark.parametrize(
    ("terms", "reserved", "pointer"),
    [
        ({}, money("300.01"), "/reserved"),
        ({}, money("0.00"), "/reserved"),
        ({}, money("1.00", "UAH"), "/reserved"),
        ({}, money("1.001"), "/reserved/amount"),
        ({"minimum": money("200.00")}, money("199.99"), "/reserved"),
    ],
)
def test_part_that_does_not_fit_is_refused_with_what_would(
    terms: dict[str, Any], reserved: Any, pointer: str
) -> None:
    """Not more than is uncovered, not less than the terms allow, in the line's own currency."""
    told = Told(None, *offered(funding(1, "500.00"), **terms))
    with pytest.raises(InvalidInput) as refused:
        told.propose(reserved=reserved)
    assert refused.value.facts["field"] == pointer
    assert "match-proposed" not in told.names()


@pytest.mark.parametrize(
    ("asked", "line", "more", "code"),
    [
        (funding(1, "300.00"), goods(1, "truck", 3), {}, "other-kind"),
        (goods(1, "boiler", 3), goods(1, "truck", 3), {}, "other-category"),
        (funding(1, "300.00", "UAH"), funding(1, "300.00"), {}, "no-rate"),
        (None, funding(1, "1.00"), {"earmark": {"sectors": ["health"]}}, "other-sectors"),
        (None, funding(1, "1.00"), {"earmark": {"territories": ["UA59000000000057109"]}}, "places"),
        (None, funding(1, "1.00"), {"valid_from": "2023-10-01"}, "not-yet-valid"),
    ],
)
def test_pair_that_a_round_would_not_match_is_refused_with_the_reason(
    asked: FundingLine | None, line: Any, more: dict[str, Any], code: str
) -> None:
    """One code for each."""
    told = Told(asked, *offered(line), **more)
    with pytest.raises(NotEligible) as refused:
        told.propose()
    assert code in refused.value.facts["reasons"]


def test_money_for_what_is_asked_in_kind_counts_whole_units_at_the_needs_value() -> None:
    """Three trucks at EUR 100 each: EUR 250 cover two of them; without a value it is refused."""
    asked = goods(1, "truck", 3)
    with pytest.raises(NotEligible, match="no-unit-value"):
        Told(asked).propose()
    valued = asked.model_copy(update={"unit_value": money("100.00")})
    match = Told(valued).propose(reserved=money("250.00"))
    assert (match.reserved, match.covers) == (money("250.00"), goods(1, "truck", 2).amount)
    assert match.unit_value == money("100.00")
    assert Told(valued).propose().reserved == money("300.00")


def test_indivisible_line_is_proposed_whole_or_not_at_all() -> None:
    """Five trucks for a need of three: no; for one of five: all five, and no part."""
    lorries = offered(goods(1, "truck", 5), indivisible=True)
    with pytest.raises(NotEligible, match="indivisible-too-large"):
        Told(goods(1, "truck", 3), *lorries).propose()
    told = Told(goods(1, "truck", 5), *lorries)
    with pytest.raises(InvalidInput):
        told.propose(reserved=goods(1, "truck", 4).amount)
    assert told.propose().reserved == goods(1, "truck", 5).amount


def test_covered_need_and_spent_pledge_are_refused() -> None:
    """What is proposed already is neither available nor uncovered."""
    told = Told(funding(1, "500.00"))
    told.propose()
    other = told.irpin_asks(funding(1, "10.00"), number=2)
    with pytest.raises(NotEligible, match="nothing-available"):
        told.propose(need_id=other)
    more = told.pledges(LITHUANIA, funding(1, "10.00"))
    with pytest.raises(NotEligible, match="nothing-uncovered"):
        told.propose(by=LITHUANIA, pledge_id=more.id)


@pytest.mark.parametrize("member", [CASCAIS, IRPIN])
def test_both_sides_are_members_in_good_standing(member: MemberId) -> None:
    """Also where an operator proposes."""
    told = Told()
    told.hears(MemberSuspended(member_id=member, reason="no answers"))
    with pytest.raises(NotAdmitted):
        told.propose(by=None)


def test_need_whose_project_stands_still_waits() -> None:
    """Nothing new is proposed for it."""
    told = Told()
    still = ProjectSuspended(
        need_id=told.need_id, authority_id=IRPIN, cause="security", reason="shelling"
    )
    told.hear(handlers.on_need_posted, still)
    with pytest.raises(NotEligible, match="need-not-open"):
        told.propose()
