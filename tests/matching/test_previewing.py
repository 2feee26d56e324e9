"""What would happen if a pledge were made: decided as a round would, and nothing is recorded."""

import time
from typing import Any

import pytest

from services.matching import previewing
from services.matching.engine import decide
from services.matching.model import NotAPartner
from services.matching.previewing import Preview, PreviewPledge
from shared.errors import InvalidInput, NotYours
from shared.events.ids import MemberId, NeedId
from shared.events.pledges import Earmark
from shared.lines import Line
from tests.given import funding, goods, offered
from tests.matching.samples import CASCAIS, IRPIN, LITHUANIA
from tests.matching.story import Story


def suppose(
    story: Story, *lines: Line, by: MemberId | None = CASCAIS, **more: Any
) -> previewing.Supposed:
    """A pledge that is supposed, as a member or an operator."""
    facts: dict[str, Any] = {"title": {"en": "Supposed"}, "lines": offered(*lines)} | more
    roles = ["member"] if by else ["operator"]
    return story.do(previewing.suppose, PreviewPledge(**facts), by=by, roles=roles)


def preview(story: Story, *lines: Line, **more: Any) -> Preview:
    """What would come of it."""
    supposed = suppose(story, *lines, **more)
    problem = supposed.market.problem(supposed.today)
    return previewing.preview(supposed, problem, decide(problem))


def test_preview_proposes_what_the_next_round_proposes_once_the_pledge_is_made() -> None:
    """The same need, amounts, tier and score; before that nothing is recorded or changed."""
    story = Story()
    need = story.irpin_asks(funding(1, "300.00"))
    before = story.documents(), story.recorded()
    found = preview(story, funding(1, "500.00"))
    assert (story.documents(), story.recorded()) == before
    (match,) = found.matches
    assert (match.need_id, str(match.reserved)) == (need, "EUR 300.00")
    story.pledges(CASCAIS, funding(1, "500.00"))
    (made,) = story.round()
    assert (made.need_id, made.reserved, made.covers) == (need, match.reserved, match.covers)
    assert made.explanation.tier == match.explanation.tier
    assert made.explanation.score == match.explanation.score


def test_what_is_left_is_said_with_the_reasons_why() -> None:
    """Of money 200 stay; the truck finds only requirement lines of another kind."""
    story = Story()
    story.irpin_asks(funding(1, "300.00"))
    found = preview(story, funding(1, "500.00"), goods(2, "truck", 1))
    assert [(n.pledge_line, str(n.left)) for n in found.left] == [
        (1, "EUR 200.00"),
        (2, "1 × piece"),
    ]
    assert found.left[1].reasons == {"other-kind": 1}
    assert "Of line 1, 200.00 EUR would stay available." in found.sentences.en
    assert len(found.sentences.en) == len(found.sentences.uk)


def test_proposal_of_a_lower_tier_gives_way_in_a_preview_and_stands_afterwards() -> None:
    """An earmark for the need displaces a proposal that nobody has accepted."""
    story = Story()
    need = story.irpin_asks(funding(1, "300.00"))
    story.pledges(LITHUANIA, funding(1, "300.00"))
    (standing,) = story.round()
    time.sleep(0.002)  # what is made in the same millisecond has not newly arrived
    found = preview(story, funding(1, "300.00"), earmark=Earmark(need_id=need))
    assert [g.match_id for g in found.gives_way] == [standing.id]
    assert [m.need_id for m in found.matches] == [need]
    assert story.match(standing).status == "proposed"


def test_pledge_that_would_get_nothing_hears_to_whom_it_lost() -> None:
    """Lithuania's pledge waits for the same round and was there first."""
    story = Story()
    need = story.irpin_asks(funding(1, "300.00"))
    story.pledges(LITHUANIA, funding(1, "300.00"))
    found = preview(story, funding(1, "300.00"))
    assert found.matches == ()
    (left,) = found.left
    assert (left.outbid, [a.need_id for a in left.lost]) == (1, [need])


def test_operator_says_by_which_partner_and_a_member_only_itself() -> None:
    """On behalf of a partner; without one, or of another's, it is refused."""
    story = Story()
    supposed = suppose(story, funding(1, "1.00"), by=None, partner_id=CASCAIS)
    assert supposed.pledge.partner_id == CASCAIS
    assert suppose(story, funding(1, "1.00"), partner_id=CASCAIS).pledge.partner_id == CASCAIS
    with pytest.raises(InvalidInput):
        suppose(story, funding(1, "1.00"), by=None)
    with pytest.raises(NotYours):
        suppose(story, funding(1, "1.00"), partner_id=LITHUANIA)


def test_pledge_that_could_not_be_made_is_refused_as_it_would_be() -> None:
    """By whom, and with what, as when it is made."""
    story = Story()
    with pytest.raises(NotAPartner):
        suppose(story, funding(1, "1.00"), by=IRPIN)
    with pytest.raises(InvalidInput):
        suppose(story, funding(1, "1.00"), valid_until="2020-01-01")
    unknown = Earmark(need_id=NeedId("01818ba0-0003-7002-8000-00000000ffff"))
    with pytest.raises(InvalidInput):
        suppose(story, funding(1, "1.00"), earmark=unknown)
