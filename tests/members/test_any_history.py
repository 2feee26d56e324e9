"""Whoever applies, endorses, suspends, leaves or declares, in any order: the rules hold.

A Hypothesis state machine runs members' own commands on a notebook instead of a store, by those
who may and by those who may not. What must hold is checked at every single event.
"""

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from services.members import commands, principles
from services.members.commands import (
    Apply,
    Because,
    DeclarePartnership,
    Endorse,
    Found,
    Reject,
)
from services.members.model import Member
from services.members.store import RECORDS
from services.members.twinning import Partnership
from shared.errors import NotFound, Refused
from shared.events.ids import MemberId
from shared.events.members import (
    MemberAdmitted,
    MemberApplied,
    MemberLeft,
    MemberReinstated,
    MemberRejected,
    MemberSuspended,
    OfPartnership,
    PartnershipConfirmed,
    PartnershipDeclared,
    PartnershipEnded,
)
from shared.events.registry import Event
from shared.replay import in_order, replay, state_hash
from tests.given import IRPIN, Notebook, patience

FROM: dict[type[Event], set[str | None]] = {
    MemberApplied: {None, "rejected", "left"},
    MemberAdmitted: {"applied"},
    MemberRejected: {"applied"},
    MemberSuspended: {"admitted"},
    MemberReinstated: {"suspended"},
    MemberLeft: {"admitted", "suspended"},
}
"""In which status each of a member's events may find it."""

FOUNDERS = ("AUC", "UARC", "EUROCITIES", "AER")
"""The founding members that act here, two of each side; the others stand by."""

WHY = Because(reason="the board decided so")
pick = st.integers(0, 100)
who = st.integers(0, 10)


class Checked(Notebook):
    """Members' notebook, which looks at every event before it is recorded."""

    def recording(self, event: Event) -> None:
        """What may be recorded now, by what was recorded before."""
        if isinstance(event, OfPartnership):
            self._partnership(event)
            return
        before: Any = self.states["members"].get(event.subject)
        assert (before.status if before else None) in FROM[type(event)]
        match event:
            case MemberApplied():
                assert before is None or before.side == event.side
            case MemberAdmitted(endorsed_by=None):
                assert event.role == "core", "only the founders had nobody before them"
                assert len(self.logs["members"]) < 24
            case MemberAdmitted(endorsed_by=str() as endorser):
                assert event.role == "member"
                self._judges(endorser, before)
            case MemberRejected():
                self._judges(event.rejected_by, before)
            case MemberSuspended():
                assert event.suspended_by != event.member_id
                self._judges(event.suspended_by, before)
            case MemberReinstated():
                self._judges(event.reinstated_by, before)
            case MemberLeft():
                assert self.actor.member_id == event.member_id

    def _judges(self, by: str | None, member: Member) -> None:
        """An admitted core member of the side at this moment, or (None) an operator."""
        if by is None:
            assert self.actor.roles == {"operator"}
            return
        judge = self.states["members"][by]
        assert (judge.status, judge.role, judge.side) == ("admitted", "core", member.side)

    def _partnership(self, event: OfPartnership) -> None:
        before: Any = self.states["partnerships"].get(event.partnership_id)
        sides = [self.states["members"][m] for m in (event.ukrainian_id, event.partner_id)]
        assert [m.side for m in sides] == ["ukraine", "partner"]
        if isinstance(event, PartnershipDeclared | PartnershipConfirmed):
            assert [m.status for m in sides] == ["admitted", "admitted"]
        match event:
            case PartnershipDeclared():
                assert before is None
            case PartnershipConfirmed():
                assert before.status == "declared"
                assert event.confirmed_by != before.declared_by
            case PartnershipEnded():
                assert before.status == event.was
                left = self.states["members"][event.ended_by].status == "left"
                assert left == (event.cause == "member-left")


class AnyHistory(RuleBasedStateMachine):
    """Bodies apply, are judged, fall out with each other, leave and come back."""

    def __init__(self) -> None:
        super().__init__()
        self.book = Checked(RECORDS)
        found = self.book.do(commands.found, Found(), roles=["operator"])
        core = {m.organisation_id.removeprefix("XI-ALLIANCE-"): m.id for m in found}
        self.acting = [core[name] for name in FOUNDERS]

    def then(self, command: Callable[..., Any], *facts: Any, by: MemberId | None = None) -> None:
        """Run a command that may be refused; a refusal records nothing."""
        recorded = self.book.recorded()
        try:
            self.book.do(command, *facts, by=by, roles=[] if by else ["operator"])
        except NotFound as error:
            raise AssertionError(f"{command} looks for what is not there") from error
        except Refused:
            assert self.book.recorded() == recorded

    def one(self, number: int, *statuses: str) -> MemberId:
        """Somebody: most times in one of these statuses, where there are any."""
        members = self.book.states["members"]
        fit = [m for m in self.acting if members[m].status in statuses and number % 4]
        found = fit or self.acting
        return found[number // 4 % len(found)]

    def a_partnership(self, number: int, status: str) -> Partnership | None:
        """One of the partnerships: most times in this status, where there are any."""
        found = list(self.book.states["partnerships"].values())
        found = [p for p in found if p.status == status and number % 4] or found
        return found[number // 4 % len(found)] if found else None

    def judge(self, number: int, member: MemberId) -> MemberId | None:
        """A founder of the member's side most times; else somebody, or an operator."""
        if number == 10:
            return None
        if number > 7:
            return self.one(number)
        side = self.book.states["members"][member].side
        return self.acting[number % 2 + (0 if side == "ukraine" else 2)]

    @initialize()
    def beginning(self) -> None:
        for number in range(4):
            self.apply(number, 0)
            self.endorse(1, number)

    @rule(number=st.integers(0, 5), belongs=who)
    def apply(self, number: int, belongs: int) -> None:
        """One of six bodies applies, perhaps again; it names an association, or a wrong one."""
        ukrainian = number % 2 == 0
        application = Apply(
            side="ukraine" if ukrainian else "partner",
            kind="hromada" if ukrainian else "city",
            organisation_id=f"XI-TEST-{number}",
            names={"en": f"Body {number}"},
            country="UA" if ukrainian else "PT",
            territory=IRPIN if ukrainian else None,
            associations=(self.acting[belongs % 4],) if belongs % 3 == 1 else (),
            principles=principles.CODES[: 8 if belongs < 9 else 7],
            principles_version=principles.CURRENT if belongs < 10 else "2022-06-29",
        )
        self.then(commands.apply, application)
        known = self.book.states["members"].values()
        self.acting += [
            m.id
            for m in known
            if m.id not in self.acting and not m.organisation_id.startswith("XI-ALLIANCE")
        ]

    @rule(which=pick, by=who)
    def endorse(self, which: int, by: int) -> None:
        member = self.one(which, "applied")
        if judge := self.judge(by, member):
            self.then(commands.endorse, member, Endorse(reason="known to us"), by=judge)

    @rule(which=pick, by=who)
    def reject(self, which: int, by: int) -> None:
        member = self.one(which, "applied")
        if judge := self.judge(by, member):
            self.then(commands.reject, member, Reject(reason="unknown"), by=judge)

    @rule(which=pick, by=who)
    def suspend(self, which: int, by: int) -> None:
        member = self.one(which, "admitted")
        self.then(commands.suspend_member, member, WHY, by=self.judge(by, member))

    @rule(which=pick, by=who)
    def reinstate(self, which: int, by: int) -> None:
        member = self.one(which, "suspended")
        self.then(commands.reinstate_member, member, WHY, by=self.judge(by, member))

    @rule(which=pick, by=who)
    def leave(self, which: int, by: int) -> None:
        member = self.one(which, "admitted", "suspended")
        self.then(commands.leave, member, WHY, by=member if by else self.one(by))

    @rule(by=pick, other=pick)
    def declare(self, by: int, other: int) -> None:
        command = DeclarePartnership(with_member=self.one(other, "admitted"), statement="twinned")
        self.then(commands.declare_partnership, command, by=self.one(by, "admitted"))

    @rule(which=pick, by=pick)
    def confirm(self, which: int, by: int) -> None:
        if p := self.a_partnership(which, "declared"):
            other = p.partner_id if p.declared_by == p.ukrainian_id else p.ukrainian_id
            wrong = (p.declared_by, self.one(by))[by % 2]
            self.then(commands.confirm_partnership, p.id, by=other if by % 4 else wrong)

    @rule(which=pick, by=pick)
    def end(self, which: int, by: int) -> None:
        if p := self.a_partnership(which, "confirmed"):
            sides = (p.partner_id, p.ukrainian_id, self.one(by))
            self.then(commands.end_partnership, p.id, WHY, by=sides[by % 3])

    @invariant()
    def a_pair_has_one_living_partnership_at_most(self) -> None:
        living = [p for p in self.book.states["partnerships"].values() if p.living]
        assert len({(p.ukrainian_id, p.partner_id) for p in living}) == len(living)

    @invariant()
    def who_has_left_has_no_living_partnership(self) -> None:
        for p in self.book.states["partnerships"].values():
            sides = [self.book.states["members"][m] for m in (p.ukrainian_id, p.partner_id)]
            assert not p.living or {m.status for m in sides} <= {"admitted", "suspended"}

    @invariant()
    def every_member_but_the_founders_has_an_endorser_of_its_side(self) -> None:
        members = self.book.states["members"]
        for m in members.values():
            if m.status in ("admitted", "suspended") and m.role == "member":
                assert members[m.endorsed_by].side == m.side
            assert (m.role is None) == (m.status in ("applied", "rejected", "left"))

    def teardown(self) -> None:
        """The log alone gives the same members and partnerships, document by document."""
        logs = {owner: in_order(owner, log) for owner, log in self.book.logs.items()}
        again, live = replay(RECORDS, logs), self.book.documents()
        assert again == live
        for name, found in live.items():
            assert state_hash(again[name].values()) == state_hash(found.values())


TestAnyHistory = AnyHistory.TestCase
TestAnyHistory.settings = patience(1000, 50, stateful_step_count=20)
