"""Whatever authorities, donors and monitors do, in any order: a need keeps its rules.

A Hypothesis state machine runs projects' own commands on a notebook instead of a store, while
matching's agreements, deliveries and releases arrive in between.
"""

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from services.projects import commands, handlers
from services.projects.commands import (
    AmendNeed,
    Because,
    PostNeed,
    PrepareProject,
    RecordMilestone,
    SuspendProject,
    VerifyCompletion,
    WithdrawNeed,
)
from services.projects.ending import CompleteProject
from services.projects.knowledge import Commitment
from services.projects.model import Need, StartProject
from services.projects.store import RECORDS
from shared.errors import NotFound, Refused
from shared.events.ids import MatchId, MemberId, PledgeId
from shared.events.matches import ContributionDelivered, MatchAgreed, MatchReleased
from shared.events.members import MemberAdmitted, MemberApplied
from shared.events.projects import (
    CompletionVerified,
    MilestoneRecorded,
    NeedAmended,
    NeedPosted,
    NeedWithdrawn,
    PreparationStarted,
    ProjectCancelled,
    ProjectCompleted,
    ProjectResumed,
    ProjectStarted,
    ProjectSuspended,
)
from shared.events.registry import Event
from shared.lines import minor_units, of_minor_units, same_measure
from shared.replay import in_order, replay, state_hash
from tests.given import IRPIN, Notebook, an_id, funding, goods, money, numbered, patience

AUTHORITIES = [an_id(MemberId, name) for name in ("Irpin", "Borodianka")]
DONORS = [an_id(MemberId, name) for name in ("Cascais", "Lithuania")]
MONITOR = an_id(MemberId, "monitor")
EVERYBODY = [*AUTHORITIES, *DONORS, MONITOR]

OPEN = ("identification", "preparation", "implementation", "suspended")
MOVES: dict[type[Event], dict[str, tuple[str, ...]]] = {
    NeedAmended: {status: (status,) for status in (*OPEN, "completion", "completed")},
    NeedWithdrawn: {"identification": ("cancelled",), "preparation": ("cancelled",)},
    PreparationStarted: {"identification": ("preparation",)},
    ProjectStarted: {"identification": ("implementation",), "preparation": ("implementation",)},
    ProjectSuspended: {"preparation": ("suspended",), "implementation": ("suspended",)},
    ProjectResumed: {"suspended": ("preparation", "implementation")},
    ProjectCancelled: dict.fromkeys(OPEN[1:], ("cancelled",)),
    MilestoneRecorded: {status: (status,) for status in ("preparation", "implementation")},
    ProjectCompleted: {"implementation": ("completion",)},
    CompletionVerified: {"completion": ("completion", "completed")},
}
"""Where each event may lead from each status; only what was agreed at the same moment amends a
need whose work has ended."""

pick = st.integers(0, 11)
amounts = st.integers(1, 30) | st.integers(1, 10**8)
days = st.integers(1, 31).map(lambda day: f"2023-08-{day:02}")


def the_lines(amount: int, pieces: int) -> tuple[Any, Any]:
    """One line of euros and one of boilers."""
    line = funding(1, "1").model_copy(update={"amount": of_minor_units(amount, money("1"))})
    return line, goods(2, "boiler", pieces)


class Checked(Notebook):
    """Projects' notebook, which looks at every event when it is recorded."""

    def fold(self, event: Event) -> None:
        """What an event may change, by what was there before it."""
        before: Need | None = self.states["needs"].get(event.subject)
        super().fold(event)
        if event.owner != "projects" or isinstance(event, NeedPosted):
            return
        assert before is not None
        after: Need = self.states["needs"][event.subject]
        assert after.status in MOVES[type(event)].get(before.status, ()), (event.type, before)
        for line in before.lines:
            assert sum(same_measure(line, n) and n.line == line.line for n in after.lines) == 1
        if isinstance(event, ProjectResumed):
            assert after.status == before.suspended_from
        if isinstance(event, CompletionVerified):
            donors = {c.partner_id for c in self.committed(after)}
            assert event.monitor_id not in {after.authority_id, *donors, *before.donors}

    def committed(self, need: Need) -> list[Commitment]:
        """What is agreed of a need and stands."""
        found = self.states["commitments"].values()
        return [c for c in found if c.need_id == need.id and not c.released]

    def what_is_agreed_stays_covered(self) -> None:
        """After every command, for every need that is not cancelled."""
        for need in self.states["needs"].values():
            for line in need.lines if need.status != "cancelled" else ():
                agreed = [c for c in self.committed(need) if c.need_line == line.line]
                assert sum(minor_units(c.covers) for c in agreed) <= minor_units(line.amount)


class AnyHistory(RuleBasedStateMachine):
    """Authorities ask, build and end; others try to; matching agrees, delivers and releases."""

    def __init__(self) -> None:
        super().__init__()
        self.book = Checked(RECORDS)
        for number, member in enumerate(EVERYBODY):
            side = "ukraine" if member in AUTHORITIES else "partner"
            application = MemberApplied.model_validate(
                {
                    "member_id": member,
                    "side": side,
                    "kind": "city",
                    "organisation_id": f"XI-TEST-{number}",
                    "names": {"en": f"{number}"},
                    "country": "UA" if side == "ukraine" else "PT",
                    "principles": (),
                    "principles_version": "2022-06-30",
                }
            )
            self.book.hear(handlers.on_member, application)
            admission = MemberAdmitted(member_id=member, role="member", reason="known")
            self.book.hear(handlers.on_member, admission)

    def then(self, command: Callable[..., Any], *facts: Any, by: MemberId | None = None) -> bool:
        """Run a command that may be refused; what must hold, holds."""
        before = self.book.recorded()
        try:
            self.book.do(command, *facts, by=by)
        except NotFound as error:
            raise AssertionError(f"{command} looks for what is not there") from error
        except Refused:
            assert self.book.recorded() == before
            return False
        self.book.what_is_agreed_stays_covered()
        return True

    def a_need(self, number: int) -> Need | None:
        """One of the needs; None where there is none."""
        found = list(self.book.states["needs"].values())
        return found[number % len(found)] if found else None

    def step(self, which: int, who: int, command: Callable[..., Any], body: Any) -> None:
        """Somebody takes a step with a need: mostly its owner; nobody else may."""
        if need := self.a_need(which):
            by = need.authority_id if who < 9 else EVERYBODY[who % len(EVERYBODY)]
            done = self.then(command, need.id, body, by=by)
            assert by == need.authority_id or not done, f"{command} by somebody else"

    @initialize(amount=amounts)
    def beginning(self, amount: int) -> None:
        self.post(0, amount, 2)
        self.agree(0, 0, 5)

    @rule(owner=pick, amount=amounts, pieces=st.integers(1, 5))
    def post(self, owner: int, amount: int, pieces: int) -> None:
        if len(self.book.states["needs"]) < 3:
            body = PostNeed(
                place=IRPIN,
                sector="education",
                project_type="rehabilitation",
                title={"en": "Kindergarten"},
                lines=the_lines(amount, pieces),
            )
            self.then(commands.post_need, body, by=AUTHORITIES[owner % 2])

    @rule(which=pick, who=pick, share=st.integers(0, 15), pieces=st.integers(0, 5))
    def amend(self, which: int, who: int, share: int, pieces: int) -> None:
        if need := self.a_need(which):
            lines = the_lines(minor_units(need.lines[0].amount) * share // 10, pieces)
            self.step(which, who, commands.amend_need, AmendNeed(reason="prices", lines=lines))

    @rule(which=pick, who=pick)
    def withdraw(self, which: int, who: int) -> None:
        if which % 3 == 0:
            self.step(which, who, commands.withdraw_need, WithdrawNeed(reason="built elsewhere"))

    @rule(which=pick, who=pick)
    def prepare(self, which: int, who: int) -> None:
        self.step(which, who, commands.prepare_project, PrepareProject(plan="designs"))

    @rule(which=pick, who=pick, day=days)
    def start(self, which: int, who: int, day: str) -> None:
        body = StartProject(start_date=day, planned_scope="a kindergarten")
        self.step(which, who, commands.start_project, body)

    @rule(which=pick, who=pick)
    def suspend(self, which: int, who: int) -> None:
        body = SuspendProject(cause="security", reason="shelling")
        self.step(which, who, commands.suspend_project, body)

    @rule(which=pick, who=pick)
    def resume(self, which: int, who: int) -> None:
        self.step(which, who, commands.resume_project, Because(reason="quiet again"))

    @rule(which=pick, who=pick)
    def cancel(self, which: int, who: int) -> None:
        if which % 3 == 1:
            self.step(which, who, commands.cancel_project, Because(reason="cannot be saved"))

    @rule(which=pick, who=pick, number=st.integers(1, 3), status=st.sampled_from(["met", "notMet"]))
    def milestone(self, which: int, who: int, number: int, status: Any) -> None:
        body = RecordMilestone(
            milestone=number, title={"en": f"{number}"}, status=status, date="2023-08-31"
        )
        self.step(which, who, commands.record_milestone, body)

    @rule(which=pick, who=pick, day=days)
    def complete(self, which: int, who: int, day: str) -> None:
        body = CompleteProject(
            end_date=day, final_value=(money("1.00"),), final_scope="a kindergarten"
        )
        self.step(which, who, commands.complete_project, body)

    @rule(which=pick, who=pick, finding=st.sampled_from(["confirmed", "refuted"]))
    def verify(self, which: int, who: int, finding: Any) -> None:
        """Anybody tries; that the monitor is independent is looked at when it is recorded."""
        if need := self.a_need(which):
            body = VerifyCompletion(finding=finding, report="seen")
            self.then(commands.verify_completion, need.id, body, by=EVERYBODY[who % 5])

    @rule(which=pick, donor=pick, share=st.integers(1, 10))
    def agree(self, which: int, donor: int, share: int) -> None:
        """Matching agreed on part of what was asked at some moment, and is heard of now."""
        need = self.a_need(which)
        if need is None or need.status == "completed":
            return
        line = need.lines[donor % 2]
        held = [c for c in self.book.committed(need) if c.need_line == line.line]
        free = minor_units(line.amount) - sum(minor_units(c.covers) for c in held)
        part = free * share // 10 + (share == 10)  # now and then a little more: it had been asked
        if part > 0:
            covers = of_minor_units(part, line.amount)
            event = MatchAgreed(
                match_id=numbered(MatchId, len(self.book.states["commitments"]) + 1),
                pledge_id=numbered(PledgeId, 1),
                pledge_line=1,
                partner_id=DONORS[donor % 2],
                need_id=need.id,
                need_line=line.line,
                authority_id=need.authority_id,
                reserved=covers,
                covers=covers,
            )
            self.hears(handlers.on_match_agreed, event)

    @rule(which=pick, whole=st.booleans())
    def deliver(self, which: int, whole: bool) -> None:
        if found := self.a_commitment(which):
            part = minor_units(found.covers) if whole else 0
            self.hears(
                handlers.on_contribution_delivered,
                ContributionDelivered.model_validate(
                    self.of(found)
                    | {
                        "delivered": of_minor_units(part, found.covers),
                        "delivered_covers": of_minor_units(part, found.covers),
                        "rest": of_minor_units(minor_units(found.covers) - part, found.covers),
                        "date": "2023-08-31",
                        "scope": "windows",
                    }
                ),
            )

    @rule(which=pick)
    def release(self, which: int) -> None:
        found = self.a_commitment(which)
        if found and which % 3 == 0:
            why = {"cause": "project-cancelled", "was": "agreed", "reason": "given up"}
            event = MatchReleased.model_validate(self.of(found) | why)
            self.hears(handlers.on_match_released, event)

    def a_commitment(self, number: int) -> Commitment | None:
        """One that stands and is not delivered; None where there is none."""
        all_of_them = self.book.states["commitments"].values()
        found = [c for c in all_of_them if not c.released and not c.delivered]
        return found[number % len(found)] if found else None

    def of(self, commitment: Commitment) -> dict[str, Any]:
        """What every event of its match names."""
        need = self.book.states["needs"][commitment.need_id]
        return {
            "match_id": commitment.id,
            "pledge_id": numbered(PledgeId, 1),
            "pledge_line": 1,
            "partner_id": commitment.partner_id,
            "need_id": need.id,
            "need_line": commitment.need_line,
            "authority_id": need.authority_id,
            "reserved": commitment.covers,
            "covers": commitment.covers,
        }

    def hears(self, handler: Callable[..., Any], event: Event) -> None:
        """What matching says is never refused: it has happened."""
        assert self.then(handler, event), event.type

    def teardown(self) -> None:
        """The logs alone give the same state, document by document."""
        logs = {owner: in_order(owner, log) for owner, log in self.book.logs.items()}
        again, live = replay(RECORDS, logs), self.book.documents()
        assert again == live
        for name, found in live.items():
            assert state_hash(again[name].values()) == state_hash(found.values())


TestAnyHistory = AnyHistory.TestCase
TestAnyHistory.settings = patience(1000, 100, stateful_step_count=30)
