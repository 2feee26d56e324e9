"""The courier: hands queued notices to webhooks, each webhook in a lane of its own.

As with mail, only what is queued in the live store is sent, so a replay sends nothing; an attempt
is noted before it is made; an outcome is kept in memory until the store has it. A server that is
out of reach holds up its own lane; a message that it does not take holds up no other.
"""

import asyncio
import logging
from typing import Any

from opentelemetry.trace import SpanKind

from services.notify import commands, queries, store
from services.notify.delivery import Queued
from services.notify.model import Notice
from services.notify.settings import NotifySettings
from services.notify.webhooks import attempts
from services.notify.webhooks.commands import PING, disable_webhook
from services.notify.webhooks.sending import Ended, Sending
from shared import metrics, telemetry
from shared.events.ids import WebhookId
from shared.events.notify import NoticeFailed
from shared.log import LOG, envelope, held
from shared.service import Service
from shared.uow import UnitOfWork
from shared.worker import Lease, Worker

log = logging.getLogger("alliance.notify")

BATCH = 20
NEXT_LOOK = 2.0
"""Seconds after which a lane in which nothing was due is looked at again."""


class Courier:
    """The courier of one instance; `worker` runs it."""

    def __init__(self, service: Service) -> None:
        assert isinstance(service.settings, NotifySettings)
        self._settings = service.settings
        self._service = service
        self._store = service.store
        self._sending = Sending(service.store, service.settings)
        self._lanes: dict[str, asyncio.Task[None]] = {}
        self._stopping = False
        self._paused: dict[str, float] = {}
        self._later: dict[str, float] = {}
        self._ended: dict[str, Ended] = {}
        self.worker = Worker(
            service.store,
            "courier",
            self.step,
            begin=self._begin,
            ttl=service.settings.lease_seconds,
            poll=service.settings.poll_seconds,
        )

    async def _begin(self, lease: Lease) -> None:
        if number := await attempts.give_up_on_open_ones(self._store):
            log.warning("%s attempts were begun and never closed: they are made again", number)

    async def step(self, lease: Lease) -> bool:
        """Keep lanes running as long as there is anything for them."""
        self._stopping = False
        try:
            while await self._start_lanes():
                done, _ = await asyncio.wait(
                    self._lanes.values(),
                    timeout=self._settings.poll_seconds,
                    return_when=asyncio.FIRST_COMPLETED,
                )
                self._lanes = {k: lane for k, lane in self._lanes.items() if lane not in done}
                for lane in done:
                    lane.result()
        finally:
            await self._finish()
        return False

    async def _start_lanes(self) -> bool:
        """Start a lane for each webhook that has something due; whether any runs."""
        now = asyncio.get_running_loop().time()
        self._later = {key: due for key, due in self._later.items() if due > now}
        self._paused = {key: until for key, until in self._paused.items() if until > now}
        pinged = await queries.with_queued_notices(self._store, self._later, PING)
        queued = await queries.with_queued_notices(self._store)
        waiting = [key for key in queued if key not in self._paused]
        for webhook_id in dict.fromkeys((*pinged, *waiting)):
            if webhook_id not in self._lanes and len(self._lanes) < self._settings.webhooks_at_once:
                self._lanes[webhook_id] = asyncio.create_task(self._lane(webhook_id))
        return bool(self._lanes)

    async def _finish(self) -> None:
        """What has begun is finished and recorded, also when we are told to stop."""
        lanes = list(self._lanes.values())
        self._stopping = True
        if lanes:
            await asyncio.wait(lanes, timeout=self._settings.webhook_timeout_seconds + 2)
        for lane in lanes:
            lane.cancel()
        await asyncio.gather(*lanes, return_exceptions=True)
        self._lanes = {}

    def _pause(self, webhook_id: str, seconds: float) -> None:
        self._paused[webhook_id] = asyncio.get_running_loop().time() + seconds

    async def _lane(self, webhook_id: str) -> None:
        """A webhook's notices, in the order they were queued; a ping first, also in a pause."""
        for document in await queries.queued_for(self._store, webhook_id, self._later, BATCH, PING):
            await self._take(document)
        while webhook_id not in self._paused and not self._stopping:
            documents = await queries.queued_for(self._store, webhook_id, self._later, BATCH)
            for document in documents:
                await self._take(document)
                if webhook_id in self._paused or self._stopping:
                    return
            if not documents:
                self._pause(webhook_id, NEXT_LOOK if self._later else 0.0)

    async def _take(self, document: dict[str, Any]) -> None:
        notice = held(store.notices, document).state
        entry = await self._store[LOG].find_one({"_id": document["last_event"]})
        assert notice is not None
        assert entry is not None
        queued = Queued(notice, envelope(self._service.name, entry))
        with telemetry.span(
            "send webhook",
            SpanKind.CLIENT,
            parent=queued.entry.traceparent,
            event_id=queued.entry.id,
            alliance__notice__id=notice.id,
            alliance__notice__message=notice.message,
        ) as span:
            ended = self._ended.get(notice.id) or await self._try(queued)
            if ended is None:
                span.set_attribute("alliance.notice.outcome", "later")
                return
            self._ended[notice.id] = ended
            span.set_attribute("alliance.notice.outcome", ended.outcome.type)
            await self._service.command(lambda uow: _close(notice, ended, uow), queued.cause)
            del self._ended[notice.id]
            said = ended.outcome.reason if isinstance(ended.outcome, NoticeFailed) else "sent"
            metrics.notices.add(1, {"channel": "webhook", "outcome": said})
            log.info("notice %s: %s", notice.id, said)

    async def _try(self, queued: Queued) -> Ended | None:
        """Send it, and let it or its lane wait where that is what came of it."""
        found = await self._sending.attempt(queued)
        if found.pause and queued.notice.webhook_id is not None:
            self._pause(queued.notice.webhook_id, found.pause)
        if isinstance(found, Ended):
            return found
        self._later[queued.notice.id] = asyncio.get_running_loop().time() + found.seconds
        return None


def worker(service: Service) -> Worker:
    """The courier of a service, for its `workers`."""
    return Courier(service).worker


async def _close(notice: Notice, ended: Ended, uow: UnitOfWork) -> None:
    await commands.close(ended.outcome, uow)
    if ended.disable is not None:
        await disable_webhook(WebhookId(notice.webhook_id or ""), ended.disable, uow)
