"""Commands of notify: load, decide, commit."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from services.notify import attempts, audience, model, queries, repeating, timing, vault
from services.notify import preferences as wishes
from services.notify.attempts import AttemptId
from services.notify.contacts import commands as contacts
from services.notify.contacts.commands import Bounce
from services.notify.delivery import Queued
from services.notify.model import Notice, Recipient
from services.notify.preferences import Preferences, SetPreferences
from services.notify.store import needs, notices, preferences, recipients, webhooks
from services.notify.timing import When
from services.notify.webhooks.model import wants
from shared import crash, metrics, telemetry
from shared.actor import Command
from shared.events.envelope import rfc3339
from shared.events.facts import Text
from shared.events.ids import ContactRef, MemberId, NoticeId
from shared.events.members import MemberApplied
from shared.events.notify import Kind, NoticeFailed, NoticeQueued, NoticeSent, NoticeWithheld
from shared.events.registry import Event
from shared.uow import UnitOfWork


class RepeatNotice(Command):
    """Why a notice is sent again; everybody can read it."""

    reason: Text


class Closing(NamedTuple):
    """What became of a queued notice, and the attempts that ended with it."""

    queued: Queued
    outcome: NoticeSent | NoticeFailed
    attempts: tuple[AttemptId, ...] = ()
    bounce: Bounce | None = None


async def tell(event: Event, uow: UnitOfWork) -> None:
    """Learn what an event says, and queue a notice for each member that is to be told."""
    await uow.learn(event)
    envelope = uow.reacting_to
    assert envelope is not None, "only a handler tells"
    told = audience.told(event, await _donors(event, uow), envelope.actor)
    for recipient_id, _, message in told:
        waiting = {
            "message": message,
            "about": envelope.id,
            "about_type": envelope.type,
            "thread": model.thread(event),
        }
        if recipient := await uow.get(recipients, recipient_id):
            await _queue(recipient, waiting, uow)
        else:
            await queries.await_member(uow.store, uow.session, recipient_id, waiting)
    if told:
        await queries.keep_facts(uow.store, uow.session, envelope)


async def learn(event: Event, uow: UnitOfWork) -> None:
    """Learn what an event says; nobody is told."""
    await uow.learn(event)


async def meet(event: MemberApplied, uow: UnitOfWork) -> None:
    """Learn who a member is, tell of its application, and queue what it was to be told before it
    was known here."""
    await tell(event, uow)
    recipient = await uow.require(recipients, event.member_id)
    for waiting in await queries.awaited(uow.store, uow.session, event.member_id):
        await _queue(recipient, waiting, uow)


async def close(outcome: NoticeSent | NoticeFailed, uow: UnitOfWork) -> None:
    """Record what became of a notice; one that is closed already stays as it is."""
    notice = await uow.require(notices, outcome.notice_id)
    if notice.status == "queued":
        await uow.record(notices, outcome)


async def close_all(closings: Sequence[Closing], report: bool, uow: UnitOfWork) -> None:
    """Record what became of many notices, each because it was queued, how the attempts ended by
    which they were sent, and which addresses bounced; `report` says to tell the operator."""
    await uow.preload(closing.outcome for closing in closings)
    for closing in closings:
        uow.because(closing.queued.cause)
        with telemetry.span("close notice", parent=closing.queued.entry.traceparent):
            await close(closing.outcome, uow)
            if closing.bounce and (ref := closing.queued.notice.contact_ref):
                await contacts.suspend(ref, closing.bounce, report, uow)
    taken = [a for c in closings if isinstance(c.outcome, NoticeSent) for a in c.attempts]
    if taken:
        await attempts.close(uow.store, taken, "taken", session=uow.session)
    await uow.flush()
    crash.point("before-outcome-commit")


async def set_preferences(member: MemberId, command: SetPreferences, uow: UnitOfWork) -> None:
    """Set when a member wants its mail. Raises NotFound, NotYours."""
    await uow.require(recipients, member)
    wishes.must_be_own(member, uow.actor)
    if changed := wishes.change(await _preferences(member, uow), command):
        await uow.record(preferences, changed)


async def resend_notice(notice_id: NoticeId, command: RepeatNotice, uow: UnitOfWork) -> Notice:
    """Send what a notice says again, whatever the hour. Raises NotFound, NotOver."""
    notice = await uow.require(notices, notice_id)
    wanted = await _preferences(notice.recipient_id, uow)
    queued = repeating.repeat(notice, wanted, command.reason, NoticeId.new())
    return await uow.record(notices, queued)


async def unsubscribe(member: MemberId, kinds: Iterable[Kind], uow: UnitOfWork) -> None:
    """Turn the mail of some kinds off, as whoever holds a link from a mail wishes."""
    for kind in kinds:
        if changed := wishes.unsubscribe(await _preferences(member, uow), kind):
            await uow.record(preferences, changed)


async def _preferences(member: MemberId, uow: UnitOfWork) -> Preferences:
    return await uow.get(preferences, member) or Preferences(id=member)


async def _queue(recipient: Recipient, waiting: dict[str, Any], uow: UnitOfWork) -> None:
    """Queue what a recipient is told, for each place where it wants to be told."""
    await queue_mail(recipient, waiting, uow)
    kind = audience.MESSAGES[waiting["message"]].kind
    for webhook in await uow.find(webhooks, {"member_id": recipient.id, "status": "enabled"}):
        new_id = model.notice_id(waiting["about"], recipient.id, waiting["message"], webhook.id)
        if not wants(webhook, kind) or await uow.get(notices, new_id) is not None:
            continue
        queued = NoticeQueued(
            notice_id=new_id,
            recipient_id=recipient.id,
            webhook_id=webhook.id,
            channel="webhook",
            **waiting,
        )
        await uow.record(notices, queued)
        metrics.notices.add(1, {"channel": "webhook", "outcome": "queued"})


async def queue_mail(recipient: Recipient, waiting: dict[str, Any], uow: UnitOfWork) -> None:
    """Queue a mail to a recipient; one that has no contact has it in its feed only."""
    new_id = model.notice_id(waiting["about"], recipient.id, waiting["message"])
    if await uow.get(notices, new_id) is not None:
        return
    decided = {
        "notice_id": new_id,
        "recipient_id": recipient.id,
        "contact_ref": recipient.contact_ref,
        "channel": "email",
        **waiting,
    }
    ref = recipient.contact_ref
    when = await _when(recipient.id, ref, waiting["message"], uow) if ref else None
    if when is None:
        await uow.record(notices, NoticeWithheld.model_validate(decided))
        said = "withheld" if ref else "no-contact"
        metrics.notices.add(1, {"channel": "email", "outcome": said})
        return
    not_before = rfc3339(when.not_before) if when.not_before else None
    await uow.record(notices, NoticeQueued(**decided, not_before=not_before, digest=when.digest))
    metrics.notices.add(1, {"channel": "email", "outcome": "queued"})


async def _when(
    member: MemberId, contact_ref: ContactRef, message: str, uow: UnitOfWork
) -> When | None:
    row = audience.MESSAGES[message]
    contacts = await vault.look_up(uow.store, [contact_ref], uow.session)
    contact = contacts.get(contact_ref)
    zone = ZoneInfo(contact.timezone if contact else vault.DEFAULT_ZONE)
    return timing.when(row.kind, row.urgent, await _preferences(member, uow), zone, uow.now)


async def _donors(event: Event, uow: UnitOfWork) -> tuple[MemberId, ...]:
    if event.owner != "projects":
        return ()
    need = await uow.get(needs, event.subject)
    return need.donors if need else ()
