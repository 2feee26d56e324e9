"""Commands of notify: load, decide, commit."""

from typing import Any, Literal

from pydantic import Field

from services.notify import model, store, vault
from services.notify.model import Recipient
from services.notify.store import needs, notices, recipients, webhooks
from services.notify.webhooks.model import wants
from shared import telemetry
from shared.actor import Command
from shared.events.facts import Line1
from shared.events.ids import ContactRef, MemberId
from shared.events.members import MemberApplied
from shared.events.notify import NoticeFailed, NoticeQueued, NoticeSent
from shared.events.registry import Event
from shared.uow import UnitOfWork


class SetContact(Command):
    """Where a contact is reached, and how it is spoken to."""

    email: str = Field(max_length=320, repr=False)
    name_for_greeting: Line1 | None = Field(None, repr=False)
    language: Literal["uk", "en"]
    timezone: str = "Europe/Kyiv"


async def set_contact(ref: ContactRef, command: SetContact, uow: UnitOfWork) -> None:
    """Write an address into the vault. Raises InvalidInput."""
    contact = vault.contact(
        command.email, command.name_for_greeting, command.language, command.timezone
    )
    await vault.put(uow.store, uow.session, ref, contact)


async def erase_contact(ref: ContactRef, uow: UnitOfWork) -> None:
    """Erase an address from the vault; notices to it fail from now on."""
    await vault.erase(uow.store, uow.session, ref)


async def tell(event: Event, uow: UnitOfWork) -> None:
    """Learn what an event says, and queue a notice for each member that is to be told."""
    await uow.learn(event)
    envelope = uow.reacting_to
    assert envelope is not None, "only a handler tells"
    told = model.audience(event, await _donors(event, uow))
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
            await store.await_member(uow.store, uow.session, recipient_id, waiting)
    if told:
        await store.keep_facts(uow.store, uow.session, envelope)


async def meet(event: MemberApplied, uow: UnitOfWork) -> None:
    """Learn who a member is, and queue what it was to be told before it was known here."""
    await uow.learn(event)
    recipient = await uow.require(recipients, event.member_id)
    for waiting in await store.awaited(uow.store, uow.session, event.member_id):
        await _queue(recipient, waiting, uow)


async def close(outcome: NoticeSent | NoticeFailed, uow: UnitOfWork) -> None:
    """Record what became of a notice; one that is closed already stays as it is."""
    notice = await uow.require(notices, outcome.notice_id)
    if notice.status == "queued":
        await uow.record(notices, outcome)
        if outcome.attempts > 1:
            attempts = uow.store[store.ATTEMPTS]
            await attempts.delete_one({"_id": outcome.notice_id}, session=uow.session)


async def _queue(recipient: Recipient, waiting: dict[str, Any], uow: UnitOfWork) -> None:
    """Queue what a recipient is told, for each place where it wants to be told."""
    await queue_mail(recipient, waiting, uow)
    kind = model.KIND_OF[waiting["message"]]
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
        telemetry.notices.add(1, {"outcome": "queued"})


async def queue_mail(recipient: Recipient, waiting: dict[str, Any], uow: UnitOfWork) -> None:
    """Queue a mail to a recipient, if it has a contact."""
    if recipient.contact_ref is None:
        telemetry.notices.add(1, {"outcome": "no-contact"})
        return
    new_id = model.notice_id(waiting["about"], recipient.id, waiting["message"])
    if await uow.get(notices, new_id) is not None:
        return
    queued = NoticeQueued(
        notice_id=new_id,
        recipient_id=recipient.id,
        contact_ref=recipient.contact_ref,
        channel="email",
        **waiting,
    )
    await uow.record(notices, queued)
    telemetry.notices.add(1, {"outcome": "queued"})


async def _donors(event: Event, uow: UnitOfWork) -> tuple[MemberId, ...]:
    if event.owner != "projects":
        return ()
    need = await uow.get(needs, event.subject)
    return need.donors if need else ()
