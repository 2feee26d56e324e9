"""The courier: hands queued notices to webhooks, each webhook in a lane of its own.

As with mail, only what is queued in the live store is sent, so a replay sends nothing; an attempt
is noted before it is made; an outcome is kept in memory until the store has it. A server that is
out of reach holds up its own lane; a message that it does not take holds up no other.
"""

import asyncio
import logging
import random
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from opentelemetry.trace import SpanKind

from services.notify import commands, model, queries, store
from services.notify.delivery import (
    AddressRefused,
    MessageRefused,
    NotHandedOver,
    Queued,
    ServerAway,
)
from services.notify.model import Notice
from services.notify.settings import NotifySettings
from services.notify.webhooks import addresses, attempts, endpoints, payload, signing
from services.notify.webhooks.attempts import SoFar
from services.notify.webhooks.commands import PING, disable_webhook
from services.notify.webhooks.endpoints import Endpoint
from services.notify.webhooks.handing import Busy, Hands, NotThere
from services.notify.webhooks.model import Webhook
from shared import crash, metrics, telemetry
from shared.errors import InvalidInput
from shared.events import read_event
from shared.events.ids import WebhookId
from shared.events.notify import DisabledCause, FailureReason, NoticeFailed, NoticeSent
from shared.log import LOG, envelope, held
from shared.mongo import is_away
from shared.service import Service
from shared.uow import UnitOfWork
from shared.worker import Lease, Worker

log = logging.getLogger("alliance.notify")

BATCH = 20
FASTER = 4.0
"""Each pause is so many times the one before."""

LONGEST_AWAY = 900.0
BROKEN_PAUSE = 60.0
NEXT_LOOK = 2.0
"""Seconds after which a lane in which nothing was due is looked at again."""

OUTCOMES: tuple[tuple[type[NotHandedOver], attempts.Outcome], ...] = (
    (AddressRefused, "gone"),
    (MessageRefused, "redirected"),
    (Busy, "busy"),
    (NotThere, "no-address"),
    (ServerAway, "no-answer"),
    (NotHandedOver, "refused"),
)


@dataclass(frozen=True)
class Ended:
    """What became of a notice, and whether its webhook is disabled for it."""

    outcome: NoticeSent | NoticeFailed
    disable: DisabledCause | None = None


class Courier:
    """The courier of one instance; `worker` runs it."""

    def __init__(self, service: Service) -> None:
        assert isinstance(service.settings, NotifySettings)
        self._settings = service.settings
        self._service = service
        self._store = service.store
        self._hands = Hands(
            service.settings.webhook_timeout_seconds, service.settings.webhooks_allow_loopback
        )
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
        """Decide, and let no notice stand in the way of others: an error is ours to repair, and
        what it says may hold a URL, so only its kind is logged."""
        try:
            return await self._decide(queued)
        except Exception as error:
            if is_away(error):
                raise
            log.error("notice %s can't be sent: %s", queued.notice.id, type(error).__name__)
            self._wait(queued, BROKEN_PAUSE)
            return None

    async def _decide(self, queued: Queued) -> Ended | None:
        """Send it, or say why not; None for later."""
        notice, now = queued.notice, datetime.now(UTC)
        before = await attempts.so_far(self._store, notice.id, queued.entry.id)
        if before.taken:  # we broke down before that was recorded
            return Ended(_sent(notice, before.made, before.uncertain))
        webhook = await self._webhook(notice.webhook_id or "")
        endpoint = await endpoints.look_up(self._store, webhook.id, now)
        open_to = ("enabled", "disabled") if notice.message == PING else ("enabled",)
        if endpoint is None or webhook.status not in open_to:
            return Ended(_failed(notice, "webhook-closed", before.made))
        if before.due is not None and before.due > now:
            self._wait(queued, (before.due - now).total_seconds())
            return None
        event = (await queries.facts(self._store, [notice.about])).get(notice.about)
        if event is None:
            self._wait(queued, 1.0)
            return None
        standing = await queries.standing(self._store, {notice.about: read_event(event)})
        if model.superseded(notice, *standing[notice.about]):
            return Ended(_failed(notice, "superseded", before.made))
        return await self._send(queued, endpoint, payload.body(notice.message, event), before)

    async def _send(
        self, queued: Queued, endpoint: Endpoint, body: bytes, before: SoFar
    ) -> Ended | None:
        notice, now, number = queued.notice, datetime.now(UTC), before.made + 1
        assert notice.webhook_id is not None
        attempt = await attempts.begin(
            self._store, notice.webhook_id, notice.id, notice.message, now, queued.entry.id
        )
        began = time.monotonic()
        headers = signing.headers(notice.id, int(now.timestamp()), body, endpoint.secrets)
        refused: NotHandedOver | None = None
        code: int | None
        try:
            url = addresses.parsed(endpoint.url, self._settings.webhooks_allow_loopback)
            code = await self._hands.hand_over(url, headers, body)
        except NotHandedOver as error:
            refused, code = error, error.code
        except InvalidInput:  # taken before, but not by the settings of today
            refused, code = NotThere(), None
        took = round(1000 * (time.monotonic() - began))
        if refused is None:
            await attempts.end(self._store, attempt, "taken", code, took, None)
            crash.point("webhook-taken")
            await endpoints.took(self._store, notice.webhook_id)
            return Ended(_sent(notice, number, before.uncertain))
        outcome = next(said for kind, said in OUTCOMES if isinstance(refused, kind))
        final, pause = await self._judge(queued, refused, number)
        due = None if final else datetime.now(UTC) + timedelta(seconds=pause)
        await attempts.end(self._store, attempt, outcome, code, took, due)
        if final is None:
            self._wait(queued, pause)
            metrics.notices.add(1, {"channel": "webhook", "outcome": "later"})
            log.info("notice %s is tried later: %s, %s", notice.id, outcome, refused)
        return final

    async def _judge(
        self, queued: Queued, refused: NotHandedOver, number: int
    ) -> tuple[Ended | None, float]:
        """What a failed attempt means: the end of the notice, or a pause in seconds."""
        notice, asked = queued.notice, self._settings
        assert notice.webhook_id is not None
        if isinstance(refused, AddressRefused):
            return Ended(_failed(notice, "address-refused", number), "gone"), 0.0
        if notice.message == PING:
            reason: FailureReason = (
                "message-refused" if isinstance(refused, MessageRefused) else "gave-up"
            )
            return Ended(_failed(notice, reason, number)), 0.0
        failed, seconds = await endpoints.failed(self._store, notice.webhook_id, datetime.now(UTC))
        pause = self._backoff(number)
        if isinstance(refused, Busy) and refused.after is not None:
            pause = max(refused.after, 0.1)
        if isinstance(refused, ServerAway):
            said = isinstance(refused, Busy) and refused.after is not None
            self._pause(
                notice.webhook_id, pause if said else min(self._backoff(failed), LONGEST_AWAY)
            )
        failing = failed >= asked.webhook_disable_attempts
        if failing and seconds >= asked.webhook_disable_seconds:
            return Ended(_failed(notice, "gave-up", number), "failing"), 0.0
        if isinstance(refused, MessageRefused):
            return Ended(_failed(notice, "message-refused", number)), 0.0
        if queued.age + pause > asked.webhook_give_up_seconds:
            return Ended(_failed(notice, "gave-up", number)), 0.0
        return None, pause

    def _backoff(self, number: int) -> float:
        """Seconds to wait after so many failures, a fifth more or less: not all at once."""
        asked = self._settings
        pause = asked.webhook_retry_seconds * FASTER ** min(max(number - 1, 0), 20)
        jitter = random.uniform(0.8, 1.2)
        return min(pause, asked.webhook_longest_pause_seconds) * jitter

    def _wait(self, queued: Queued, seconds: float) -> None:
        self._later[queued.notice.id] = asyncio.get_running_loop().time() + seconds

    async def _webhook(self, webhook_id: str) -> Webhook:
        document = await self._store[store.webhooks.name].find_one({"_id": webhook_id})
        assert document is not None, "a notice is queued for a webhook that is there"
        state = held(store.webhooks, document).state
        assert state is not None
        return state


def worker(service: Service) -> Worker:
    """The courier of a service, for its `workers`."""
    return Courier(service).worker


async def _close(notice: Notice, ended: Ended, uow: UnitOfWork) -> None:
    await commands.close(ended.outcome, uow)
    if ended.disable is not None:
        await disable_webhook(WebhookId(notice.webhook_id or ""), ended.disable, uow)


def _sent(notice: Notice, number: int, uncertain: int) -> NoticeSent:
    return NoticeSent(
        notice_id=notice.id,
        recipient_id=notice.recipient_id,
        channel=notice.channel,
        message=notice.message,
        message_id=notice.id,
        attempts=number,
        uncertain=uncertain or None,
    )


def _failed(notice: Notice, reason: FailureReason, number: int) -> NoticeFailed:
    return NoticeFailed(
        notice_id=notice.id,
        recipient_id=notice.recipient_id,
        channel=notice.channel,
        message=notice.message,
        reason=reason,
        attempts=number,
    )
