"""Ending: decisions about how a project ends and who says that it did, pure."""

from collections.abc import Sequence
from datetime import date
from typing import Annotated

from pydantic import Field

from services.projects.knowledge import Authority, Commitment
from services.projects.model import Need, NotIndependent, must_be_in, must_own
from shared.actor import Command
from shared.days import asked_day
from shared.errors import InvalidInput
from shared.events.facts import DateText, Money, Text
from shared.events.ids import MemberId
from shared.events.projects import (
    CompletionVerified,
    EndDateChange,
    ProjectCompleted,
    ScopeChange,
    ValueChange,
    VerificationFinding,
)
from shared.lines import check_amount, minor_units


class CompleteProject(Command):
    """What was built, until when, at what cost; a `…_reason` for each that is not as planned."""

    end_date: DateText
    final_value: Annotated[tuple[Money, ...], Field(min_length=1, max_length=20)]
    final_scope: Text
    scope_reason: Text | None = None
    end_date_reason: Text | None = None
    value_reason: Text | None = None


def complete(need: Need, by: MemberId, outcome: CompleteProject, today: date) -> ProjectCompleted:
    """Work ended. Raises NotYours, NeedClosed, InvalidInput."""
    must_own(need, by)
    must_be_in(need, "implementation")
    assert need.start_date is not None
    began = date.fromisoformat(need.start_date)
    asked_day(outcome.end_date, "/end_date", earliest=began, latest=today)
    for index, value in enumerate(outcome.final_value):
        check_amount(value, f"/final_value/{index}")
    return ProjectCompleted(
        need_id=need.id,
        authority_id=need.authority_id,
        end_date=outcome.end_date,
        final_value=outcome.final_value,
        final_scope=outcome.final_scope,
        scope_change=_scope_change(need, outcome),
        end_date_change=_end_date_change(need, outcome),
        value_change=_value_change(need, outcome),
    )


def _scope_change(need: Need, outcome: CompleteProject) -> ScopeChange | None:
    assert need.planned_scope is not None
    if outcome.final_scope == need.planned_scope:
        return None
    if outcome.scope_reason is None:
        raise InvalidInput("/scope_reason", "the final scope is not the planned one: say why")
    return ScopeChange(
        planned=need.planned_scope, final=outcome.final_scope, reason=outcome.scope_reason
    )


def _end_date_change(need: Need, outcome: CompleteProject) -> EndDateChange | None:
    if need.planned_end_date in (None, outcome.end_date):
        return None
    if outcome.end_date_reason is None:
        raise InvalidInput("/end_date_reason", "the end date is not the planned one: say why")
    return EndDateChange(
        planned=need.planned_end_date, final=outcome.end_date, reason=outcome.end_date_reason
    )


def _value_change(need: Need, outcome: CompleteProject) -> ValueChange | None:
    if not need.planned_value or _sums(need.planned_value) == _sums(outcome.final_value):
        return None
    if outcome.value_reason is None:
        raise InvalidInput("/value_reason", "the final value is not the planned one: say why")
    return ValueChange(
        planned=need.planned_value, final=outcome.final_value, reason=outcome.value_reason
    )


def _sums(values: Sequence[Money]) -> dict[str, int]:
    """What is in each currency, in smallest units."""
    found: dict[str, int] = {}
    for value in values:
        found[value.currency] = found.get(value.currency, 0) + minor_units(value)
    return found


def verify(
    need: Need,
    monitor: Authority,
    commitments: Sequence[Commitment],
    finding: VerificationFinding,
    report: str,
) -> CompletionVerified:
    """A monitor that is neither owner nor donor, then or since, says what it found.

    Raises NeedClosed, NotIndependent.
    """
    must_be_in(need, "completion")
    if monitor.status != "admitted":
        raise NotIndependent(
            "{monitor} is {state}, not admitted", monitor=monitor.id, state=monitor.status
        )
    donors = {*need.donors, *(c.partner_id for c in commitments)}
    if monitor.id == need.authority_id or monitor.id in donors:
        raise NotIndependent(
            "{monitor} is the owner of need {need}"
            if monitor.id == need.authority_id
            else "{monitor} is a donor of need {need}",
            monitor=monitor.id,
            need=need.id,
        )
    return CompletionVerified(
        need_id=need.id,
        authority_id=need.authority_id,
        monitor_id=monitor.id,
        finding=finding,
        report=report,
    )
