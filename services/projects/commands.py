"""Commands of projects: load, decide, commit."""

from typing import Annotated

from pydantic import Field

from services.projects import asking, ending, model, sites
from services.projects.ending import CompleteProject
from services.projects.knowledge import Authority, Commitment
from services.projects.model import Need, StartProject
from services.projects.store import authorities, commitments, needs
from shared.actor import Actor, Command
from shared.errors import NotFound, NotYours
from shared.events.facts import (
    DateText,
    LocalisedText,
    MilestoneStatus,
    ProjectSector,
    ProjectType,
    Site,
    Text,
    Urgency,
)
from shared.events.ids import NeedId
from shared.events.matches import MatchAgreed
from shared.events.members import MemberLeft
from shared.events.projects import Lines, NeedPosted, SuspensionCause, VerificationFinding
from shared.reading import Reader
from shared.uow import UnitOfWork

GONE = "the authority has left the alliance"


PlaceText = Annotated[str, Field(max_length=300, examples=["UA32080030010080493", "Бородянка"])]


class PostNeed(Command):
    """What an authority asks for, and where: `place` is a code of KATOTTG or a name, with what
    it lies in after a comma where several have it."""

    place: PlaceText
    sector: ProjectSector
    project_type: ProjectType
    title: LocalisedText
    description: LocalisedText | None = None
    lines: Lines
    urgency: Urgency = "normal"
    urgency_reason: Text | None = None
    damage_date: DateText | None = None
    site: Site | None = None
    site_withheld: bool = False


class AmendNeed(Command):
    """What changes, whole, and why."""

    reason: Text
    lines: Lines | None = None
    urgency: Urgency | None = None


class WithdrawNeed(Command):
    """Why it is asked for no more."""

    reason: Text


class PrepareProject(Command):
    """What is prepared: designs, permits, tenders."""

    plan: Text


class SuspendProject(Command):
    """Why work stands still: a code, and in words."""

    cause: SuspensionCause
    reason: Text


class Because(Command):
    """Why work goes on, or is given up."""

    reason: Text


class RecordMilestone(Command):
    """A milestone's status as of a day."""

    milestone: Annotated[int, Field(ge=1, le=1000)]
    title: LocalisedText
    status: MilestoneStatus
    date: DateText


class VerifyCompletion(Command):
    """What an independent monitor found."""

    finding: VerificationFinding
    report: Text


async def post_need(command: PostNeed, uow: UnitOfWork) -> Need:
    """Post a need of the caller's."""
    authority = await _caller(uow)
    asked = NeedPosted(
        need_id=NeedId.new(),
        authority_id=authority.id,
        territory=asking.place(command.place, authority),
        **command.model_dump(exclude={"place"}),
    )
    asking.post(asked, authority, uow.now.date())
    if asked.site is not None and asked.site_withheld:
        await sites.put(uow.store, uow.session, asked.need_id, asked.site)
    return await uow.record(needs, asking.public(asked))


async def amend_need(need_id: NeedId, command: AmendNeed, uow: UnitOfWork) -> Need:
    """Change a need of the caller's; what is agreed stays covered."""
    need, agreed = await _with_commitments(need_id, uow)
    event = asking.amend(
        need, uow.actor.member, agreed, command.reason, command.lines, command.urgency
    )
    asking.must_be_authority(await _caller(uow))
    return await uow.record(needs, event)


async def withdraw_need(need_id: NeedId, command: WithdrawNeed, uow: UnitOfWork) -> Need:
    """Withdraw a need of the caller's."""
    need, agreed = await _with_commitments(need_id, uow)
    return await uow.record(needs, asking.withdraw(need, uow.actor.member, agreed, command.reason))


async def prepare_project(need_id: NeedId, command: PrepareProject, uow: UnitOfWork) -> Need:
    """Begin to prepare what a need of the caller's asks for."""
    need = await uow.target(needs, need_id)
    event = model.prepare(need, uow.actor.member, command.plan)
    asking.must_be_authority(await _caller(uow))
    return await uow.record(needs, event)


async def start_project(need_id: NeedId, command: StartProject, uow: UnitOfWork) -> Need:
    """Begin work on a need of the caller's."""
    need, agreed = await _with_commitments(need_id, uow)
    event = model.start(need, uow.actor.member, agreed, command, uow.now.date())
    asking.must_be_authority(await _caller(uow))
    return await uow.record(needs, event)


async def suspend_project(need_id: NeedId, command: SuspendProject, uow: UnitOfWork) -> Need:
    """Suspend a project of the caller's."""
    need = await uow.target(needs, need_id)
    event = model.suspend(need, uow.actor.member, command.cause, command.reason)
    return await uow.record(needs, event)


async def resume_project(need_id: NeedId, command: Because, uow: UnitOfWork) -> Need:
    """Resume a suspended project of the caller's."""
    need = await uow.target(needs, need_id)
    return await uow.record(needs, model.resume(need, uow.actor.member, command.reason))


async def cancel_project(need_id: NeedId, command: Because, uow: UnitOfWork) -> Need:
    """Give up a project of the caller's."""
    need = await uow.target(needs, need_id)
    return await uow.record(needs, model.cancel(need, uow.actor.member, command.reason))


async def record_milestone(need_id: NeedId, command: RecordMilestone, uow: UnitOfWork) -> Need:
    """Record a milestone of a project of the caller's."""
    need = await uow.target(needs, need_id)
    milestone = model.Milestone(**command.model_dump())
    event = model.record_milestone(need, uow.actor.member, milestone, uow.now.date())
    return await uow.record(needs, event)


async def complete_project(need_id: NeedId, command: CompleteProject, uow: UnitOfWork) -> Need:
    """End a project of the caller's."""
    need = await uow.target(needs, need_id)
    event = ending.complete(need, uow.actor.member, command, uow.now.date())
    return await uow.record(needs, event)


async def verify_completion(need_id: NeedId, command: VerifyCompletion, uow: UnitOfWork) -> Need:
    """Verify a completion, as a monitor that is neither owner nor donor."""
    need, agreed = await _with_commitments(need_id, uow)
    event = ending.verify(need, await _caller(uow), agreed, command.finding, command.report)
    return await uow.record(needs, event)


async def read_site(need_id: NeedId, caller: Actor, read: Reader) -> Site:
    """Where a need is, also where that is withheld from the public. Raises NotFound, NotYours."""
    need = await read.require(needs, need_id)
    if not need.site_withheld:
        if need.site is None:
            raise NotFound("site of need", need_id)
        return need.site
    partners = await read.all(commitments, {"need_id": need_id, "released": False})
    allowed = {need.authority_id, *(c.partner_id for c in partners)}
    if "operator" not in caller.roles and caller.member_id not in allowed:
        raise NotYours("the site of need {need} is withheld for security", need=need_id)
    site = await sites.get(read.store, need_id)
    if site is None:
        raise NotFound("site of need", need_id)
    return site


async def honour_agreement(event: MatchAgreed, uow: UnitOfWork) -> None:
    """Learn of an agreement; a line that was amended below it meanwhile is raised to it."""
    await uow.learn(event)
    # An amendment or withdrawal at this moment rests on the commitments: one of the two waits.
    uow.lock(needs, event.need_id)
    need = await uow.require(needs, event.need_id)
    if need.status != "cancelled":
        for amended in asking.honour(need, await _commitments(need.id, uow)):
            await uow.record(needs, amended)


async def withdraw_needs(event: MemberLeft, uow: UnitOfWork) -> None:
    """Learn that a member is gone: what it only asked for, with nothing agreed, is withdrawn.

    What is prepared or built goes on: partners are committed to it.
    """
    await uow.learn(event)
    asked = {"authority_id": event.member_id, "status": "identification"}
    for need in await uow.find(needs, asked):
        if not await _commitments(need.id, uow):
            await uow.record(needs, asking.withdraw(need, event.member_id, [], GONE))


async def _with_commitments(need_id: NeedId, uow: UnitOfWork) -> tuple[Need, list[Commitment]]:
    need = await uow.target(needs, need_id)
    return need, await _commitments(need_id, uow)


async def _commitments(need_id: NeedId, uow: UnitOfWork) -> list[Commitment]:
    return await uow.find(commitments, {"need_id": need_id, "released": False})


async def _caller(uow: UnitOfWork) -> Authority:
    return await uow.require(authorities, uow.actor.member)
