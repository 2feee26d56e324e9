"""Which step a need and its project may take from which state, and who may take it."""

from collections.abc import Callable
from typing import get_args

import pytest
from pydantic import ValidationError

from services.projects import asking, ending, model
from services.projects.model import Milestone, Need, NeedClosed, NothingAgreed, Status
from shared.errors import InvalidInput, NotYours
from shared.events.ids import MatchId, MemberId
from shared.events.registry import Event
from tests.given import TODAY, an_id, given
from tests.projects.samples import (
    CASCAIS,
    HISTORIES,
    IRPIN,
    LITHUANIA,
    a_need,
    authority,
    committed,
    completed,
    monitor,
    need_posted,
    outcome,
    plan,
    started,
    suspended,
    verified,
    withdrawn,
)

FOUNDATIONS = Milestone(milestone=1, title={"en": "Foundations"}, status="met", date="2022-10-01")

Step = Callable[[Need, MemberId], Event]

STEPS: dict[str, Step] = {
    "amend": lambda need, by: asking.amend(need, by, [], "urgent now", None, "high"),
    "withdraw": lambda need, by: asking.withdraw(need, by, [], "built elsewhere"),
    "prepare": lambda need, by: model.prepare(need, by, "designs and permits"),
    "start": lambda need, by: model.start(need, by, [committed()], plan(), TODAY),
    "suspend": lambda need, by: model.suspend(need, by, "security", "shelling of the quarter"),
    "resume": lambda need, by: model.resume(need, by, "it is quiet again"),
    "cancel": lambda need, by: model.cancel(need, by, "the ground does not hold"),
    "milestone": lambda need, by: model.record_milestone(need, by, FOUNDATIONS, TODAY),
    "complete": lambda need, by: ending.complete(need, by, outcome(), TODAY),
    "verify": lambda need, by: ending.verify(need, monitor(), [committed()], "confirmed", "seen"),
}

LEADS: dict[str, dict[Status, Status]] = {
    "amend": {
        "identification": "identification",
        "preparation": "preparation",
        "implementation": "implementation",
        "suspended": "suspended",
    },
    "withdraw": {"identification": "cancelled", "preparation": "cancelled"},
    "prepare": {"identification": "preparation"},
    "start": {"identification": "implementation", "preparation": "implementation"},
    "suspend": {"preparation": "suspended", "implementation": "suspended"},
    "resume": {"suspended": "implementation"},
    "cancel": {
        "preparation": "cancelled",
        "implementation": "cancelled",
        "suspended": "cancelled",
    },
    "milestone": {"preparation": "preparation", "implementation": "implementation"},
    "complete": {"implementation": "completion"},
    "verify": {"completion": "completed"},
}
"""Where each step leads from each state; from a state that is not named it is refused."""

TABLE = [(step, status) for step in STEPS for status in get_args(Status)]


@pytest.mark.parametrize(("step", "status"), TABLE)
def test_step_is_allowed_in_its_states_only_and_leads_where_it_should(
    step: str, status: Status
) -> None:
    """Identification, implementation, completion, completed; suspended and cancelled interrupt."""
    need = a_need(status)
    if status in LEADS[step]:
        after = model.evolve(need, STEPS[step](need, IRPIN))
        assert after.status == LEADS[step][status]
    else:
        with pytest.raises(NeedClosed) as refused:
            STEPS[step](need, IRPIN)
        assert refused.value.facts["given"] == status
        assert refused.value.facts["allowed"] == list(LEADS[step])


@pytest.mark.parametrize("step", [name for name in STEPS if name != "verify"])
@pytest.mark.parametrize("by", [CASCAIS, an_id(MemberId, "Bucha")], ids=["donor", "another"])
def test_only_its_owner_changes_a_need(step: str, by: MemberId) -> None:
    """Neither a donor nor another authority takes a step for Irpin, whatever the state."""
    for status in get_args(Status):
        with pytest.raises(NotYours):
            STEPS[step](a_need(status), by)


def test_table_has_every_state() -> None:
    """Each status is reached by a history, so no row of the table is left out."""
    assert set(HISTORIES) == set(get_args(Status))


def test_project_starts_on_an_agreement_only() -> None:
    """Nothing agreed, no project."""
    with pytest.raises(NothingAgreed):
        model.start(a_need(), IRPIN, [], plan(), TODAY)


def test_project_names_its_matches_and_each_donor_once_whatever_their_order() -> None:
    """Two agreements of Cascais and one of Lithuania are three matches of two donors."""
    agreed = [
        committed(),
        committed(id=an_id(MatchId, "second"), need_line=2),
        committed(partner_id=LITHUANIA),
    ]
    event = model.start(a_need(), IRPIN, agreed, plan(), TODAY)
    assert event == model.start(a_need(), IRPIN, agreed[::-1], plan(), TODAY)
    assert sorted(event.donors) == sorted([CASCAIS, LITHUANIA])
    assert sorted(event.match_ids) == sorted(c.id for c in agreed)


def test_project_cannot_be_planned_to_end_before_it_starts() -> None:
    """The same day is allowed, the day before is not."""
    model.start(a_need(), IRPIN, [committed()], plan(planned_end_date="2022-08-01"), TODAY)
    with pytest.raises(InvalidInput) as refused:
        model.start(a_need(), IRPIN, [committed()], plan(planned_end_date="2022-07-31"), TODAY)
    assert refused.value.facts["field"] == "/planned_end_date"


def test_project_has_started_when_it_is_said_to_have() -> None:
    """Today is allowed, tomorrow is not, whatever the plan."""
    today = model.start(a_need(), IRPIN, [committed()], plan("2023-09-01"), TODAY)
    assert today.start_date == "2023-09-01"
    with pytest.raises(InvalidInput) as refused:
        model.start(a_need(), IRPIN, [committed()], plan("2023-09-02"), TODAY)
    assert refused.value.facts["field"] == "/start_date"


@pytest.mark.parametrize("day", ["2023-02-29", "2022-13-01", "0000-01-01"])
def test_day_that_is_in_no_calendar_is_refused(day: str) -> None:
    """Digits in the right places are not a day."""
    with pytest.raises(ValidationError):
        plan(day)


@pytest.mark.parametrize("day", ["0202-08-01", "1899-12-31"])
def test_day_that_nobody_means_is_refused(day: str) -> None:
    """A slip of the hand in the year is told, not recorded."""
    with pytest.raises(InvalidInput) as refused:
        model.start(a_need(), IRPIN, [committed()], plan(day), TODAY)
    assert refused.value.facts["field"] == "/start_date"
    with pytest.raises(InvalidInput) as refused:
        model.start(a_need(), IRPIN, [committed()], plan(planned_end_date="2201-01-01"), TODAY)
    assert refused.value.facts["field"] == "/planned_end_date"


def test_what_is_resumed_goes_on_where_it_stood() -> None:
    """A suspension interrupts the preparation or the work, and gives back the same."""
    for status in ("preparation", "implementation"):
        need = model.evolve(a_need(status), suspended())
        assert (need.status, need.suspended_from) == ("suspended", status)
        need = model.evolve(need, model.resume(need, IRPIN, "it is quiet again"))
        assert (need.status, need.suspended_from) == (status, None)


def test_milestone_met_tomorrow_is_refused_but_may_be_scheduled() -> None:
    """Only what is scheduled lies in the future; today is not the future."""
    project = a_need("implementation")
    tomorrow = FOUNDATIONS.model_copy(update={"date": "2023-09-02"})
    for status in ("met", "notMet", "partiallyMet"):
        with pytest.raises(InvalidInput):
            model.record_milestone(
                project, IRPIN, tomorrow.model_copy(update={"status": status}), TODAY
            )
    scheduled = tomorrow.model_copy(update={"status": "scheduled"})
    assert model.record_milestone(project, IRPIN, scheduled, TODAY).status == "scheduled"
    today = FOUNDATIONS.model_copy(update={"date": "2023-09-01"})
    assert model.record_milestone(project, IRPIN, today, TODAY).status == "met"


def test_milestone_recorded_again_says_what_it_was_before() -> None:
    """Each milestone is kept once, as last recorded, in the order of its number."""
    project = a_need("implementation")
    roof = Milestone(milestone=2, title={"en": "Roof"}, status="scheduled", date="2023-01-01")
    planned = FOUNDATIONS.model_copy(update={"status": "scheduled"})
    for milestone in (roof, planned):
        project = model.evolve(project, model.record_milestone(project, IRPIN, milestone, TODAY))
    event = model.record_milestone(project, IRPIN, FOUNDATIONS, TODAY)
    assert (event.status_before, event.status) == ("scheduled", "met")
    project = model.evolve(project, event)
    assert project.milestones == (FOUNDATIONS, roof)


def test_first_record_of_a_milestone_has_nothing_before_it() -> None:
    """`status_before` is absent where the milestone is new."""
    event = model.record_milestone(a_need("implementation"), IRPIN, FOUNDATIONS, TODAY)
    assert event.status_before is None


@pytest.mark.parametrize(
    "event", [started(), withdrawn(), completed(), verified()], ids=lambda e: str(e.type)
)
def test_nothing_happens_to_a_need_that_was_not_posted(event: Event) -> None:
    """Every history begins with the post, and has one."""
    with pytest.raises(TypeError):
        given(model.evolve, event)
    with pytest.raises(TypeError):
        given(model.evolve, need_posted(), need_posted())


def test_authority_that_is_admitted_posts_a_need() -> None:
    """The need is in identification, with the lines that were asked."""
    event = asking.post(need_posted(), authority(), TODAY)
    need = given(model.evolve, event)
    assert (need.status, need.lines) == ("identification", need_posted().lines)
