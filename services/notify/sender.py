"""The sender: hands queued notices to the mail server, and records what became of each.

Only this sends, and only what is queued in the live store, so a replay never does. The address is
looked up and the state checked again at the moment of sending. What was handed over is kept in
memory until it is recorded: a store that goes away in between is waited for, without a second
mail. Only the death of this process in between sends a mail twice, under the same Message-ID.
"""

import asyncio
import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from opentelemetry.trace import SpanKind
from pymongo import ReturnDocument

from services.notify import commands, mail, model, store, vault, wording
from services.notify.delivery import AddressRefused, MessageRefused, NotHandedOver, ServerAway
from services.notify.mail import Mailer
from services.notify.model import Notice
from services.notify.settings import NotifySettings
from services.notify.vault import Contact
from services.notify.wording import Letter, Titles
from shared import telemetry
from shared.actor import Cause
from shared.events import Envelope, Event, read_event
from shared.events.notify import FailureReason, NoticeFailed, NoticeSent
from shared.log import LOG, envelope, held
from shared.mongo import is_away
from shared.service import Service
from shared.worker import Lease, Worker

log = logging.getLogger("alliance.notify")

BATCH = 50
LONGEST_PAUSE = 900.0
LONGEST_AWAY = 30.0
BROKEN_PAUSE = 60.0
FEWEST_ATTEMPTS = 5
"""So many attempts are made at the least, however old the notice is."""

Outcome = NoticeSent | NoticeFailed


@dataclass(frozen=True)
class Queued:
    """A queued notice and the log's entry that says so."""

    notice: Notice
    entry: Envelope

    @property
    def age(self) -> float:
        """Seconds since it was queued."""
        return (datetime.now(UTC) - datetime.fromisoformat(self.entry.time)).total_seconds()

    @property
    def cause(self) -> Cause:
        """What its outcome follows from: its queueing, in our own log."""
        return Cause(self.entry.correlation_id, self.entry.id, own=True)


class Sender:
    """The sender of one instance; `worker` runs it."""

    def __init__(self, service: Service) -> None:
        assert isinstance(service.settings, NotifySettings)
        self._settings = service.settings
        self._service = service
        self._store = service.store
        self._mailer = Mailer(service.settings)
        self._later: dict[str, float] = {}
        self._outcomes: dict[str, Outcome] = {}
        self._away_until = 0.0
        self._away_pause = 0.0
        self.worker = Worker(
            service.store,
            "sender",
            self.step,
            ttl=service.settings.lease_seconds,
            poll=service.settings.poll_seconds,
        )

    async def step(self, lease: Lease) -> bool:
        """Take the first notices that are due, in the order in which they were queued."""
        now = asyncio.get_running_loop().time()
        self._later = {key: due for key, due in self._later.items() if due > now}
        if now < self._away_until:
            return False
        documents = await store.queued(self._store, self._later, BATCH)
        for document in documents:
            await self._undisturbed(document)
            if self._away_until > now:
                return False
        if not documents:
            await self._mailer.rest()
        return bool(documents)

    async def _undisturbed(self, document: dict[str, Any]) -> None:
        """A hand-over that has begun is finished and recorded, also when we are told to stop."""
        task = asyncio.ensure_future(self._take(document))
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            await asyncio.wait({task}, timeout=10)
            task.cancel()
            raise

    async def _take(self, document: dict[str, Any]) -> None:
        notice = held(store.notices, document).state
        entry = await self._store[LOG].find_one({"_id": document["last_event"]})
        assert notice is not None
        assert entry is not None
        queued = Queued(notice, envelope(self._service.name, entry))
        with telemetry.span(
            "send mail",
            SpanKind.CLIENT,
            parent=queued.entry.traceparent,
            event_id=queued.entry.id,
            server__address=self._settings.smtp_host,
            server__port=self._settings.smtp_port,
            alliance__notice__id=notice.id,
            alliance__notice__message=notice.message,
        ) as span:
            if notice.id not in self._outcomes:
                outcome = await self._try(queued)
                if outcome is None:
                    span.set_attribute("alliance.notice.outcome", "later")
                    return
                self._outcomes[notice.id] = outcome
            outcome = self._outcomes[notice.id]
            span.set_attribute("alliance.notice.outcome", outcome.type)
            await self._service.command(lambda uow: commands.close(outcome, uow), queued.cause)
            del self._outcomes[notice.id]
            said = outcome.reason if isinstance(outcome, NoticeFailed) else "sent"
            telemetry.notices.add(1, {"outcome": said})
            log.info("notice %s: %s", notice.id, said)

    async def _try(self, queued: Queued) -> Outcome | None:
        """Decide, and let no notice stand in the way of the others: an error is ours to repair,
        and what it says may hold an address, so only its kind is logged."""
        try:
            return await self._decide(queued)
        except Exception as error:
            if is_away(error):
                raise
            log.error("notice %s can't be sent: %s", queued.notice.id, type(error).__name__)
            self._later[queued.notice.id] = asyncio.get_running_loop().time() + BROKEN_PAUSE
            return None

    async def _decide(self, queued: Queued) -> Outcome | None:
        """Send it, or say why not; None for later."""
        notice = queued.notice
        facts = await store.facts(self._store, notice.about)
        if facts is None:
            return self._wait(queued)
        event = read_event(facts)
        match_id = getattr(event, "match_id", None)
        match = await store.match(self._store, match_id) if match_id else None
        if model.superseded(notice, match):
            return _failed(notice, "superseded", 0)
        contact = await vault.look_up(self._store, notice.contact_ref or "")
        if contact is None:
            return _failed(notice, "no-address", 0)
        named = wording.named(event)
        titles = await store.titles(self._store, named)
        if not named <= titles.keys() and queued.age < self._settings.facts_patience_seconds:
            return self._wait(queued)  # the topic they come by is behind
        letter = Letter(
            event=event,
            about=notice.about,
            time=facts.time,
            message=notice.message,
            party=await self._party(event, notice),
            match_status=match.status if match else "proposed",
        )
        return await self._send(queued, letter, titles, contact)

    async def _send(
        self, queued: Queued, letter: Letter, titles: Titles, contact: Contact
    ) -> Outcome | None:
        notice = queued.notice
        subject, text = wording.write(
            letter,
            titles,
            language=contact.language,
            zone=contact.timezone,
            name=contact.name_for_greeting,
        )
        message = mail.compose(
            notice_id=notice.id,
            thread=notice.thread,
            mail_from=self._settings.mail_from,
            to=contact.email,
            subject=subject,
            text=text,
            language=contact.language,
            now=datetime.now(UTC),
        )
        before = await self._store[store.ATTEMPTS].find_one({"_id": notice.id})
        attempts = 1 + (before["failed"] if before else 0)
        try:
            await self._mailer.hand_over(message, contact.email)
        except AddressRefused:
            return _failed(notice, "address-refused", attempts)
        except MessageRefused:
            return _failed(notice, "message-refused", attempts)
        except NotHandedOver as error:
            return await self._try_later(queued, error)
        self._away_pause = 0.0
        return NoticeSent(
            notice_id=notice.id,
            recipient_id=notice.recipient_id,
            channel=notice.channel,
            message=notice.message,
            language=contact.language,
            message_id=message["Message-ID"],
            attempts=attempts,
        )

    async def _try_later(self, queued: Queued, error: NotHandedOver) -> Outcome | None:
        notice, now = queued.notice, asyncio.get_running_loop().time()
        tried = await self._store[store.ATTEMPTS].find_one_and_update(
            {"_id": notice.id},
            {"$inc": {"failed": 1}},
            upsert=True,
            return_document=ReturnDocument.AFTER,
        )
        attempts = int(tried["failed"])
        telemetry.notices.add(1, {"outcome": "later"})
        if isinstance(error, ServerAway):
            if not self._away_pause:
                log.warning("the mail server is away, notices wait: %s", error)
            self._away_pause = min(max(self._away_pause * 2, 0.5), LONGEST_AWAY)
            self._away_until = now + self._away_pause
        else:
            log.info("notice %s is tried later: %s", notice.id, error)
            pause = self._settings.send_retry_seconds * 2.0 ** min(attempts - 1, 20)
            self._later[notice.id] = now + min(pause, LONGEST_PAUSE)
        if attempts >= FEWEST_ATTEMPTS and queued.age > self._settings.send_give_up_seconds:
            return _failed(notice, "gave-up", attempts)
        return None

    def _wait(self, queued: Queued) -> Outcome | None:
        """Facts are still on their way."""
        if queued.age > self._settings.send_give_up_seconds:
            return _failed(queued.notice, "gave-up", 0)
        self._later[queued.notice.id] = asyncio.get_running_loop().time() + 1.0
        return None

    async def _party(self, event: Event, notice: Notice) -> model.Party | None:
        need = await self._store[store.needs.name].find_one({"_id": event.subject}) or {}
        told = model.audience(event, need.get("donors", ()))
        return next((t.party for t in told if t.recipient_id == notice.recipient_id), None)


def worker(service: Service) -> Worker:
    """The sender of a service, for its `workers`."""
    return Sender(service).worker


def _failed(notice: Notice, reason: FailureReason, attempts: int) -> NoticeFailed:
    return NoticeFailed(
        notice_id=notice.id,
        recipient_id=notice.recipient_id,
        channel=notice.channel,
        message=notice.message,
        reason=reason,
        attempts=attempts,
    )
