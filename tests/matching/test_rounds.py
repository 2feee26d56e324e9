"""What changes between taking stock and writing is left out of a round, and the rest proposed."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from services.matching import by_hand, commands, handlers, rounds
from services.matching.by_hand import ProposeMatch
from services.matching.commands import AmendPledge, Because, MakePledge
from services.matching.engine import decide
from services.matching.matches import Match
from services.matching.model import Pledge
from shared.events.ids import NeedId
from shared.events.members import MemberSuspended
from shared.events.pledges import Earmark
from shared.lines import minor_units
from tests.given import funding, offered
from tests.matching.samples import CASCAIS, IRPIN, LITHUANIA
from tests.matching.story import Story
from tests.matching.test_commands import amended, withdrawn


class Interrupted(Story):
    """Two pledges for two needs, and a round that is decided before something happens."""

    def __init__(self) -> None:
        super().__init__()
        self.first = self.irpin_asks(funding(1, "100.00"), number=1)
        self.second = self.irpin_asks(funding(1, "70.00"), number=2)
        self.big = self.pledges(CASCAIS, funding(1, "100.00"))
        self.small = self.pledges(LITHUANIA, funding(1, "70.00"))

    def round_after(self, change: Callable[[], Any]) -> list[tuple[str, str]]:
        """(partner, need) of what is proposed although something changed meanwhile."""
        stock = self.do(rounds.take_stock)
        assert stock is not None
        solution = decide(stock.problem)
        change()
        before = set(self.states["matches"])
        for part in rounds.parts(stock, solution, 0, 14):
            self.do(part)
        new = [m for key, m in self.states["matches"].items() if key not in before]
        return [(_name(m), m.need_id[-1]) for m in new]

    def adds_up(self) -> None:
        """No side is exceeded, and what is held is what live matches hold."""
        live: list[Match] = [m for m in self.states["matches"].values() if m.live]
        for pledge in self.states["pledges"].values():
            for b in pledge.balances:
                held = [m for m in live if (m.pledge_id, m.pledge_line) == (pledge.id, b.line.line)]
                assert b.reserved == sum(minor_units(m.reserved) for m in held)
                assert b.available >= 0
        for need in self.states["requirements"].values():
            covered = self.states["coverages"].get(need.id)
            for line in need.lines:
                taken = covered.line(line.line).taken if covered else 0
                assert taken <= minor_units(line.amount)


def _name(match: Match) -> str:
    return "Cascais" if match.partner_id == CASCAIS else "Lithuania"


BOTH = [("Cascais", "1"), ("Lithuania", "2")]


def changes() -> dict[str, tuple[Callable[[Interrupted], Any], list[tuple[str, str]]]]:
    """What happens meanwhile, and what is proposed nevertheless."""
    return {
        "nothing": (lambda s: None, BOTH),
        "pledge withdrawn": (
            lambda s: s.do(commands.withdraw_pledge, s.big.id, Because(reason="no"), by=CASCAIS),
            BOTH[1:],
        ),
        "pledge amended": (
            lambda s: s.do(
                commands.amend_pledge,
                s.small.id,
                AmendPledge(lines=offered(funding(1, "80.00")), reason="more"),
                by=LITHUANIA,
            ),
            BOTH[:1],
        ),
        "need amended": (
            lambda s: s.hear(handlers.on_need_amended, amended(s.second, funding(1, "90.00"))),
            BOTH[:1],
        ),
        "need withdrawn": (
            lambda s: s.hear(handlers.on_need_closed, withdrawn(s.first)),
            BOTH[1:],
        ),
        "partner suspended": (
            lambda s: s.hears(MemberSuspended(member_id=LITHUANIA, reason="no answers")),
            BOTH[:1],
        ),
        "authority suspended": (
            lambda s: s.hears(MemberSuspended(member_id=IRPIN, reason="no answers")),
            [],
        ),
        "the same pair by hand": (lambda s: by_the_hand(s, s.big, s.first), BOTH[1:]),
        "another pair by hand": (lambda s: by_the_hand(s, s.small, s.first), []),
        "a part by hand": (lambda s: by_the_hand(s, s.big, s.second), []),
    }


def by_the_hand(story: Story, pledge: Pledge, need: NeedId) -> Match:
    """The mayors met."""
    command = ProposeMatch(
        pledge_id=pledge.id, pledge_line=1, need_id=need, need_line=1, reason="the mayors met"
    )
    return story.do(by_hand.propose_match, command, 14, by=pledge.partner_id)


@pytest.mark.parametrize("change", changes())
def test_what_changed_meanwhile_is_left_out_and_the_rest_is_proposed(change: str) -> None:
    """And no amount is ever moved twice; another round then settles what is left."""
    what, proposed = changes()[change]
    story = Interrupted()
    assert story.round_after(lambda: what(story)) == proposed
    story.adds_up()
    for _ in range(3):
        story.round()
        story.adds_up()
    assert story.round() == []


class Displacing(Interrupted):
    """A round's proposals stand, and an earmarked pledge arrives for the first need."""

    def __init__(self) -> None:
        super().__init__()
        self.stood, _ = self.round()
        time.sleep(0.002)  # ids tell moments apart by the millisecond
        command = MakePledge(
            title={"en": "For Irpin"},
            lines=offered(funding(1, "100.00")),
            earmark=Earmark(need_id=self.first),
        )
        self.better = self.do(commands.make_pledge, command, by=LITHUANIA)


def test_displaced_proposal_is_released_and_says_for_which() -> None:
    """In the same transaction as the new one."""
    story = Displacing()
    assert story.round_after(lambda: None) == [("Lithuania", "1")]
    (new,) = [m for m in story.states["matches"].values() if m.pledge_id == story.better.id]
    assert story.match(story.stood).status == "released"
    (told,) = [e for e in story.logs["matching"] if e.name == "match-released"]
    assert '"cause":"displaced"' in told.data
    assert f'"displaced_by":"{new.id}"' in told.data
    assert story.names()[-3:] == ["matching-round-completed", "match-released", "match-proposed"]
    story.adds_up()


def test_proposal_that_somebody_accepted_meanwhile_is_not_displaced() -> None:
    """The yes came first: the round's proposal is left out, and no round comes back to it."""
    story = Displacing()
    yes = story.stood
    found = story.round_after(lambda: story.do(commands.accept_match, yes.id, by=CASCAIS))
    assert found == []
    assert story.match(yes).status == "proposed"
    story.adds_up()
    assert story.round() == []


def test_proposal_that_ended_meanwhile_makes_room_by_itself() -> None:
    """It was declined: there is nothing to displace, and the award is proposed."""
    story = Displacing()
    no = Because(reason="the council said no")
    found = story.round_after(
        lambda: story.do(commands.decline_match, story.stood.id, no, by=CASCAIS)
    )
    assert found == [("Lithuania", "1")]
    assert story.match(story.stood).status == "declined"
    story.adds_up()


def test_round_that_is_asked_for_is_recorded_whatever_it_decides() -> None:
    """An operator asked: the round says that it found nothing."""
    story = Story()
    asked = story.do(
        rounds.ask_for_round, rounds.AskForRound(reason="the board meets"), roles=["operator"]
    )
    assert story.round() == []
    done = story.states["rounds"][asked.id]
    assert (done.status, done.reason, done.decision.matches) == ("completed", "the board meets", 0)
    assert story.do(rounds.take_stock) is None
