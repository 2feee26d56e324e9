"""What one command brings with it: releases before an amendment, coverage after an acceptance."""

import pytest
from pydantic import ValidationError

from services.matching import commands, handlers
from services.matching.commands import AmendPledge, Because, Deliver, SetRates
from services.matching.coverage import Coverage
from services.matching.matches import MatchClosed
from services.matching.model import NotAPartner, PledgeCommitted
from shared.errors import InvalidInput, NotFound
from shared.events.facts import RequirementLine
from shared.events.ids import MemberId, NeedId
from shared.events.projects import (
    NeedAmended,
    NeedWithdrawn,
    ProjectCancelled,
    ProjectCompleted,
    ProjectResumed,
    ProjectSuspended,
)
from shared.lines import minor_units
from tests.given import an_id, funding, goods, money, offered
from tests.matching.samples import CASCAIS, IRPIN, LITHUANIA
from tests.matching.story import Story


def amended(need_id: NeedId, *lines: RequirementLine) -> NeedAmended:
    """Irpin's need has other lines now."""
    return NeedAmended(need_id=need_id, authority_id=IRPIN, reason="cheaper", lines=lines)


def completed(need_id: NeedId) -> ProjectCompleted:
    """Irpin's work ended."""
    return ProjectCompleted(
        need_id=need_id,
        authority_id=IRPIN,
        end_date="2023-08-31",
        final_value=(money("100.00"),),
        final_scope="a kindergarten",
    )


def withdrawn(need_id: NeedId) -> NeedWithdrawn:
    """Irpin asks no more."""
    return NeedWithdrawn(need_id=need_id, authority_id=IRPIN, reason="built elsewhere")


def test_only_an_admitted_partner_pledges_and_one_that_is_known() -> None:
    """Irpin is of the other side, and a stranger is nobody."""
    story = Story()
    with pytest.raises(NotAPartner):
        story.pledges(IRPIN, funding(1, "1.00"))
    with pytest.raises(NotFound):
        story.pledges(an_id(MemberId, "stranger"), funding(1, "1.00"))


def test_withdrawn_pledge_releases_its_proposals_and_keeps_what_is_agreed() -> None:
    """Of 500: 200 agreed stay, 100 proposed are free again, and 300 in all are withdrawn."""
    story = Story()
    pledge = story.pledges(CASCAIS, funding(1, "500.00"))
    story.irpin_asks(funding(1, "200.00"))
    (first,) = story.round()
    story.agree(first)
    story.irpin_asks(funding(1, "100.00"), number=2)
    (second,) = story.round()
    after = story.do(commands.withdraw_pledge, pledge.id, Because(reason="budget"), by=CASCAIS)
    assert (story.match(first).status, story.match(second).status) == ("agreed", "released")
    balance = after.balance(1)
    assert (balance.available, balance.reserved, balance.withdrawn) == (0, 20_000, 30_000)
    assert story.round() == []


def test_what_a_withdrawn_need_frees_of_a_withdrawn_pledge_is_withdrawn() -> None:
    """The partner took all of it back: nothing is available again, 200 more are withdrawn."""
    story = Story()
    pledge = story.pledges(CASCAIS, funding(1, "500.00"))
    need = story.irpin_asks(funding(1, "200.00"))
    (match,) = story.round()
    story.agree(match)
    story.do(commands.withdraw_pledge, pledge.id, Because(reason="budget"), by=CASCAIS)
    story.hear(handlers.on_need_closed, withdrawn(need))
    assert story.match(match).status == "released"
    balance = story.pledge(pledge).balance(1)
    assert (balance.available, balance.reserved, balance.withdrawn) == (0, 0, 50_000)


def test_pledge_that_shrinks_releases_its_newest_proposals_only() -> None:
    """Three proposals of 100; at 250 the third goes, at 100 the second too."""
    story = Story()
    pledge = story.pledges(CASCAIS, funding(1, "300.00"))
    for number in (1, 2, 3):
        story.irpin_asks(funding(1, "100.00"), number=number)
    proposals = story.round()
    for amount, live in (("250.00", 2), ("100.00", 1)):
        command = AmendPledge(lines=offered(funding(1, amount)), reason="budget")
        story.do(commands.amend_pledge, pledge.id, command, by=CASCAIS)
        assert [story.match(m).live for m in proposals] == [n < live for n in range(3)]
    assert story.pledge(pledge).balance(1).available == 0


def test_pledge_with_an_agreement_does_not_shrink_below_it() -> None:
    """Refused, nothing is released."""
    story = Story()
    pledge = story.pledges(CASCAIS, funding(1, "300.00"))
    for number in (1, 2):
        story.irpin_asks(funding(1, "100.00"), number=number)
    first, second = story.round()
    story.agree(first)
    command = AmendPledge(lines=offered(funding(1, "99.99")), reason="budget")
    with pytest.raises(PledgeCommitted):
        story.do(commands.amend_pledge, pledge.id, command, by=CASCAIS)
    assert story.match(second).live


@pytest.mark.parametrize("amount", ["300.00", "200.00", "100.00"])
def test_pledge_whose_proposals_still_fit_is_amended_without_a_release(amount: str) -> None:
    """More, the same or less, as long as the proposal of 100 fits."""
    story = Story()
    pledge = story.pledges(CASCAIS, funding(1, "200.00"))
    story.irpin_asks(funding(1, "100.00"))
    (proposal,) = story.round()
    command = AmendPledge(lines=offered(funding(1, amount)), reason="the council gave more")
    story.do(commands.amend_pledge, pledge.id, command, by=CASCAIS)
    assert story.match(proposal) == proposal
    balance = story.pledge(pledge).balance(1)
    assert (balance.pledged, balance.reserved) == (minor_units(money(amount)), 10_000)


def test_need_that_shrinks_releases_the_newest_proposals_that_no_longer_fit() -> None:
    """Two proposals of 100 for 200: at 150 the second is released, its 50 asked of it again."""
    story = Story()
    need = story.irpin_asks(funding(1, "200.00"))
    story.pledges(CASCAIS, funding(1, "100.00"))
    story.pledges(LITHUANIA, funding(1, "100.00"))
    first, second = story.round()
    story.hear(handlers.on_need_amended, amended(need, funding(1, "150.00")))
    assert (story.match(first).status, story.match(second).status) == ("proposed", "released")
    (again,) = story.round()
    assert (again.partner_id, again.covers) == (LITHUANIA, money("50.00"))


def test_need_that_shrinks_keeps_what_is_agreed_and_releases_what_is_proposed_beside_it() -> None:
    """100 agreed and 100 proposed for 200: at 150 the proposal is released, the agreement stays."""
    story = Story()
    need = story.irpin_asks(funding(1, "200.00"))
    story.pledges(CASCAIS, funding(1, "100.00"))
    story.pledges(LITHUANIA, funding(1, "100.00"))
    first, second = story.round()
    story.agree(first)
    story.hear(handlers.on_need_amended, amended(need, funding(1, "150.00")))
    assert (story.match(first).status, story.match(second).status) == ("agreed", "released")


def test_pledge_may_shrink_to_what_is_agreed_of_which_a_part_arrived() -> None:
    """Of 100 agreed 40 arrived: 100 is the least, not 140."""
    story = Story()
    pledge = story.pledges(CASCAIS, funding(1, "200.00"))
    story.irpin_asks(funding(1, "100.00"))
    (match,) = story.round()
    story.agree(match)
    part = Deliver(amount=money("40.00"), date="2023-08-31", scope="windows")
    story.do(commands.deliver, match.id, part, by=IRPIN)
    least = AmendPledge(lines=offered(funding(1, "100.00")), reason="budget")
    balance = story.do(commands.amend_pledge, pledge.id, least, by=CASCAIS).balance(1)
    assert (balance.available, balance.reserved, balance.delivered) == (0, 6_000, 4_000)
    less = AmendPledge(lines=offered(funding(1, "99.99")), reason="budget")
    with pytest.raises(PledgeCommitted):
        story.do(commands.amend_pledge, pledge.id, less, by=CASCAIS)


def test_withdrawn_need_releases_all_but_what_began_to_arrive() -> None:
    """A proposal and an agreement are released; a match of which a part arrived goes on."""
    story = Story()
    need = story.irpin_asks(funding(1, "100.00"), goods(2, "truck", 3), goods(3, "bus", 3))
    story.pledges(CASCAIS, funding(1, "100.00"), goods(2, "truck", 3), goods(3, "bus", 3))
    cash, lorries, buses = story.round()
    story.agree(lorries)
    story.agree(buses)
    part = Deliver(amount=goods(1, "bus", 1).amount, date="2023-08-31", scope="one bus")
    story.do(commands.deliver, buses.id, part, by=IRPIN)
    story.hear(handlers.on_need_closed, withdrawn(need))
    assert [story.match(m).status for m in (cash, lorries, buses)] == [
        "released",
        "released",
        "agreed",
    ]
    rest = Deliver(date="2023-08-31", scope="two buses")
    assert story.do(commands.deliver, buses.id, rest, by=IRPIN).status == "delivered"
    assert story.round() == []


def test_declined_match_frees_both_sides_for_others_and_is_not_proposed_again() -> None:
    """Cascais said no: Lithuania serves the need, Cascais another need."""
    story = Story()
    story.irpin_asks(funding(1, "100.00"))
    story.pledges(CASCAIS, funding(1, "100.00"))
    (refused,) = story.round()
    story.do(commands.decline_match, refused.id, Because(reason="not ours"), by=CASCAIS)
    assert story.round() == []
    story.pledges(LITHUANIA, funding(1, "100.00"))
    story.irpin_asks(funding(1, "100.00"), number=2)
    pairs = [(m.partner_id, m.need_id[-1]) for m in story.round()]
    assert pairs == [(LITHUANIA, "1"), (CASCAIS, "2")]


def test_released_pair_may_be_proposed_again() -> None:
    """A release is nobody's refusal: when the need asks again, the same pair is matched."""
    story = Story()
    need = story.irpin_asks(funding(1, "100.00"))
    story.pledges(CASCAIS, funding(1, "100.00"))
    (first,) = story.round()
    story.hear(handlers.on_need_amended, amended(need, funding(1, "10.00")))
    assert story.match(first).status == "released"
    (again,) = story.round()
    assert (again.pledge_id, again.covers) == (first.pledge_id, money("10.00"))


def test_round_that_proposes_nothing_records_nothing() -> None:
    """And says so."""
    story = Story()
    story.irpin_asks(funding(1, "100.00"))
    assert story.round() == []
    assert story.names() == []


def test_round_names_what_it_proposed_and_whom_it_passed_over() -> None:
    """The round comes first, then what it proposed, then who was told that others were chosen."""
    story = Story()
    story.irpin_asks(funding(1, "100.00"))
    story.pledges(CASCAIS, funding(1, "100.00"))
    story.pledges(LITHUANIA, funding(1, "100.00"))
    (match,) = story.round()
    assert story.names()[2:] == ["matching-round-completed", "match-proposed", "pledge-passed-over"]
    (done,) = story.states["rounds"].values()
    assert match.round_id == done.id
    assert done.decision.rule == match.explanation.rule == "optimal.v1"
    assert (done.decision.matches, done.decision.passed_over) == (1, 1)
    assert LITHUANIA in story.logs["matching"][-1].data


def test_need_is_covered_once_when_its_last_line_is_agreed() -> None:
    """Not at the first line's agreement, and not again at a delivery."""
    story = Story()
    story.irpin_asks(funding(1, "100.00"), goods(2, "truck", 3))
    story.pledges(CASCAIS, funding(1, "100.00"), goods(2, "truck", 3))
    cash, lorries = story.round()
    story.agree(cash)
    assert "need-covered" not in story.names()
    story.agree(lorries)
    assert story.names()[-2:] == ["match-agreed", "need-covered"]
    whole = Deliver(date="2023-08-31", scope="all")
    for match in (cash, lorries):
        story.do(commands.deliver, match.id, whole, by=IRPIN)
    assert story.names().count("need-covered") == 1


def test_need_that_shrinks_to_what_is_agreed_is_covered() -> None:
    """Every line is agreed in full from then on, which is said once."""
    story = Story()
    need = story.irpin_asks(funding(1, "200.00"))
    story.pledges(CASCAIS, funding(1, "100.00"))
    (match,) = story.round()
    story.agree(match)
    story.hear(handlers.on_need_amended, amended(need, funding(1, "150.00")))
    assert "need-covered" not in story.names()
    for _ in range(2):
        story.hear(handlers.on_need_amended, amended(need, funding(1, "100.00")))
        assert story.names()[-1] == "need-covered"
        assert story.names().count("need-covered") == 1


def test_need_that_grows_beyond_what_is_agreed_is_covered_no_more() -> None:
    """What was covered in full at 100 is not at 200; when the rest is agreed too, it is again."""
    story = Story()
    need = story.irpin_asks(funding(1, "100.00"))
    story.pledges(CASCAIS, funding(1, "100.00"))
    (match,) = story.round()
    story.agree(match)
    story.hear(handlers.on_need_amended, amended(need, funding(1, "200.00")))
    coverage: Coverage = story.states["coverages"][need]
    assert not coverage.complete(story.states["requirements"][need])
    assert story.names().count("need-covered") == 1
    story.pledges(LITHUANIA, funding(1, "100.00"))
    (rest,) = story.round()
    story.agree(rest)
    assert story.names()[-1] == "need-covered"
    assert story.names().count("need-covered") == 2


def test_completed_project_holds_no_proposal() -> None:
    """Work ended: what was only proposed for it is free for others, what is agreed stays."""
    story = Story()
    need = story.irpin_asks(funding(1, "100.00"), goods(2, "truck", 3))
    pledge = story.pledges(CASCAIS, funding(1, "100.00"), goods(2, "truck", 3))
    cash, lorries = story.round()
    story.agree(lorries)
    story.hear(handlers.on_need_closed, completed(need))
    assert (story.match(cash).status, story.match(lorries).status) == ("released", "agreed")
    now = story.pledge(pledge)
    assert (now.balance(1).reserved, now.balance(2).reserved) == (0, 3)
    release = story.logs["matching"][-1]
    assert (release.name, '"cause":"project-completed"' in release.data) == ("match-released", True)


@pytest.mark.parametrize("agreed", [True, False], ids=["agreed", "proposed"])
def test_cancelled_project_releases_all_of_which_nothing_arrived(agreed: bool) -> None:
    """Given up: what was agreed for it is free again, too, and both sides are told."""
    story = Story()
    need = story.irpin_asks(funding(1, "100.00"))
    pledge = story.pledges(CASCAIS, funding(1, "100.00"))
    (match,) = story.round()
    if agreed:
        story.agree(match)
    cancelled = ProjectCancelled(need_id=need, authority_id=IRPIN, reason="cannot be saved")
    story.hear(handlers.on_need_closed, cancelled)
    assert story.pledge(pledge).balance(1).available == 100_00
    assert story.names()[-1] == "match-released"


def test_suspended_need_is_matched_again_when_work_goes_on() -> None:
    """While work stands still nothing new is proposed; what stands, stands."""
    story = Story()
    need = story.irpin_asks(funding(1, "100.00"))
    suspended = ProjectSuspended(
        need_id=need, authority_id=IRPIN, cause="security", reason="shelling"
    )
    story.hear(handlers.on_need_posted, suspended)
    story.pledges(CASCAIS, funding(1, "100.00"))
    assert story.round() == []
    resumed = ProjectResumed(need_id=need, authority_id=IRPIN, reason="quiet again")
    story.hear(handlers.on_need_posted, resumed)
    assert len(story.round()) == 1


def test_pledge_whose_last_day_has_passed_is_released_and_expires_once() -> None:
    """Its proposal is free again for nobody; what expired is said once."""
    story = Story()
    story.irpin_asks(funding(1, "100.00"))
    pledge = story.pledges(CASCAIS, funding(1, "150.00"))
    story.round()
    ended = story.states["pledges"][pledge.id].model_copy(update={"valid_until": "2023-08-31"})
    story.states["pledges"][pledge.id] = ended
    assert story.do(commands.expire_pledges) == 1
    balance = story.pledge(pledge).balance(1)
    assert (balance.available, balance.reserved, balance.expired) == (0, 0, 150_00)
    assert story.names()[-2:] == ["match-released", "pledge-expired"]
    assert story.do(commands.expire_pledges) == 0
    assert story.round() == []


def test_completed_project_is_matched_no_more() -> None:
    """Nothing new is proposed for it."""
    story = Story()
    need = story.irpin_asks(funding(1, "100.00"))
    story.hear(handlers.on_need_closed, completed(need))
    story.pledges(CASCAIS, funding(1, "100.00"))
    assert story.round() == []


def test_delivery_is_of_a_day_that_has_been() -> None:
    """Not of tomorrow; today is allowed."""
    story = Story()
    story.irpin_asks(funding(1, "100.00"))
    story.pledges(CASCAIS, funding(1, "100.00"))
    (match,) = story.round()
    story.agree(match)
    with pytest.raises(InvalidInput) as refused:
        story.do(commands.deliver, match.id, Deliver(date="2023-09-02", scope="all"), by=IRPIN)
    assert refused.value.facts["field"] == "/date"
    today = Deliver(date="2023-09-01", scope="all")
    assert story.do(commands.deliver, match.id, today, by=IRPIN).status == "delivered"


def test_accepting_after_the_other_side_declined_gives_no_offer() -> None:
    """Decline, then accept, gave two offers elsewhere."""
    story = Story()
    story.irpin_asks(funding(1, "100.00"))
    story.pledges(CASCAIS, funding(1, "100.00"))
    (match,) = story.round()
    story.do(commands.decline_match, match.id, Because(reason="no"), by=IRPIN)
    with pytest.raises(MatchClosed):
        story.do(commands.accept_match, match.id, by=CASCAIS)


def the_rates(day: str = "2023-08-31", rate: str = "40") -> SetRates:
    """Rates of a day."""
    return SetRates.model_validate({"date": day, "source": "ECB", "per_eur": {"UAH": rate}})


def test_day_that_is_in_no_calendar_is_not_even_a_command() -> None:
    """Neither of rates nor of a delivery: digits in the right places are not a day."""
    with pytest.raises(ValidationError):
        the_rates("2023-02-30")
    with pytest.raises(ValidationError):
        Deliver(date="2023-02-30", scope="all")


def test_match_keeps_the_rate_it_was_made_by() -> None:
    """New rates change later matches, not those that exist."""
    story = Story()
    story.do(commands.set_rates, the_rates(rate="40"), roles=["operator"])
    story.irpin_asks(funding(1, "1.00"))
    story.pledges(CASCAIS, funding(1, "1000.00", "UAH"))
    (before,) = story.round()
    story.do(commands.set_rates, the_rates(rate="50"), roles=["operator"])
    story.irpin_asks(funding(1, "1.00"), number=2)
    (after,) = story.round()
    assert story.match(before).reserved == money("40.00", "UAH")
    assert after.reserved == money("50.00", "UAH")
    assert story.match(before).rate != after.rate


def test_rates_are_of_a_day_that_has_come() -> None:
    """A quotation of tomorrow is refused at its date."""
    story = Story()
    for day, good in (("2023-09-01", True), ("2023-09-02", False), ("1023-09-01", False)):
        command = SetRates.model_validate(
            {"date": day, "source": "ECB", "per_eur": {"UAH": "40.1234"}}
        )
        if good:
            story.do(commands.set_rates, command)
            continue
        with pytest.raises(InvalidInput) as refused:
            story.do(commands.set_rates, command)
        assert refused.value.facts["field"] == "/date"
