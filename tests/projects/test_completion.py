"""How a project ends: when, for how much, with what scope and why, and who confirms it."""

from typing import Any

import pytest
from pydantic import ValidationError

from services.projects import commands, ending, handlers, model
from services.projects.commands import VerifyCompletion
from services.projects.ending import CompleteProject
from services.projects.knowledge import Authority
from services.projects.model import Need, NeedClosed, NotIndependent
from services.projects.store import RECORDS
from shared.errors import InvalidInput
from shared.events.ids import MatchId, PledgeId
from shared.events.matches import MatchAgreed
from shared.events.members import MemberAdmitted, MemberApplied
from shared.events.projects import ProjectCompleted, VerificationFinding
from tests.given import TODAY, Notebook, an_id, given, money
from tests.projects.samples import (
    CASCAIS,
    HISTORIES,
    IRPIN,
    LITHUANIA,
    MONITOR,
    NEED,
    PLAN,
    a_need,
    authority,
    committed,
    monitor,
    need_posted,
    outcome,
    started,
)

RESTORED = "the restored kindergarten Chervona Kalyna"


def complete(**more: Any) -> ProjectCompleted:
    """Irpin completes its project on 31 August 2023 as planned, but for what the test says."""
    return ending.complete(a_need("implementation"), IRPIN, outcome(**more), TODAY)


def test_completion_records_end_date_final_value_and_scope() -> None:
    """OC4IDS `completion`, kept with the need."""
    need = model.evolve(a_need("implementation"), complete())
    assert (need.end_date, need.final_value) == ("2023-08-31", (money("500000.00"),))
    assert need.final_scope == PLAN


def test_final_scope_that_is_not_the_planned_one_needs_a_reason() -> None:
    """Cascais's crèche became the restored kindergarten: both scopes and why are recorded."""
    with pytest.raises(InvalidInput) as refused:
        complete(final_scope=RESTORED)
    assert refused.value.facts["field"] == "/scope_reason"
    change = complete(final_scope=RESTORED, scope_reason="the building could be saved").scope_change
    assert change is not None
    assert (change.planned, change.final) == (PLAN, RESTORED)
    assert change.reason == "the building could be saved"


def test_scope_that_is_as_planned_is_no_change_whatever_the_reason() -> None:
    """A reason without a change is not recorded as one."""
    assert complete(scope_reason="none").scope_change is None


def with_a_plan(**planned: Any) -> Need:
    """The project, planned to end on a day or to cost a sum."""
    planned_ = started().model_copy(update=planned)
    return given(model.evolve, need_posted(), planned_)


def test_end_date_that_is_not_the_planned_one_needs_a_reason() -> None:
    """OC4IDS `endDateDetails`: planned, final and why; none where nothing was planned."""
    project = with_a_plan(planned_end_date="2023-06-30")
    with pytest.raises(InvalidInput) as refused:
        ending.complete(project, IRPIN, outcome(), TODAY)
    assert refused.value.facts["field"] == "/end_date_reason"
    change = ending.complete(
        project, IRPIN, outcome(end_date_reason="air raids"), TODAY
    ).end_date_change
    assert change is not None
    assert (change.planned, change.final) == ("2023-06-30", "2023-08-31")
    assert complete(end_date_reason="none").end_date_change is None


def test_final_value_that_is_not_the_planned_one_needs_a_reason() -> None:
    """Sums are compared by currency, however they are divided or written."""
    project = with_a_plan(planned_value=(money("200000"), money("300000.00")))
    assert ending.complete(project, IRPIN, outcome(), TODAY).value_change is None
    for value in (money("500000.01"), money("500000.00", "UAH")):
        with pytest.raises(InvalidInput) as refused:
            ending.complete(project, IRPIN, outcome(final_value=(value,)), TODAY)
        assert refused.value.facts["field"] == "/value_reason"
        dearer = outcome(final_value=(value,), value_reason="prices rose")
        change = ending.complete(project, IRPIN, dearer, TODAY).value_change
        assert change is not None
        assert (change.planned, change.final) == (project.planned_value, (value,))


@pytest.mark.parametrize("day", ["2022-08-01", "2023-09-01"])
def test_project_ends_between_its_start_and_today(day: str) -> None:
    """The day it started and today are both allowed."""
    assert complete(end_date=day).end_date == day


@pytest.mark.parametrize("day", ["2022-07-31", "2023-09-02"])
def test_project_ends_neither_before_its_start_nor_after_today(day: str) -> None:
    """The refusal names the field."""
    with pytest.raises(InvalidInput) as refused:
        complete(end_date=day)
    assert refused.value.facts["field"] == "/end_date"


def test_final_value_may_be_in_several_currencies_and_each_is_checked() -> None:
    """The pointer names the amount that is not allowed."""
    assert complete(final_value=(money("1.00"), money("1", "JPY")))
    with pytest.raises(InvalidInput) as refused:
        complete(final_value=(money("1.00"), money("1.5", "JPY")))
    assert refused.value.facts["field"] == "/final_value/1/amount"


@pytest.mark.parametrize(
    ("finding", "status"),
    [
        ("confirmed", "completed"),
        ("confirmed-with-reservations", "completed"),
        ("refuted", "completion"),
    ],
)
def test_monitor_confirms_a_completion_or_leaves_it_open(
    finding: VerificationFinding, status: str
) -> None:
    """What is refuted is not completed, and may be looked at again."""
    need = a_need("completion")
    event = ending.verify(need, monitor(), [committed()], finding, "seen on the spot")
    assert event.monitor_id == MONITOR
    after = model.evolve(need, event)
    assert (after.status, after.finding) == (status, finding)


def test_completion_that_was_refuted_may_be_confirmed_later_but_only_once() -> None:
    """Another look may confirm it; then nothing more is verified."""
    need = a_need("completion")
    agreed = [committed()]
    need = model.evolve(need, ending.verify(need, monitor(), agreed, "refuted", "no roof"))
    need = model.evolve(need, ending.verify(need, monitor(), agreed, "confirmed", "a roof now"))
    with pytest.raises(NeedClosed):
        ending.verify(need, monitor(), agreed, "confirmed", "again")


@pytest.mark.parametrize(
    "by",
    [
        authority(),
        monitor(id=CASCAIS),
        monitor(status="applied"),
        monitor(status="rejected"),
    ],
    ids=["owner", "donor", "applicant", "rejected"],
)
def test_monitor_is_admitted_and_neither_the_owner_nor_a_donor(by: Authority) -> None:
    """Nobody verifies what it built or paid for, also where its agreement is known no more."""
    for agreed in ([committed()], []):
        with pytest.raises(NotIndependent):
            ending.verify(a_need("completion"), by, agreed, "confirmed", "ours")


def test_partner_with_no_part_in_the_need_may_monitor_it() -> None:
    """Being a partner of the alliance is no conflict; being this need's donor is."""
    need, lithuania = a_need("completion"), monitor(id=LITHUANIA)
    assert ending.verify(need, lithuania, [committed()], "confirmed", "seen")
    joined = [committed(), committed(partner_id=LITHUANIA)]
    with pytest.raises(NotIndependent):
        ending.verify(need, lithuania, joined, "confirmed", "ours")
    assert ending.verify(need, monitor(), joined, "confirmed", "seen")


def book_with_a_completion() -> Notebook:
    """What projects knows when a monitor arrives."""
    book = Notebook(RECORDS)
    for event in (
        MemberApplied(
            member_id=MONITOR,
            side="partner",
            kind="institution",
            organisation_id="XI-GRID-1",
            names={"en": "Monitor"},
            country="BE",
            principles=(),
            principles_version="2022-06-30",
        ),
        MemberAdmitted(member_id=MONITOR, role="member", reason="known"),
        *HISTORIES["completion"],
    ):
        book.fold(event)
    return book


def test_donor_that_joined_after_the_start_is_no_independent_monitor() -> None:
    """A match agreed while work went on makes a donor like any other."""
    book = book_with_a_completion()
    agreement = MatchAgreed(
        match_id=an_id(MatchId, "later"),
        pledge_id=an_id(PledgeId, "later"),
        pledge_line=1,
        partner_id=MONITOR,
        need_id=NEED,
        need_line=1,
        authority_id=IRPIN,
        reserved=money("1.00"),
        covers=money("1.00"),
    )
    book.hear(handlers.on_match_agreed, agreement)
    finding = VerifyCompletion(finding="confirmed", report="ours")
    with pytest.raises(NotIndependent):
        book.do(commands.verify_completion, NEED, finding, by=MONITOR, roles=["monitor"])


def test_completion_without_a_final_value_is_not_even_a_command() -> None:
    """What it cost is part of the completion."""
    with pytest.raises(ValidationError):
        CompleteProject(end_date="2023-08-31", final_value=(), final_scope=PLAN)
