"""What becomes of a proposal that is not answered, and of a pair that was answered by a no."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from services.matching import by_hand, commands, lapsing, matches
from services.matching.commands import AmendPledge, Because, Deliver
from services.matching.histories import History
from services.matching.matches import Match, MatchClosed
from shared.events.facts import RequirementLine
from shared.events.ids import MatchId, MemberId
from shared.events.matches import Amendments
from shared.lines import Line
from tests.given import funding, money, numbered, offered
from tests.matching.samples import (
    CASCAIS,
    IRPIN,
    a_match,
    a_need,
    a_pledge,
    after,
    agreed,
    proposed,
)
from tests.matching.story import Story
from tests.matching.test_commands import amended

DAYS = 14.0
REMIND = 3.0


def a_proposal(
    story: Story, line: Line | None = None, asked: RequirementLine | None = None
) -> Match:
    """Cascais pledges, Irpin asks, and Cascais proposes the match by hand."""
    pledge = story.pledges(CASCAIS, line or funding(1, "500.00"))
    need = story.irpin_asks(asked or funding(1, "300.00"))
    command = by_hand.ProposeMatch(
        pledge_id=pledge.id, pledge_line=1, need_id=need, need_line=1, reason="the mayors met"
    )
    return story.do(by_hand.propose_match, command, DAYS, by=CASCAIS)


def days_pass(story: Story, days: float) -> None:
    """Time goes on, and the worker looks."""
    story.now += timedelta(days=days)
    assert story.do(lapsing.look, REMIND) is False


def history(story: Story, member: MemberId) -> History:
    """What is known of a member's matches."""
    found: dict[str, History] = story.states["histories"]
    return found.get(member, History(id=member))


def test_proposal_says_when_it_lapses() -> None:
    """Fourteen days after it was proposed, to the second, in UTC."""
    story = Story()
    match = a_proposal(story)
    assert match.lapses_at is not None
    assert datetime.fromisoformat(match.lapses_at) == story.now + timedelta(days=14)


def test_proposal_that_nobody_answers_lapses_and_frees_both_sides() -> None:
    """Not at its last moment, but after it; pledge line and requirement line are free again."""
    story = Story()
    match = a_proposal(story)
    days_pass(story, DAYS)
    assert story.match(match).status == "proposed"
    days_pass(story, 0.001)
    ended = story.match(match)
    assert (ended.status, ended.live) == ("lapsed", False)
    (pledge,) = story.states["pledges"].values()
    assert (pledge.balance(1).reserved, pledge.balance(1).available) == (0, 50_000)
    assert story.states["coverages"][match.need_id].line(1).taken == 0
    days_pass(story, 30)
    assert story.names().count("match-lapsed") == 1


def test_reminder_comes_once_and_names_who_is_silent() -> None:
    """From three days before; Irpin has accepted, so Cascais is reminded."""
    story = Story()
    match = a_proposal(story)
    story.do(commands.accept_match, match.id, by=IRPIN)
    days_pass(story, 10.9)
    assert "match-lapses-soon" not in story.names()
    days_pass(story, 0.2)
    days_pass(story, 1)
    assert story.names().count("match-lapses-soon") == 1
    reminder = matches.remind(story.match(match))
    assert reminder.silent == (CASCAIS,)
    assert reminder.lapses_at == match.lapses_at


@pytest.mark.parametrize("how", ["agreed", "declined"])
def test_proposal_that_was_answered_neither_lapses_nor_is_reminded_of(how: str) -> None:
    """Both said yes, or one said no."""
    story = Story()
    match = a_proposal(story)
    if how == "agreed":
        story.agree(match)
    else:
        story.do(commands.decline_match, match.id, Because(reason="no"), by=IRPIN)
    days_pass(story, 12)
    days_pass(story, 30)
    assert story.match(match).status == how
    assert not {"match-lapsed", "match-lapses-soon"} & set(story.names())


def test_proposal_without_a_deadline_never_lapses() -> None:
    """What was proposed before there were deadlines stands until it is answered."""
    story = Story()
    need, pledge = story.irpin_asks(funding(1, "1.00")), story.pledges(CASCAIS, funding(1, "1.00"))
    story.fold(proposed(money("1.00"), need_id=need, pledge_id=pledge.id))
    (match,) = story.states["matches"].values()
    assert match.lapses_at is None
    days_pass(story, 1000)
    assert story.match(match).status == "proposed"


def test_what_lapses_of_a_withdrawn_pledge_is_withdrawn() -> None:
    """As a decline: nothing of a closed pledge is available again."""
    match = a_match()
    pledge = a_pledge(funding(1, "500000.00")).model_copy(update={"status": "withdrawn"})
    story = Story()
    evolve = next(c for c in story.records.collections if c.name == "pledges").evolve
    reserved = pledge.balances[0].model_copy(update={"reserved": 50_000_000})
    held = pledge.model_copy(update={"balances": (reserved,)})
    balance = evolve(held, matches.lapse(match, Amendments())).balance(1)
    assert (balance.reserved, balance.withdrawn, balance.available) == (0, 50_000_000, 0)


@pytest.mark.parametrize("status", ["agreed", "declined", "lapsed"])
def test_only_a_proposal_lapses(status: str) -> None:
    """An agreement stands, an end is an end."""
    match = a_match()
    ends: dict[str, Any] = {
        "agreed": agreed(match),
        "declined": after(match, matches.decline(match, IRPIN, "no")),
        "lapsed": after(match, matches.lapse(match, Amendments())),
    }
    with pytest.raises(MatchClosed):
        matches.lapse(ends[status], Amendments())


def test_worker_takes_a_batch_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """And says that there may be more, earliest first."""
    monkeypatch.setattr(lapsing, "AT_ONCE", 1)
    story = Story()
    first = a_proposal(story)
    story.now += timedelta(days=1)
    pledge = story.pledges(CASCAIS, funding(1, "500.00"))
    need = story.irpin_asks(funding(1, "300.00"), number=2)
    command = by_hand.ProposeMatch(
        pledge_id=pledge.id, pledge_line=1, need_id=need, need_line=1, reason="again"
    )
    second = story.do(by_hand.propose_match, command, DAYS, by=CASCAIS)
    story.now += timedelta(days=100)
    found = []
    while story.do(lapsing.look, REMIND):
        found.append([story.match(m).status for m in (first, second)])
    assert found == [["lapsed", "proposed"], ["lapsed", "lapsed"]]


@pytest.mark.parametrize("how", ["declined", "lapsed"])
@pytest.mark.parametrize("side", ["pledge", "need"])
def test_pair_that_was_declined_or_lapsed_is_barred_until_one_side_is_amended(
    how: str, side: str
) -> None:
    """An amendment before the answer is no reason to ask again; one after it is."""
    story = Story()
    match = a_proposal(story)

    def amend() -> None:
        if side == "pledge":
            command = AmendPledge(lines=offered(funding(1, "600.00")), reason="more")
            story.do(commands.amend_pledge, match.pledge_id, command, by=CASCAIS)
        else:
            story.hears(amended(match.need_id, funding(1, "400.00")))

    def barred() -> bool:
        states = story.states
        pledge, need = states["pledges"][match.pledge_id], states["requirements"][match.need_id]
        return matches.bars(story.match(match), pledge, need)

    amend()
    assert barred()
    if how == "declined":
        story.do(commands.decline_match, match.id, Because(reason="no"), by=IRPIN)
    else:
        days_pass(story, 15)
    assert story.match(match).status == how
    assert barred()
    amend()
    assert not barred()


def test_live_match_bars_its_pair_and_a_released_one_does_not() -> None:
    """Whatever was amended."""
    pledge, need = a_pledge(funding(1, "1.00")), a_need(funding(1, "1.00"))
    for live in (a_match(), agreed(a_match())):
        assert matches.bars(live, pledge.model_copy(update={"amendments": 3}), need)
    released = after(a_match(), matches.release(a_match(), "need-amended", "less"))
    assert not matches.bars(released, pledge, need)


def test_members_record_counts_what_was_delivered_declined_and_left_unanswered() -> None:
    """Delivered counts for both once all has arrived; a no for who said it; a lapse for the silent
    side only."""
    story = Story()
    match = a_proposal(story)
    story.agree(match)
    for amount in (money("100.00"), None):
        assert history(story, CASCAIS).delivered == 0
        part = Deliver(amount=amount, date="2023-08-31", scope="windows")
        story.do(commands.deliver, match.id, part, by=IRPIN)
    assert (history(story, CASCAIS).delivered, history(story, IRPIN).delivered) == (1, 1)

    story = Story()
    match = a_proposal(story)
    story.do(commands.decline_match, match.id, Because(reason="no"), by=IRPIN)
    assert (history(story, CASCAIS).declined, history(story, IRPIN).declined) == (0, 1)

    story = Story()
    match = a_proposal(story)
    story.do(commands.accept_match, match.id, by=CASCAIS)
    days_pass(story, 15)
    assert (history(story, CASCAIS).lapsed, history(story, IRPIN).lapsed) == (0, 1)


def test_proposal_gives_way_to_a_higher_tier_only_while_nobody_has_accepted() -> None:
    """And names the match that takes its place."""
    other = numbered(MatchId, 2)
    event = matches.release(a_match(), "displaced", "earmarked for this need", other)
    assert (event.cause, event.was, event.displaced_by) == ("displaced", "proposed", other)
    assert after(a_match(), event).status == "released"
    for by in (CASCAIS, IRPIN):
        waiting = after(a_match(), *matches.accept(a_match(), by))
        with pytest.raises(MatchClosed):
            matches.release(waiting, "displaced", "earmarked for this need", other)
    with pytest.raises(MatchClosed):
        matches.release(agreed(a_match()), "displaced", "earmarked for this need", other)
