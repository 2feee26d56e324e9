"""Needs and projects: state, and decisions from the start of work on, pure. Before: asking.py."""

from collections.abc import Sequence
from datetime import date
from typing import ClassVar, Literal

from services.projects.knowledge import Authority, Commitment
from shared.errors import InvalidInput, NotYours, Refused
from shared.events.facts import (
    Katottg,
    LocalisedText,
    MilestoneStatus,
    Money,
    ProjectSector,
    ProjectType,
    RequirementLine,
    Urgency,
)
from shared.events.ids import MatchId, MemberId, NeedId
from shared.events.projects import (
    CompletionVerified,
    MilestoneRecorded,
    NeedAmended,
    NeedPosted,
    NeedWithdrawn,
    ProjectCancelled,
    ProjectCompleted,
    ProjectResumed,
    ProjectStarted,
    ProjectSuspended,
    ScopeChange,
    SuspensionCause,
    VerificationFinding,
)
from shared.lines import check_amount
from shared.log import State

Status = Literal[
    "identification", "implementation", "suspended", "completion", "completed", "cancelled"
]
"""OC4IDS `projectStatus`: asked for; being built; built; verified; withdrawn or given up; and
`suspended`, which can interrupt the building."""


class Milestone(State):
    """One milestone, as last recorded."""

    milestone: int
    title: LocalisedText
    status: MilestoneStatus
    date: str


class Need(State):
    """A need and, once work began, the project it became."""

    what: ClassVar[str] = "need"

    id: NeedId
    authority_id: MemberId
    status: Status
    territory: tuple[Katottg, ...]
    sector: ProjectSector
    project_type: ProjectType
    title: LocalisedText
    lines: tuple[RequirementLine, ...]
    urgency: Urgency
    match_ids: tuple[MatchId, ...] = ()
    donors: tuple[MemberId, ...] = ()
    start_date: str | None = None
    planned_scope: str | None = None
    milestones: tuple[Milestone, ...] = ()
    end_date: str | None = None
    final_scope: str | None = None
    final_value: tuple[Money, ...] = ()
    finding: VerificationFinding | None = None


class NotAnAuthority(Refused):
    """Only an admitted Ukrainian member posts needs."""

    status = 403
    title = "Only an admitted Ukrainian member may do this"


class NeedClosed(Refused):
    """The need's state does not allow this."""

    title = "The need's status does not allow this"


class NeedCommitted(Refused):
    """Partners are committed to it: it cannot be withdrawn or shrink below what is agreed."""

    title = "Partners are committed to this need"


class NothingAgreed(Refused):
    """A project starts on at least one agreed match."""

    title = "Nothing is agreed yet"


class NotIndependent(Refused):
    """The monitor is neither the need's owner nor one of its donors."""

    status = 403
    title = "The monitor must be independent"


def start(
    need: Need,
    by: MemberId,
    commitments: Sequence[Commitment],
    start_date: str,
    planned_scope: str,
    planned_end_date: str | None,
    today: date,
) -> ProjectStarted:
    """Work begins. Raises NotYours, NeedClosed, NothingAgreed, InvalidInput."""
    must_own(need, by)
    must_be_in(need, "identification")
    if not commitments:
        raise NothingAgreed("no match of need {need} is agreed", need=need.id)
    if _day(start_date, "/start_date") > today:
        raise InvalidInput("/start_date", "lies in the future", start_date, {"until": str(today)})
    if planned_end_date is not None and _day(planned_end_date, "/planned_end_date") < _day(
        start_date, "/start_date"
    ):
        raise InvalidInput(
            "/planned_end_date", "ends before it starts", planned_end_date, {"from": start_date}
        )
    return ProjectStarted(
        need_id=need.id,
        authority_id=need.authority_id,
        match_ids=tuple(sorted(c.id for c in commitments)),
        donors=tuple(sorted({c.partner_id for c in commitments})),
        start_date=start_date,
        planned_scope=planned_scope,
        planned_end_date=planned_end_date,
    )


def suspend(need: Need, by: MemberId, cause: SuspensionCause, reason: str) -> ProjectSuspended:
    """Work stands still. Raises NotYours, NeedClosed."""
    must_own(need, by)
    must_be_in(need, "implementation")
    return ProjectSuspended(
        need_id=need.id, authority_id=need.authority_id, cause=cause, reason=reason
    )


def resume(need: Need, by: MemberId, reason: str) -> ProjectResumed:
    """Work goes on. Raises NotYours, NeedClosed."""
    must_own(need, by)
    must_be_in(need, "suspended")
    return ProjectResumed(need_id=need.id, authority_id=need.authority_id, reason=reason)


def cancel(need: Need, by: MemberId, reason: str) -> ProjectCancelled:
    """Work is given up; a need on which none began is withdrawn instead.

    Raises NotYours, NeedClosed.
    """
    must_own(need, by)
    must_be_in(need, "implementation", "suspended")
    return ProjectCancelled(need_id=need.id, authority_id=need.authority_id, reason=reason)


def record_milestone(
    need: Need, by: MemberId, milestone: Milestone, today: date
) -> MilestoneRecorded:
    """A milestone as it stands. Raises NotYours, NeedClosed, InvalidInput."""
    must_own(need, by)
    must_be_in(need, "implementation")
    day = _day(milestone.date, "/date")
    if milestone.status != "scheduled" and day > today:
        raise InvalidInput("/date", "lies in the future", milestone.date, {"until": str(today)})
    before = next((m for m in need.milestones if m.milestone == milestone.milestone), None)
    return MilestoneRecorded(
        need_id=need.id,
        authority_id=need.authority_id,
        milestone=milestone.milestone,
        title=milestone.title,
        status=milestone.status,
        status_before=before.status if before else None,
        date=milestone.date,
    )


def complete(
    need: Need,
    by: MemberId,
    end_date: str,
    final_value: tuple[Money, ...],
    final_scope: str,
    scope_reason: str | None,
    today: date,
) -> ProjectCompleted:
    """Work ended; where the scope is not as planned, why. Raises NotYours, NeedClosed,
    InvalidInput."""
    must_own(need, by)
    must_be_in(need, "implementation")
    assert need.start_date is not None
    assert need.planned_scope is not None
    day = _day(end_date, "/end_date")
    if not _day(need.start_date, "/start_date") <= day <= today:
        raise InvalidInput(
            "/end_date",
            "is not between start and today",
            end_date,
            {"from": need.start_date, "until": str(today)},
        )
    for index, value in enumerate(final_value):
        check_amount(value, f"/final_value/{index}")
    changed = final_scope != need.planned_scope
    if changed and scope_reason is None:
        raise InvalidInput("/scope_reason", "the final scope is not the planned one: say why")
    change = (
        ScopeChange(planned=need.planned_scope, final=final_scope, reason=scope_reason)
        if changed and scope_reason is not None
        else None
    )
    return ProjectCompleted(
        need_id=need.id,
        authority_id=need.authority_id,
        end_date=end_date,
        final_value=final_value,
        final_scope=final_scope,
        scope_change=change,
    )


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


def must_own(need: Need, by: MemberId) -> None:
    """Raises NotYours."""
    if by != need.authority_id:
        raise NotYours(
            "need {need} belongs to {authority_id}", need=need.id, authority_id=need.authority_id
        )


def must_be_in(need: Need, *allowed: Status) -> None:
    """Raises NeedClosed."""
    if need.status not in allowed:
        raise NeedClosed(
            "need {need} is in status {given}",
            given=need.status,
            allowed=list(allowed),
            need=need.id,
        )


def _day(text: str, pointer: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InvalidInput(pointer, "this is no day", text, "a day like 2023-08-31") from None


def evolve(need: Need | None, event: object) -> Need:
    """The need after one of its events."""
    match need, event:
        case None, NeedPosted() as e:
            return Need(
                id=e.need_id,
                authority_id=e.authority_id,
                status="identification",
                territory=e.territory,
                sector=e.sector,
                project_type=e.project_type,
                title=e.title,
                lines=e.lines,
                urgency=e.urgency,
            )
        case Need(), NeedAmended() as e:
            return need.model_copy(
                update={"lines": e.lines or need.lines, "urgency": e.urgency or need.urgency}
            )
        case Need(), ProjectSuspended():
            return need.model_copy(update={"status": "suspended"})
        case Need(), ProjectResumed():
            return need.model_copy(update={"status": "implementation"})
        case Need(), NeedWithdrawn() | ProjectCancelled():
            return need.model_copy(update={"status": "cancelled"})
        case Need(), ProjectStarted() as e:
            return need.model_copy(
                update={
                    "status": "implementation",
                    "match_ids": e.match_ids,
                    "donors": e.donors,
                    "start_date": e.start_date,
                    "planned_scope": e.planned_scope,
                }
            )
        case Need(), MilestoneRecorded() as e:
            recorded = Milestone(milestone=e.milestone, title=e.title, status=e.status, date=e.date)
            others = [m for m in need.milestones if m.milestone != e.milestone]
            ordered = sorted([*others, recorded], key=lambda m: m.milestone)
            return need.model_copy(update={"milestones": tuple(ordered)})
        case Need(), ProjectCompleted() as e:
            return need.model_copy(
                update={
                    "status": "completion",
                    "end_date": e.end_date,
                    "final_scope": e.final_scope,
                    "final_value": e.final_value,
                }
            )
        case Need(), CompletionVerified() as e:
            status = "completion" if e.finding == "refuted" else "completed"
            return need.model_copy(update={"status": status, "finding": e.finding})
    raise TypeError(f"{event!r} cannot follow {need!r}")
