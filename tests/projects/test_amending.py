"""What an owner may change of a need, and what stays because a partner is committed to it."""

from typing import Any

import pytest

from services.projects import asking, commands, handlers, model
from services.projects.commands import AmendNeed, PostNeed, WithdrawNeed
from services.projects.knowledge import Commitment
from services.projects.model import NeedCommitted
from services.projects.store import RECORDS
from shared.errors import InvalidInput
from shared.events.facts import RequirementLine
from shared.events.ids import MatchId, PledgeId
from shared.events.matches import MatchAgreed, MatchReleased
from shared.events.members import MemberAdmitted, MemberApplied
from tests.given import IRPIN_CHAIN, Notebook, an_id, funding, goods, money, services
from tests.projects.samples import CASCAIS, IRPIN, LITHUANIA, NEED, a_need, committed

BOILERS = goods(2, "boiler", 2)


POST = PostNeed(
    place=IRPIN_CHAIN[0],
    sector="education",
    project_type="rehabilitation",
    title={"uk": "Дитячий садок"},
    lines=(funding(1, "500000.00"),),
)


def irpin_applied() -> MemberApplied:
    """What projects hears of Irpin first."""
    return MemberApplied(
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


def amended(*lines: RequirementLine, agreed: list[Commitment] | None = None) -> model.Need:
    """The need after its lines were amended."""
    need = a_need()
    return model.evolve(need, asking.amend(need, IRPIN, agreed or [], "plans changed", lines, None))


def test_amendment_says_what_was_and_what_is() -> None:
    """Before and after are both recorded, and only of what changed."""
    event = asking.amend(a_need(), IRPIN, [], "worse than thought", None, "critical")
    assert (event.urgency_before, event.urgency) == ("normal", "critical")
    assert (event.lines_before, event.lines) == (None, None)
    lines = (funding(1, "600000.00"), BOILERS)
    event = asking.amend(a_need(), IRPIN, [], "dearer", lines, None)
    assert (event.lines_before, event.lines) == (a_need().lines, lines)
    assert (event.urgency_before, event.urgency) == (None, None)


def test_amendment_of_nothing_is_refused() -> None:
    """There must be lines or an urgency."""
    with pytest.raises(InvalidInput):
        asking.amend(a_need(), IRPIN, [], "no reason", None, None)


def test_line_may_grow_shrink_or_be_added_while_nothing_is_agreed() -> None:
    """Amounts are the owner's, and so are new lines."""
    day = services(3, "structural-engineer", 10)
    need = amended(funding(1, "0.01"), goods(2, "boiler", 9), day)
    assert need.lines == (funding(1, "0.01"), goods(2, "boiler", 9), day)


@pytest.mark.parametrize(
    "lines",
    [
        (funding(1, "500000.00"),),
        (funding(1, "500000.00", "UAH"), BOILERS),
        (funding(1, "500000.00"), goods(2, "generator", 2)),
        (funding(1, "500000.00"), goods(2, "boiler", 2, "set")),
        (funding(1, "500000.00"), services(2, "boiler", 2)),
        (funding(3, "500000.00"), BOILERS),
    ],
    ids=["gone", "other currency", "other category", "other unit", "other kind", "renumbered"],
)
def test_line_neither_vanishes_nor_changes_what_it_counts(
    lines: tuple[RequirementLine, ...],
) -> None:
    """A match names its line by number: it must stay, of the same kind, category and unit."""
    with pytest.raises(InvalidInput) as refused:
        amended(*lines)
    assert refused.value.facts["field"] == "/lines"


def test_what_is_agreed_stays_covered() -> None:
    """Two agreements of 300,000 and 100,000: 400,000 is the least the line can be."""
    agreed = [committed("300000.00"), committed("100000.00", partner_id=LITHUANIA)]
    assert amended(funding(1, "400000.00"), BOILERS, agreed=agreed).lines[0].amount == money(
        "400000.00"
    )
    with pytest.raises(NeedCommitted) as refused:
        amended(funding(1, "399999.99"), BOILERS, agreed=agreed)
    assert refused.value.facts["allowed"] == {"minimum": "EUR 400,000.00"}


def test_agreement_on_one_line_does_not_hold_another() -> None:
    """Money agreed for line 1 says nothing about the boilers of line 2."""
    agreed = [committed("500000.00")]
    assert amended(funding(1, "500000.00"), goods(2, "boiler", 1), agreed=agreed)


def test_need_to_which_partners_are_committed_cannot_be_withdrawn() -> None:
    """One agreement is enough; none, and it can be."""
    with pytest.raises(NeedCommitted):
        asking.withdraw(a_need(), IRPIN, [committed()], "built elsewhere")
    event = asking.withdraw(a_need(), IRPIN, [], "built elsewhere")
    assert event.reason == "built elsewhere"


def test_line_amended_below_an_agreement_made_at_the_same_moment_is_raised_to_it() -> None:
    """Irpin cut 500,000 to 200,000 while 300,000 was being agreed: it is 300,000."""
    need = amended(funding(1, "200000.00"), BOILERS)
    (event,) = asking.honour(need, [committed("300000.00")])
    assert event.lines_before == need.lines
    assert model.evolve(need, event).lines == (funding(1, "300000.00"), BOILERS)


def test_several_agreements_are_honoured_together() -> None:
    """The line is raised to their sum, and boilers to theirs."""
    need = amended(funding(1, "100.00"), goods(2, "boiler", 1))
    boilers = committed(partner_id=LITHUANIA, need_line=2).model_copy(
        update={"covers": BOILERS.amount}
    )
    agreed = [committed("300000.00"), committed("0.01", id=an_id(MatchId, "cent")), boilers]
    (event,) = asking.honour(need, agreed)
    assert event.lines == (funding(1, "300000.01"), BOILERS)


@pytest.mark.parametrize("covers", ["300000.00", "500000.00"])
def test_need_that_holds_what_is_agreed_is_not_amended(covers: str) -> None:
    """Nothing to honour, nothing recorded."""
    assert asking.honour(a_need(), [committed(covers)]) == []


def test_agreement_that_arrives_after_the_cut_raises_the_need() -> None:
    """Learning of the agreement records the amendment, and the need cannot be withdrawn since."""
    book = Notebook(RECORDS)
    book.hear(handlers.on_member, irpin_applied())
    admission = MemberAdmitted(member_id=IRPIN, role="member", reason="known")
    book.hear(handlers.on_member, admission)
    need = book.do(commands.post_need, POST, by=IRPIN)
    cut = AmendNeed(reason="cheaper", lines=(funding(1, "200000.00"),))
    book.do(commands.amend_need, need.id, cut, by=IRPIN)
    agreement = MatchAgreed(
        match_id=committed().id,
        pledge_id=an_id(PledgeId, "half a million"),
        pledge_line=1,
        partner_id=CASCAIS,
        need_id=need.id,
        need_line=1,
        authority_id=IRPIN,
        reserved=money("300000.00"),
        covers=money("300000.00"),
    )
    book.hear(handlers.on_match_agreed, agreement)
    assert book.states["needs"][need.id].lines == (funding(1, "300000.00"),)
    with pytest.raises(NeedCommitted):
        book.do(commands.withdraw_need, need.id, WithdrawNeed(reason="no"), by=IRPIN)


def test_agreement_that_arrives_after_the_withdrawal_changes_nothing() -> None:
    """A cancelled need stays as it was, and once the match is released nobody is committed."""
    book = Notebook(RECORDS)
    book.hear(handlers.on_member, irpin_applied())
    admission = MemberAdmitted(member_id=IRPIN, role="member", reason="known")
    book.hear(handlers.on_member, admission)
    need = book.do(commands.post_need, POST, by=IRPIN)
    book.do(commands.withdraw_need, need.id, WithdrawNeed(reason="built"), by=IRPIN)
    recorded = book.recorded()
    ends: dict[str, Any] = {
        "match_id": committed().id,
        "pledge_id": an_id(PledgeId, "half a million"),
        "pledge_line": 1,
        "partner_id": CASCAIS,
        "need_id": need.id,
        "need_line": 1,
        "authority_id": IRPIN,
        "reserved": money("500000.00"),
        "covers": money("500000.00"),
    }
    book.hear(handlers.on_match_agreed, MatchAgreed(**ends))
    assert not book.states["commitments"][committed().id].released
    release = MatchReleased(**ends, cause="need-withdrawn", was="agreed", reason="built")
    book.hear(handlers.on_match_released, release)
    assert book.states["commitments"][committed().id].released
    assert book.recorded() == recorded


def test_release_of_a_mere_proposal_is_no_news_for_a_need() -> None:
    """What was never agreed was no commitment: nothing is folded from its release."""
    book = Notebook(RECORDS)
    release = MatchReleased(
        match_id=committed().id,
        pledge_id=an_id(PledgeId, "half a million"),
        pledge_line=1,
        partner_id=CASCAIS,
        need_id=NEED,
        need_line=1,
        authority_id=IRPIN,
        reserved=money("1.00"),
        covers=money("1.00"),
        cause="pledge-withdrawn",
        was="proposed",
        reason="changed our mind",
    )
    book.hear(handlers.on_match_released, release)
    assert book.states["commitments"] == {}
