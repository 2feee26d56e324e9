"""What projects publishes: needs, and the projects they become (the OC4IDS life cycle)."""

from typing import Annotated, Literal

from pydantic import Field

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
from shared.events.registry import Event, Fact

Lines = Annotated[tuple[RequirementLine, ...], Field(min_length=1, max_length=200)]


class NeedPosted(Event, type="need-posted", version=1, owner="projects", subject="need_id"):
    """A Ukrainian authority asks for something. Subject: the need's id.

    `territory` is the chain of KATOTTG codes from the place up to the oblast; its first is the
    most exact that is public. Where the site is withheld for security, that is the hromada, and
    `site` is absent although there is one.
    """

    need_id: NeedId
    authority_id: MemberId
    territory: Annotated[tuple[Katottg, ...], Field(min_length=1)]
    sector: ProjectSector
    project_type: ProjectType
    title: LocalisedText
    description: LocalisedText | None = None
    lines: Lines
    urgency: Urgency
    urgency_reason: Text | None = None
    damage_date: DateText | None = None
    site: Site | None = None
    site_withheld: bool = False


class NeedAmended(Event, type="need-amended", version=1, owner="projects", subject="need_id"):
    """A need's owner changed it: what was, what is, and why. Subject: the need's id.

    `lines` and `urgency` hold the whole new value, their `_before` the old one; a field that
    did not change is absent.
    """

    need_id: NeedId
    authority_id: MemberId
    reason: Text
    lines: Lines | None = None
    lines_before: Lines | None = None
    urgency: Urgency | None = None
    urgency_before: Urgency | None = None


class NeedWithdrawn(Event, type="need-withdrawn", version=1, owner="projects", subject="need_id"):
    """A need is asked for no more, with the reason. Subject: the need's id."""

    need_id: NeedId
    authority_id: MemberId
    reason: Text


class PreparationStarted(
    Event, type="preparation-started", version=1, owner="projects", subject="need_id"
):
    """A need is being prepared: designs, permits, tenders. Subject: the need's id."""

    need_id: NeedId
    authority_id: MemberId
    plan: Text


class ProjectStarted(Event, type="project-started", version=1, owner="projects", subject="need_id"):
    """Work on a need began: it is a project in implementation. Subject: the need's id.

    `donors` are the partners with an agreed match at that moment.
    """

    need_id: NeedId
    authority_id: MemberId
    match_ids: tuple[MatchId, ...]
    donors: tuple[MemberId, ...]
    start_date: DateText
    planned_scope: Text
    planned_end_date: DateText | None = None
    planned_value: tuple[Money, ...] = ()


class MilestoneRecorded(
    Event, type="milestone-recorded", version=1, owner="projects", subject="need_id"
):
    """A milestone's status as of a day. Subject: the need's id."""

    need_id: NeedId
    authority_id: MemberId
    milestone: Annotated[int, Field(ge=1, le=1000)]
    title: LocalisedText
    status: MilestoneStatus
    status_before: MilestoneStatus | None = None
    date: DateText


SuspensionCause = Literal["security", "weather", "funding", "permits", "supply", "other"]
"""Why work on a project stands still."""


class ProjectSuspended(
    Event, type="project-suspended", version=1, owner="projects", subject="need_id"
):
    """Work stands still for a while, and why. Subject: the need's id."""

    need_id: NeedId
    authority_id: MemberId
    cause: SuspensionCause
    reason: Text


class ProjectResumed(Event, type="project-resumed", version=1, owner="projects", subject="need_id"):
    """Work goes on. Subject: the need's id."""

    need_id: NeedId
    authority_id: MemberId
    reason: Text


class ProjectCancelled(
    Event, type="project-cancelled", version=1, owner="projects", subject="need_id"
):
    """Work will not be ended, and why. Subject: the need's id."""

    need_id: NeedId
    authority_id: MemberId
    reason: Text


class EndDateChange(Fact):
    """That work ended on another day than planned, and why (OC4IDS `endDateDetails`)."""

    planned: DateText
    final: DateText
    reason: Text


class ValueChange(Fact):
    """That the project cost another sum than planned, and why (OC4IDS `finalValueDetails`)."""

    planned: tuple[Money, ...]
    final: tuple[Money, ...]
    reason: Text


class ScopeChange(Fact):
    """How the final scope differs from the plan, and why (OC4IDS `completion`)."""

    planned: Text
    final: Text
    reason: Text


class ProjectCompleted(
    Event, type="project-completed", version=1, owner="projects", subject="need_id"
):
    """Work ended (OC4IDS `completion`): end date, final value and scope. Subject: the need."""

    need_id: NeedId
    authority_id: MemberId
    end_date: DateText
    final_value: tuple[Money, ...]
    final_scope: Text
    scope_change: ScopeChange | None = None
    end_date_change: EndDateChange | None = None
    value_change: ValueChange | None = None


VerificationFinding = Literal["confirmed", "confirmed-with-reservations", "refuted"]


class CompletionVerified(
    Event, type="completion-verified", version=1, owner="projects", subject="need_id"
):
    """An independent monitor says what it found. Subject: the need's id.

    The monitor is neither the need's owner nor one of its donors.
    """

    need_id: NeedId
    authority_id: MemberId
    monitor_id: MemberId
    finding: VerificationFinding
    report: Text
