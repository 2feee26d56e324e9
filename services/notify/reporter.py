"""The reporter: tells the operator what could not be handled and what could not be delivered.

It looks now and then at every service's dead letters and at this service's own failed notices, and
mails what is new since it last looked, as one mail for each. How far it has told is in collection
`reports`, and moves once the mail server has taken the mail: after a crash between the two, the
mail comes again under the same Message-ID. Without an operator's contact, or while its address is
not verified, nothing is sent, and what waits is told later.
"""

import asyncio
import json
import logging
from datetime import UTC, datetime
from typing import Any

from services.notify import mail, queries, vault, wording
from services.notify.delivery import AddressRefused, MessageRefused, NotHandedOver
from services.notify.settings import NotifySettings
from services.notify.smtp import Connections
from services.notify.store import REPORTS
from services.notify.vault import Contact
from shared.events.notify import NoticeFailed
from shared.kafka import BrokerAway, RecordGone
from shared.log import LOG
from shared.service import Service
from shared.worker import Lease, Worker

log = logging.getLogger("alliance.notify")

CONSUMERS = ("projects", "matching", "notify")
"""The services that may have dead letters; their topics are read here and by nobody else."""

TOLD = frozenset({"gave-up", "message-refused", "no-address"})
"""Reasons of a failed notice that an operator can do something about and is not told otherwise."""

FAILED = "failed notices"
"""What `reports` has the position in our own log under."""


class Reporter:
    """The reporter of one instance; `worker` runs it."""

    def __init__(self, service: Service) -> None:
        assert isinstance(service.settings, NotifySettings)
        self._settings = service.settings
        self._store = service.store
        self._reader = service.reader
        self._connections = Connections(service.settings)
        self._look_at = 0.0
        self.worker = Worker(
            service.store,
            "reporter",
            self.step,
            ttl=service.settings.lease_seconds,
            poll=service.settings.poll_seconds,
        )

    async def step(self, lease: Lease) -> bool:
        """Look at everything, where it is time; never more than that at once."""
        now = asyncio.get_running_loop().time()
        to = self._settings.operator_contact
        if to is None or now < self._look_at:
            return False
        self._look_at = now + self._settings.report_seconds
        contact = (await vault.look_up(self._store, [to])).get(to)
        standing = (await queries.contacts_standing(self._store, [to])).get(to)
        if contact is None or standing is None or standing.status != "verified":
            return False
        try:
            for service in CONSUMERS:
                try:
                    await self._dead_letters(service, contact)
                except (BrokerAway, RecordGone) as error:
                    log.warning("dead letters of %s are told of later: %s", service, error)
            await self._failed_notices(contact)
        except (NotHandedOver, AddressRefused, MessageRefused) as error:
            log.warning("the operator is told later: %s", error)
        await self._connections.rest()
        return False

    async def _dead_letters(self, service: str, contact: Contact) -> None:
        topic = f"{service}.dead-letters"
        told = await self._told(topic)
        end = await self._reader.end(topic, 0)
        if end <= told:
            return
        first = await self._reader.read(topic, 0, told)
        said = dict(first.headers)
        facts = {
            "service": service,
            "count": end - told,
            "topic": topic,
            "first": f"{service}/{told}",
            "error": (said.get("dlq-error") or b"").decode("utf-8", "replace"),
        }
        await self._mail("dead-letters", f"{topic}-{told}", facts, contact)
        await self._tell(topic, end)

    async def _failed_notices(self, contact: Contact) -> None:
        told = await self._told(FAILED)
        last = await self._store[LOG].find_one(
            {"position": {"$gte": told}}, {"position": 1}, sort=[("position", -1)]
        )
        if last is None:
            return
        upto = int(last["position"])
        query = {"position": {"$gte": told, "$lte": upto}, "type": NoticeFailed.ce_type()}
        first: NoticeFailed | None = None
        count = 0
        async for entry in self._store[LOG].find(query, {"data": 1}).sort("position", 1):
            failed = NoticeFailed.model_validate(json.loads(entry["data"]))
            if failed.channel == "email" and failed.reason in TOLD:
                first = first or failed
                count += 1
        if first is not None:
            facts = {
                "count": count,
                "notice": str(first.notice_id),
                "recipient": first.recipient_id,
                "message": first.message,
                "reason": first.reason,
                "attempts": first.attempts,
            }
            await self._mail("delivery-failed", f"delivery-failed-{told}", facts, contact)
        await self._tell(FAILED, upto + 1)

    async def _mail(
        self, message: str, mail_id: str, facts: dict[str, Any], contact: Contact
    ) -> None:
        recipient = facts.get("recipient")
        written = wording.operation(
            message,
            facts,
            await queries.titles(self._store, [recipient] if recipient else []),
            language=contact.language,
            zone=contact.timezone,
            name=contact.name_for_greeting,
        )
        composed = mail.compose(
            notice_id=mail_id,
            thread=None,
            mail_from=self._settings.mail_from,
            to=contact.email,
            written=written,
            language=contact.language,
            now=datetime.now(UTC),
        )
        await self._connections.hand_over(mail.flat(composed, contact.email), contact.email)
        log.info("the operator was told: %s", mail_id)

    async def _told(self, what: str) -> int:
        """What is to be told next: an offset, or a position."""
        found = await self._store[REPORTS].find_one({"_id": what}) or {}
        return int(found.get("next", 0))

    async def _tell(self, what: str, following: int) -> None:
        query = {"_id": what}
        await self._store[REPORTS].update_one(query, {"$set": {"next": following}}, upsert=True)


def worker(service: Service) -> Worker:
    """The reporter of a service, for its `workers`."""
    return Reporter(service).worker
