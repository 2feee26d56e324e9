"""The verifier: sends the mails about addresses, to whoever reads one and to the operator.

They are no notices: the first goes where nothing else may be sent yet. As with notices, what is
due is recorded, and what became of it; a replay sends nothing. A mail that was handed over is
remembered until the store has it; one whose hand-over we did not live to record is sent again
under the same Message-ID.
"""

import asyncio
import logging
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from typing import NamedTuple

from opentelemetry.trace import SpanKind

from services.notify import mail, queries, vault, wording
from services.notify.contacts import commands, model
from services.notify.contacts.commands import Bounce
from services.notify.contacts.model import ContactState
from services.notify.delivery import AddressRefused, MessageRefused, NotHandedOver
from services.notify.layout import Written
from services.notify.settings import NotifySettings
from services.notify.smtp import Connections
from services.notify.store import contact_states
from services.notify.vault import Contact
from shared import telemetry
from shared.actor import Cause
from shared.events import Envelope
from shared.events.envelope import rfc3339
from shared.events.notify import ContactMail, ContactMailFailed, ContactMailSent
from shared.log import held
from shared.service import Service
from shared.uow import UnitOfWork
from shared.worker import Lease, Worker

log = logging.getLogger("alliance.notify")

AT_ONCE = 4
STOPPING_SECONDS = 10.0
LONGEST_PAUSE = 900.0
WAIT_SECONDS = 5.0
"""So long a report waits for the operator's own address to be verified."""

Outcome = ContactMailSent | ContactMailFailed


class Due(NamedTuple):
    """A mail that is due, about which contact, and the event that made it so."""

    state: ContactState
    mail: ContactMail
    entry: Envelope

    @property
    def key(self) -> str:
        """What its Message-ID is made of."""
        return model.mail_id(self.state, self.mail)

    @property
    def old(self) -> float:
        """Seconds since it is due."""
        return (datetime.now(UTC) - datetime.fromisoformat(self.entry.time)).total_seconds()


class NoPublicUrl(RuntimeError):
    """No link can be made; the operator sets one of two variables."""


class Verifier:
    """The verifier of one instance; `worker` runs it."""

    def __init__(self, service: Service) -> None:
        assert isinstance(service.settings, NotifySettings)
        self._settings = service.settings
        self._service = service
        self._store = service.store
        self._connections = Connections(service.settings)
        self._later: dict[str, tuple[float, float]] = {}
        """When each contact's mail is tried again, and the pause before that."""
        self._ended: dict[str, tuple[Due, Outcome, Bounce | None]] = {}
        self.worker = Worker(
            service.store,
            "verifier",
            self.step,
            ttl=service.settings.lease_seconds,
            poll=service.settings.poll_seconds,
        )

    async def step(self, lease: Lease) -> bool:
        """Send what is due, some at a time; an attempt that has begun is finished and recorded."""
        for key in list(self._ended):  # handed over, and the store would not have it
            await self._record(key)
        now = asyncio.get_running_loop().time()
        waiting = [ref for ref, (at, _) in self._later.items() if at > now]
        documents = await queries.contacts_with_mail(self._store, waiting, AT_ONCE)
        entries = await queries.entries(self._store, [d["last_event"] for d in documents])
        due = []
        for document in documents:
            state = held(contact_states, document).state
            assert state is not None
            due.append(Due(state, state.due[0], entries[document["last_event"]]))
        sending = [asyncio.create_task(self._send(each)) for each in due]
        try:
            if sending:
                await asyncio.wait(sending)
        except asyncio.CancelledError:
            await asyncio.wait(sending, timeout=STOPPING_SECONDS)
            for task in sending:
                task.cancel()
            raise
        sent = [task.result() for task in sending]
        if not any(sent):
            await self._connections.rest()
        return any(sent)

    async def _send(self, due: Due) -> bool:
        """Hand one mail over and record it; whether anything came of it."""
        with telemetry.span(
            "send mail",
            SpanKind.CLIENT,
            parent=due.entry.traceparent,
            event_id=due.entry.id,
            alliance__contact__mail=due.mail,
        ):
            return await self._sent(due)

    async def _sent(self, due: Due) -> bool:
        if due.old > self._settings.send_give_up_seconds:
            self._end(due, "gave-up")
        else:
            message, contact = await self._written(due)
            if message is None or contact is None:
                return self._put_off(due, WAIT_SECONDS)
            try:
                await self._connections.hand_over(mail.flat(message, contact.email), contact.email)
            except AddressRefused as error:
                bounce = Bounce(contact.edition, error.code) if error.code else None
                self._end(due, "address-refused", bounce)
            except MessageRefused:
                self._end(due, "message-refused")
            except NotHandedOver as error:
                log.info("mail %s is tried later: %s", due.key, error)
                _, before = self._later.get(due.state.id, (0.0, 0.0))
                first = self._settings.send_retry_seconds
                return self._put_off(due, min(max(2 * before, first), LONGEST_PAUSE))
            else:
                self._end(due, message["Message-ID"])
        await self._record(due.key)
        return True

    def _end(self, due: Due, how: str, bounce: Bounce | None = None) -> None:
        of = {
            "contact_ref": due.state.id,
            "edition": due.state.edition,
            "mail": due.mail,
            "number": due.state.number(due.mail),
        }
        outcome: Outcome = (
            ContactMailSent.model_validate(of | {"message_id": how})
            if how.startswith("<")
            else ContactMailFailed.model_validate(of | {"reason": how})
        )
        self._ended[due.key] = (due, outcome, bounce)

    async def _record(self, key: str) -> None:
        due, outcome, bounce = self._ended[key]
        report = self._settings.operator_contact is not None

        async def close(uow: UnitOfWork) -> None:
            await commands.close_mail(outcome, uow)
            if bounce and due.mail == "verification":
                await commands.suspend(due.state.id, bounce, report, uow)

        cause = Cause(due.entry.correlation_id, due.entry.id, own=True)
        await self._service.command(close, cause)
        del self._ended[key]
        self._later.pop(due.state.id, None)
        said = outcome.reason if isinstance(outcome, ContactMailFailed) else "sent"
        log.info("mail %s about contact %s: %s", key, due.state.id, said)

    def _put_off(self, due: Due, seconds: float) -> bool:
        self._later[due.state.id] = (asyncio.get_running_loop().time() + seconds, seconds)
        return False

    async def _written(self, due: Due) -> tuple[EmailMessage | None, Contact | None]:
        """The mail and whom it is to; None where that cannot be written to now."""
        to = due.state.id if due.mail == "verification" else self._settings.operator_contact
        contact = (await vault.look_up(self._store, [to])).get(to) if to else None
        if contact is None or to is None:
            return None, None
        if due.mail == "verification":
            written = await self._verification(due.state, contact)
        else:
            standing = (await queries.contacts_standing(self._store, [to])).get(to)
            verified = standing is not None and standing.status == "verified"
            written = await self._report(due.state, contact) if verified else None
        if written is None:
            return None, None
        message = mail.compose(
            notice_id=due.key,
            thread=None,
            mail_from=self._settings.mail_from,
            to=contact.email,
            written=written,
            language=contact.language,
            now=datetime.now(UTC),
        )
        return message, contact

    async def _verification(self, state: ContactState, contact: Contact) -> Written | None:
        """Without the name: whoever gets it may be another than was meant."""
        if self._settings.own_url is None:
            raise NoPublicUrl("set ALLIANCE_NOTIFY_URL or ALLIANCE_PUBLIC_URL to verify addresses")
        until = datetime.now(UTC) + timedelta(days=self._settings.verification_days)
        token = await vault.new_link(self._store, state.id, state.edition, until)
        if token is None:
            return None
        return wording.verification(
            f"{self._settings.own_url}/verifications/{token}",
            contact.language,
            valid_until=rfc3339(until),
            zone=contact.timezone,
        )

    async def _report(self, state: ContactState, contact: Contact) -> Written:
        members = await queries.members_of_contact(self._store, state.id)
        names = await queries.titles(self._store, members)
        facts = {"member": members[0] if members else None, "contact": state.id}
        return wording.operation(
            "address-suspended",
            facts | {"reason": f"SMTP {state.code}"},
            names,
            language=contact.language,
            zone=contact.timezone,
            name=contact.name_for_greeting,
        )


def worker(service: Service) -> Worker:
    """The verifier of a service, for its `workers`."""
    return Verifier(service).worker
