"""Whatever partners, authorities and operators do, in any order: the amounts add up.

A Hypothesis state machine runs matching's own commands and rounds on a notebook instead of a
store. What domain.md promises is checked at every single event, not only at the end.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, get_args

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from services.matching import by_hand, commands, handlers, lapsing, matches, rounds
from services.matching.by_hand import ProposeMatch
from services.matching.commands import AmendPledge, Because, Deliver, MakePledge, SetRates
from services.matching.engine import Solution, decide
from services.matching.engine.rule import TIERS
from services.matching.matches import Match
from services.matching.model import Pledge
from services.matching.rounds import Stock
from services.matching.store import RECORDS
from shared.errors import NotFound, Refused
from shared.events.envelope import rfc3339
from shared.events.facts import PledgeLine, Urgency
from shared.events.ids import MatchId, MemberId, NeedId, PartnershipId
from shared.events.matches import (
    ContributionDelivered,
    MatchAccepted,
    MatchAgreed,
    MatchDeclined,
    MatchLapsed,
    MatchLapsesSoon,
    MatchProposed,
    MatchReleased,
    NeedCovered,
    OfMatch,
)
from shared.events.members import (
    MemberAdmitted,
    MemberApplied,
    MemberLeft,
    MemberReinstated,
    MemberSuspended,
    PartnershipConfirmed,
    PartnershipDeclared,
)
from shared.events.pledges import PledgeAmended, PledgeMade, PledgeWithdrawn
from shared.events.projects import (
    NeedAmended,
    NeedPosted,
    NeedWithdrawn,
    ProjectCancelled,
    ProjectCompleted,
    ProjectResumed,
    ProjectSuspended,
)
from shared.events.registry import Event
from shared.lines import Line, minor_units, of_minor_units
from shared.log import Records
from shared.replay import in_order, replay, state_hash
from tests.given import (
    IRPIN_CHAIN,
    Notebook,
    an_id,
    funding,
    goods,
    money,
    offered,
    patience,
)

AUTHORITIES = [an_id(MemberId, name) for name in ("Irpin", "Borodianka")]
PARTNERS = [an_id(MemberId, name) for name in ("Cascais", "Lithuania", "Celle")]
DECIMALS = {"EUR": 2, "UAH": 2, "JPY": 0, "KWD": 3}
ENDS = ("delivered", "declined", "lapsed", "released")
LAPSE, REMINDER = 2.0, 1.0
"""Days after which a proposal lapses, and before that in which it is reminded of."""

pick = st.integers(0, 11)
cents = st.integers(1, 30) | st.integers(1, 10**8)
trucks = st.integers(1, 6)
currencies = st.sampled_from(sorted(DECIMALS))
a_rate = st.sampled_from(["40.1234", "0.3127", "160.55", "7"]) | st.integers(1, 10**9).map(
    lambda n: f"{n // 10**4}.{n % 10**4:04}"
)
some_rates = st.fixed_dictionaries({"UAH": a_rate, "JPY": a_rate, "KWD": a_rate})


def the_lines(currency: str, amount: int, pieces: int, each: int = 0) -> tuple[Any, Any]:
    """One line of money and one of trucks, `each` of which may be given as so much money."""
    sum_of = of_minor_units(amount, money("1", currency))
    line = funding(1, "1", currency).model_copy(update={"amount": sum_of})
    value = of_minor_units(each, sum_of) if each else None
    return line, goods(2, "truck", pieces).model_copy(update={"unit_value": value})


class Checked(Notebook):
    """Matching's notebook, which looks at every event before and after it is recorded."""

    def __init__(self, records: Records) -> None:
        super().__init__(records)
        self.displaced: dict[MatchId, Match] = {}

    def recording(self, event: Event) -> None:
        """What may be recorded now, by what was recorded before."""
        if isinstance(event, PledgeMade | PledgeAmended):
            assert self.states["parties"][event.partner_id].status == "admitted"
        if not isinstance(event, OfMatch):
            return
        match = self.states["matches"].get(event.match_id)
        if isinstance(event, MatchProposed):
            self._may_be_proposed(event)
            return
        assert match is not None, f"{event.type} before its match was proposed"
        assert match.status not in ENDS, f"{event.type} after the match was {match.status}"
        if isinstance(event, MatchAgreed):
            assert match.accepted == ("partner", "ukraine"), "agreed before both accepted"
        if isinstance(event, MatchAccepted | MatchDeclined | MatchLapsesSoon | MatchLapsed):
            assert match.status == "proposed"
        if isinstance(event, MatchLapsesSoon):
            assert not match.reminded
        if isinstance(event, MatchLapsed):
            assert match.lapses_at is not None
            assert match.lapses_at < rfc3339(self.now)
        if isinstance(event, MatchAccepted):
            assert self.states["parties"][event.accepted_by].status == "admitted"
        if isinstance(event, ContributionDelivered):
            assert match.status == "agreed"
        if isinstance(event, MatchReleased) and event.cause == "displaced":
            assert (match.status, match.accepted) == ("proposed", ())
            assert event.displaced_by is not None
            self.displaced[event.displaced_by] = match
        if isinstance(event, MatchReleased) and match.status == "agreed":
            assert event.cause in ("need-withdrawn", "project-cancelled")
            assert match.delivered == 0

    def _may_be_proposed(self, event: MatchProposed) -> None:
        pair = (event.pledge_id, event.pledge_line, event.need_id, event.need_line)
        pledge = self.states["pledges"][event.pledge_id]
        need = self.states["requirements"][event.need_id]
        for m in self.states["matches"].values():
            if (m.pledge_id, m.pledge_line, m.need_id, m.need_line) == pair:
                assert not m.live, "two live matches of one pair of lines"
                by_hand_or_not_declined = event.round_id is None or m.status != "declined"
                assert by_hand_or_not_declined or not matches.bars(m, pledge, need)
        assert pledge.status == "open"
        assert need.open
        for side in (event.partner_id, event.authority_id):
            assert self.states["parties"][side].status == "admitted"
        assert minor_units(event.reserved) > 0
        assert minor_units(event.covers) > 0
        self._keeps_the_terms(event)
        if lost := self.displaced.pop(event.match_id, None):
            new = [event.pledge_id, event.need_id, *self.states["twinnings"]]
            assert max(new) > lost.id, "nothing newly arrived"
            if lost.explanation.tier:
                assert _tier(event) > _tier(lost), "displaced by a pair of no higher tier"

    def _keeps_the_terms(self, event: MatchProposed) -> None:
        pledge: Pledge = self.states["pledges"][event.pledge_id]
        line, part = pledge.balance(event.pledge_line).line, minor_units(event.reserved)
        today = self.now.date().isoformat()
        assert (pledge.valid_from or "") <= today <= (pledge.valid_until or "9999-12-31")
        if line.indivisible:
            assert part == minor_units(line.amount)
        if line.minimum is not None:
            assert part >= minor_units(line.minimum)

    def folded(self, event: Event) -> None:
        """What every event must leave."""
        if isinstance(event, PledgeMade | PledgeAmended | PledgeWithdrawn | OfMatch):
            self._pledge_adds_up(self.states["pledges"][event.pledge_id])
        if isinstance(event, OfMatch):
            self._coverage_adds_up(event.need_id)
        if isinstance(event, NeedCovered):
            need = self.states["requirements"][event.need_id]
            assert self.states["coverages"][event.need_id].complete(need)

    def _pledge_adds_up(self, pledge: Pledge) -> None:
        mine = [m for m in self.states["matches"].values() if m.pledge_id == pledge.id]
        for b in pledge.balances:
            parts = (b.available, b.reserved, b.delivered, b.withdrawn, b.expired)
            assert b.pledged == sum(parts)
            assert min(parts) >= 0
            here = [m for m in mine if m.pledge_line == b.line.line]
            held = sum(minor_units(m.reserved) - m.delivered for m in here if m.live)
            assert b.reserved == held
            assert b.available == 0 or pledge.status == "open"
            assert b.delivered == sum(m.delivered for m in here)

    def _coverage_adds_up(self, need_id: NeedId) -> None:
        mine = [m for m in self.states["matches"].values() if m.need_id == need_id]
        for number, line in self.states["coverages"][need_id].lines.items():
            here = [m for m in mine if m.need_line == int(number)]
            assert line.proposed == sum(
                minor_units(m.covers) for m in here if m.status == "proposed"
            )
            assert line.agreed == sum(
                minor_units(m.covers) - m.delivered_covers for m in here if m.status == "agreed"
            )
            assert line.delivered == sum(m.delivered_covers for m in here)

    def complete(self) -> set[NeedId]:
        """The needs of which every line is agreed or delivered in full."""
        needs = self.states["requirements"]
        return {c.id for c in self.states["coverages"].values() if c.complete(needs[c.id])}

    def said_to_be_covered(self) -> list[str]:
        """The needs of which need-covered was recorded, each time it was."""
        return [e.subject for e in self.logs["matching"] if e.name == "need-covered"]

    def nothing_is_covered_beyond_what_is_asked(self) -> None:
        """After every command: a need may shrink within one, until its proposals are released."""
        for coverage in self.states["coverages"].values():
            for line in self.states["requirements"][coverage.id].lines:
                assert coverage.line(line.line).taken <= minor_units(line.amount)

    def nothing_is_open_of_who_may_not_act(self) -> None:
        """After every command: no proposal of a suspended side, a flag on each agreed match."""
        parties = self.states["parties"]
        for match in self.states["matches"].values():
            sides = (match.partner_id, match.authority_id)
            barred = {s for s in sides if parties[s].status in ("suspended", "left")}
            assert match.status != "proposed" or not barred
            assert {f.member_id for f in match.flags} == (
                barred if match.status == "agreed" else set()
            )
            for flag in match.flags:
                assert flag.cause == f"member-{parties[flag.member_id].status}"
        for pledge in self.states["pledges"].values():
            assert pledge.status != "open" or parties[pledge.partner_id].status != "left"


class AnyHistory(RuleBasedStateMachine):
    """Partners pledge, authorities ask, rounds match, and everybody changes their minds."""

    def __init__(self) -> None:
        super().__init__()
        self.book = Checked(RECORDS)
        self.suspended: set[NeedId] = set()
        self.decided: tuple[Stock, Solution] | None = None
        for member in (*AUTHORITIES, *PARTNERS):
            self.joins(member)
        self.twinned = False

    def joins(self, member: MemberId) -> None:
        """A body applies, perhaps again, and is admitted."""
        side = "ukraine" if member in AUTHORITIES else "partner"
        application = MemberApplied.model_validate(
            {
                "member_id": member,
                "side": side,
                "kind": "city",
                "organisation_id": f"XI-TEST-{member[:8]}",
                "names": {"en": member[:8]},
                "country": "UA" if side == "ukraine" else "PT",
                "principles": (),
                "principles_version": "2022-06-30",
            }
        )
        self.hears(handlers.on_member, application)
        admission = MemberAdmitted(member_id=member, role="member", reason="known")
        self.hears(handlers.on_member_admitted, admission)

    @rule()
    def twin(self) -> None:
        """A partnership is declared and confirmed, once."""
        if not self.twinned:
            sides = {
                "partnership_id": PartnershipId.new(),
                "ukrainian_id": AUTHORITIES[0],
                "partner_id": PARTNERS[1],
            }
            declared = sides | {"declared_by": PARTNERS[1], "statement": "twinned"}
            confirmed = sides | {"confirmed_by": AUTHORITIES[0]}
            self.hears(handlers.on_partnership, PartnershipDeclared.model_validate(declared))
            self.hears(handlers.on_partnership, PartnershipConfirmed.model_validate(confirmed))
        self.twinned = True

    def then(self, command: Callable[..., Any], *facts: Any, by: MemberId | None = None) -> None:
        """Run a command that may be refused, then look at what must hold between commands."""
        complete, said = self.book.complete(), self.book.said_to_be_covered()
        try:
            self.book.do(command, *facts, by=by, roles=[] if by else ["operator"])
        except NotFound as error:
            raise AssertionError(f"{command} looks for what is not there") from error
        except Refused:
            return
        self.book.nothing_is_covered_beyond_what_is_asked()
        self.book.nothing_is_open_of_who_may_not_act()
        now = sorted(self.book.complete() - complete)
        assert self.book.said_to_be_covered()[len(said) :] == now, "covered, said once"

    def hears(self, handler: Callable[..., Any], event: Event) -> None:
        """What another service says is never refused: it has happened."""
        read = sum(map(len, self.book.logs.values()))
        self.then(handler, event)
        assert sum(map(len, self.book.logs.values())) > read

    def a(self, collection: str, number: int, *statuses: str) -> Any:
        """One of a collection's states, of these statuses where there are any; None if empty."""
        found = list(self.book.states[collection].values())
        if statuses:
            found = [s for s in found if s.status in statuses]
        return found[number % len(found)] if found else None

    def arrives(self, match: Match, share: int) -> None:
        """Tenths of a match arrive, or (12) all that is to come; 11 tenths are too much."""
        part = of_minor_units(minor_units(match.reserved) * share // 10, match.reserved)
        command = Deliver(amount=part if share < 12 else None, date="2023-08-31", scope="windows")
        self.then(commands.deliver, match.id, command, by=match.authority_id)

    @initialize(
        rates=some_rates,
        asked=currencies,
        offered=currencies,
        amount=cents,
        tenths=st.integers(0, 9),
    )
    def beginning(
        self, rates: dict[str, str], asked: str, offered: str, amount: int, tenths: int
    ) -> None:
        """Two pledges for one need, perhaps a part of one by hand, and a round."""
        self.set_rates(rates)
        self.post_need(0, asked, amount, 2)
        self.make_pledge(0, offered, amount, 3)
        self.make_pledge(1, asked, amount, 1)
        self.propose_by_hand(tenths, 0, 1 + tenths % 2, tenths or None, tenths)
        self.run_round()

    @rule(rates=some_rates)
    def set_rates(self, rates: dict[str, str]) -> None:
        command = SetRates.model_validate({"date": "2023-08-31", "source": "ECB", "per_eur": rates})
        self.then(commands.set_rates, command)

    @rule(
        owner=pick,
        currency=currencies,
        amount=cents,
        pieces=trucks,
        each=st.integers(0, 20),
        urgency=st.sampled_from(get_args(Urgency)),
    )
    def post_need(
        self,
        owner: int,
        currency: str,
        amount: int,
        pieces: int,
        each: int = 0,
        urgency: Urgency = "normal",
    ) -> None:
        if len(self.book.states["requirements"]) < 3:
            event = NeedPosted(
                need_id=NeedId.new(),
                authority_id=AUTHORITIES[owner % 2],
                territory=IRPIN_CHAIN,
                sector="education",
                project_type="rehabilitation",
                title={"en": "Kindergarten"},
                lines=the_lines(currency, amount, pieces, each),
                urgency=urgency,
            )
            self.hears(handlers.on_need_posted, event)
            if owner % 2:
                self.run_round()

    @rule(
        owner=pick,
        currency=currencies,
        amount=cents,
        pieces=trucks,
        least=st.none() | st.integers(1, 11),
        days=st.none() | st.integers(0, 3),
    )
    def make_pledge(
        self,
        owner: int,
        currency: str,
        amount: int,
        pieces: int,
        least: int | None = None,
        days: int | None = None,
    ) -> None:
        """`least` tenths of a line may be taken, 11 mean all or nothing; for so many `days`."""
        last = None if days is None else self.book.now.date() + timedelta(days=days)
        command = MakePledge(
            title={"en": "For a kindergarten"},
            lines=tuple(_under(line, least) for line in the_lines(currency, amount, pieces)),
            valid_from=last.isoformat() if last and owner % 2 else None,
            valid_until=last.isoformat() if last else None,
        )
        self.then(commands.make_pledge, command, by=[*PARTNERS, AUTHORITIES[0]][owner % 4])

    @rule(days=st.integers(1, 3))
    def days_pass(self, days: int) -> None:
        """Pledges end with their last day, proposals that nobody answers in time lapse."""
        self.book.now += timedelta(days=days, seconds=1)
        self.then(commands.expire_pledges)
        self.then(lapsing.look, REMINDER)
        for match in self.book.states["matches"].values():
            assert match.status != "proposed" or (match.lapses_at or "9999") >= rfc3339(
                self.book.now
            )
        today = self.book.now.date().isoformat()
        for pledge in self.book.states["pledges"].values():
            assert pledge.status != "open" or (pledge.valid_until or "9999-12-31") >= today

    @rule()
    def run_round(self) -> None:
        """A round from beginning to end."""
        self.take_stock()
        self.write_down()

    @rule()
    def take_stock(self) -> None:
        """A round decides, and what it decided waits to be written down; an older one is gone, as
        when its instance ended."""
        stock = self.book.do(rounds.take_stock)
        self.decided = (stock, decide(stock.problem)) if stock else None

    @rule()
    def write_down(self) -> None:
        """What was decided is proposed, as far as what happened since allows it."""
        if self.decided:
            for part in rounds.parts(*self.decided, 0, LAPSE):
                self.then(part)
        self.decided = None

    @rule(
        which=pick,
        other=pick,
        line=st.integers(1, 2),
        tenths=st.none() | st.integers(1, 11),
        by=pick,
    )
    def propose_by_hand(
        self, which: int, other: int, line: int, tenths: int | None, by: int
    ) -> None:
        """A side or an operator pairs two lines; some tenths of the pledge's, or all that fits."""
        pledge, need = self.a("pledges", which), self.a("requirements", other)
        if pledge and need:
            amount = pledge.balance(line).line.amount
            part = of_minor_units(minor_units(amount) * (tenths or 0) // 10, amount)
            command = ProposeMatch(
                pledge_id=pledge.id,
                pledge_line=line,
                need_id=need.id,
                need_line=line,
                reserved=part if tenths else None,
                reason="the mayors met",
            )
            who = (None, pledge.partner_id, need.authority_id)[by % 3]
            self.then(by_hand.propose_match, command, LAPSE, by=who)

    @rule(which=pick, partner=st.booleans())
    def accept(self, which: int, partner: bool) -> None:
        if match := self.a("matches", which):
            self.then(commands.accept_match, match.id, by=_side(match, partner))

    @rule(which=pick, shares=st.lists(st.integers(0, 12), max_size=3))
    def agree(self, which: int, shares: list[int]) -> None:
        """Both say yes, and perhaps some of it arrives at once."""
        if match := self.a("matches", which, "proposed"):
            for partner in (True, False):
                self.then(commands.accept_match, match.id, by=_side(match, partner))
            for share in shares:
                self.arrives(match, share)

    @rule(which=pick, partner=st.booleans())
    def decline(self, which: int, partner: bool) -> None:
        if match := self.a("matches", which):
            reason = Because(reason="the council said no")
            self.then(commands.decline_match, match.id, reason, by=_side(match, partner))

    @rule(which=pick)
    def deliver_too_early_or_too_late(self, which: int) -> None:
        if match := self.a("matches", which, "proposed", *ENDS):
            before = self.book.recorded()
            command = Deliver(date="2023-08-31", scope="windows")
            self.then(commands.deliver, match.id, command, by=match.authority_id)
            assert self.book.recorded() == before

    @rule(which=pick, share=st.integers(0, 12))
    def deliver(self, which: int, share: int) -> None:
        if match := self.a("matches", which, "agreed"):
            self.arrives(match, share)

    @rule(which=pick, share=st.integers(1, 15), pieces=trucks)
    def amend_pledge(self, which: int, share: int, pieces: int) -> None:
        if pledge := self.a("pledges", which):
            line = pledge.balances[0].line
            amount = max(1, minor_units(line.amount) * share // 10)
            lines = offered(*the_lines(line.amount.currency, amount, pieces))
            command = AmendPledge(lines=lines, reason="the budget changed")
            self.then(commands.amend_pledge, pledge.id, command, by=pledge.partner_id)

    @rule(which=pick)
    def withdraw_pledge(self, which: int) -> None:
        if pledge := self.a("pledges", which):
            reason = Because(reason="the budget is gone")
            self.then(commands.withdraw_pledge, pledge.id, reason, by=pledge.partner_id)

    @rule(which=pick, share=st.integers(0, 15), pieces=trucks)
    def amend_need(self, which: int, share: int, pieces: int) -> None:
        """Projects lets a line shrink to what is agreed of it, and no further."""
        if need := self.a("requirements", which):
            kept = self.book.states["coverages"].get(need.id)
            held = [kept.line(n).agreed + kept.line(n).delivered if kept else 0 for n in (1, 2)]
            money_line = need.lines[0]
            amount = max(1, held[0], minor_units(money_line.amount) * share // 10)
            event = NeedAmended(
                need_id=need.id,
                authority_id=need.authority_id,
                reason="plans changed",
                lines=the_lines(money_line.amount.currency, amount, max(pieces, held[1])),
                lines_before=need.lines,
            )
            if need.open or need.id in self.suspended:
                self.hears(handlers.on_need_amended, event)

    @rule(which=pick)
    def withdraw_need(self, which: int) -> None:
        """As if the agreements were made at the same moment: projects did not know of them."""
        need = self.a("requirements", which)
        if need and need.open and which % 3 == 0:
            event = NeedWithdrawn(
                need_id=need.id, authority_id=need.authority_id, reason="built elsewhere"
            )
            self.hears(handlers.on_need_closed, event)

    @rule(which=pick)
    def suspend_or_resume_project(self, which: int) -> None:
        """Work stands still, or goes on again."""
        need = self.a("requirements", which)
        if need and need.id in self.suspended:
            resumed = ProjectResumed(
                need_id=need.id, authority_id=need.authority_id, reason="quiet again"
            )
            self.suspended.remove(need.id)
            self.hears(handlers.on_need_posted, resumed)
        elif need and need.open:
            still = ProjectSuspended(
                need_id=need.id, authority_id=need.authority_id, cause="security", reason="shelling"
            )
            self.suspended.add(need.id)
            self.hears(handlers.on_need_posted, still)

    @rule(which=pick)
    def cancel_project(self, which: int) -> None:
        """Work is given up, also while it stands still."""
        need = self.a("requirements", which)
        if need and (need.open or need.id in self.suspended) and which % 3 == 2:
            event = ProjectCancelled(
                need_id=need.id, authority_id=need.authority_id, reason="cannot be saved"
            )
            self.suspended.discard(need.id)
            self.hears(handlers.on_need_closed, event)

    @rule(which=pick)
    def suspend_or_reinstate_member(self, which: int) -> None:
        """A member may not act, or may again."""
        party = self.a("parties", which)
        if party.status == "suspended":
            reinstated = MemberReinstated(member_id=party.id, reason="it answered")
            self.hears(handlers.on_member_admitted, reinstated)
        elif party.status == "admitted":
            still = MemberSuspended(member_id=party.id, reason="no answers")
            self.hears(handlers.on_member_suspended, still)

    @rule(which=pick)
    def leave_or_come_back(self, which: int) -> None:
        """A member leaves, also while it is suspended; or it joins again."""
        party = self.a("parties", which)
        if party.status == "left":
            self.joins(party.id)
        elif which % 2:
            self.hears(handlers.on_member_left, MemberLeft(member_id=party.id, reason="elections"))

    @rule(which=pick)
    def complete_project(self, which: int) -> None:
        need = self.a("requirements", which)
        if need and need.open and which % 3 == 1:
            event = ProjectCompleted(
                need_id=need.id,
                authority_id=need.authority_id,
                end_date="2023-08-31",
                final_value=(money("1.00"),),
                final_scope="a kindergarten",
            )
            self.hears(handlers.on_need_closed, event)

    def teardown(self) -> None:
        """The logs alone give the same state, document by document."""
        logs = {owner: in_order(owner, log) for owner, log in self.book.logs.items()}
        again, live = replay(RECORDS, logs), self.book.documents()
        assert again == live
        for name, found in live.items():
            assert state_hash(again[name].values()) == state_hash(found.values())


def _under(line: Line, least: int | None) -> PledgeLine:
    """A pledge's line that may be divided into so many tenths at least; by 11, not at all."""
    if least is None or least == 11:
        return offered(line, indivisible=least == 11)[0]
    part = max(1, minor_units(line.amount) * least // 10)
    return offered(line, minimum=of_minor_units(part, line.amount))[0]


def _tier(match: Match | MatchProposed) -> list[int]:
    return [match.explanation.tier[step.name] for step in TIERS]


def _side(match: Match, partner: bool) -> MemberId:
    return match.partner_id if partner else match.authority_id


TestAnyHistory = AnyHistory.TestCase
TestAnyHistory.settings = patience(1000, 40, stateful_step_count=15)
