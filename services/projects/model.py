"""Needs and projects: state, and decisions while work is prepared and done, pure.

What is asked for is in asking.py, how work ends in ending.py.
"""

from collections.abc import Sequence
from datetime import date
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from services.projects.knowledge import Commitment
from shared.actor import Command
from shared.days import asked_day
from shared.errors import NotYours, Refused
from shared.events.facts import (
    DateText,
    Katottg,
    LocalisedText,
    MilestoneStatus,
    Money,
    ProjectSector,
    ProjectType,
    RequirementLine,
    Site,
    Text,
    Urgency,
)
from shared.events.ids import MatchId, MemberId, NeedId
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
    SuspensionCause,
    VerificationFinding,
)
from shared.lines import check_amount
from shared.log import State

Status = Literal[
    "identification",
    "preparation",
    "implementation",
    "suspended",
    "completion",
    "completed",
    "cancelled",
]
"""OC4IDS `projectStatus`: asked for; being prepared; being built; built; verified; withdrawn or
given up; and `suspended`, which can interrupt preparing and building."""


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
    urgency_reason: str | None = None
    description: LocalisedText | None = None
    damage_date: str | None = None
    site: Site | None = None
    site_withheld: bool = False
    match_ids: tuple[MatchId, ...] = ()
    donors: tuple[MemberId, ...] = ()
    suspended_from: Status | None = None
    preparation: str | None = None
    start_date: str | None = None
    planned_scope: str | None = None
    planned_end_date: str | None = None
    planned_value: tuple[Money, ...] = ()
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


class StartProject(Command):
    """When work began, and the plan: what, until when, at what cost."""

    start_date: DateText
    planned_scope: Text
    planned_end_date: DateText | None = None
    planned_value: Annotated[tuple[Money, ...], Field(max_length=20)] = ()


def prepare(need: Need, by: MemberId, plan: str) -> PreparationStarted:
    """Designs, permits and tenders begin. Raises NotYours, NeedClosed."""
    must_own(need, by)
    must_be_in(need, "identification")
    return PreparationStarted(need_id=need.id, authority_id=need.authority_id, plan=plan)


def start(
    need: Need, by: MemberId, commitments: Sequence[Commitment], plan: StartProject, today: date
) -> ProjectStarted:
    """Work begins. Raises NotYours, NeedClosed, NothingAgreed, InvalidInput."""
    must_own(need, by)
    must_be_in(need, "identification", "preparation")
    if not commitments:
        raise NothingAgreed("no match of need {need} is agreed", need=need.id)
    began = asked_day(plan.start_date, "/start_date", latest=today)
    if plan.planned_end_date is not None:
        asked_day(plan.planned_end_date, "/planned_end_date", earliest=began)
    for index, value in enumerate(plan.planned_value):
        check_amount(value, f"/planned_value/{index}")
    return ProjectStarted(
        need_id=need.id,
        authority_id=need.authority_id,
        match_ids=tuple(sorted(c.id for c in commitments)),
        donors=tuple(sorted({c.partner_id for c in commitments})),
        **plan.model_dump(),
    )


def suspend(need: Need, by: MemberId, cause: SuspensionCause, reason: str) -> ProjectSuspended:
    """Work stands still. Raises NotYours, NeedClosed."""
    must_own(need, by)
    must_be_in(need, "preparation", "implementation")
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
    must_be_in(need, "preparation", "implementation", "suspended")
    return ProjectCancelled(need_id=need.id, authority_id=need.authority_id, reason=reason)


def record_milestone(
    need: Need, by: MemberId, milestone: Milestone, today: date
) -> MilestoneRecorded:
    """A milestone as it stands. Raises NotYours, NeedClosed, InvalidInput."""
    must_own(need, by)
    must_be_in(need, "preparation", "implementation")
    asked_day(milestone.date, "/date", latest=None if milestone.status == "scheduled" else today)
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
                urgency_reason=e.urgency_reason,
                description=e.description,
                damage_date=e.damage_date,
                site=e.site,
                site_withheld=e.site_withheld,
            )
        case Need(), NeedAmended() as e:
            return need.model_copy(
                update={"lines": e.lines or need.lines, "urgency": e.urgency or need.urgency}
            )
        case Need(), ProjectSuspended():
            return need.model_copy(update={"status": "suspended", "suspended_from": need.status})
        case Need(), ProjectResumed():
            return need.model_copy(update={"status": need.suspended_from, "suspended_from": None})
        case Need(), PreparationStarted() as e:
            return need.model_copy(update={"status": "preparation", "preparation": e.plan})
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
                    "planned_end_date": e.planned_end_date,
                    "planned_value": e.planned_value,
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
