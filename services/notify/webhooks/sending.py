"""What becomes of one notice at its webhook: it is sent, has failed, or is tried later.

An attempt is noted before it is made, and what the server said before anything follows from it.
"""

import logging
import random
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from services.notify import model, queries, store
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
from services.notify.webhooks.commands import PING
from services.notify.webhooks.endpoints import Endpoint
from services.notify.webhooks.handing import Busy, Hands, NotThere
from services.notify.webhooks.model import Webhook
from shared import crash, metrics
from shared.errors import InvalidInput
from shared.events import read_event
from shared.events.notify import DisabledCause, FailureReason, NoticeFailed, NoticeSent
from shared.log import held
from shared.mongo import Store, is_away

log = logging.getLogger("alliance.notify")

FASTER = 4.0
"""Each pause is so many times the one before."""

LONGEST_AWAY = 900.0
BROKEN_PAUSE = 60.0
NOT_HERE_YET = 1.0
"""Seconds until an event that a notice is about is looked for again."""

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
    """What became of a notice, whether its webhook is disabled for it, and for how many seconds
    nothing else goes there."""

    outcome: NoticeSent | NoticeFailed
    disable: DisabledCause | None = None
    pause: float = 0.0


@dataclass(frozen=True)
class Later:
    """A notice is tried again after so many seconds, and nothing else goes there for `pause`."""

    seconds: float
    pause: float = 0.0


class Sending:
    """Sends notices, one at a time, for a service with these settings."""

    def __init__(self, store: Store, settings: NotifySettings) -> None:
        self._store = store
        self._settings = settings
        self._hands = Hands(settings.webhook_timeout_seconds, settings.webhooks_allow_loopback)

    async def attempt(self, queued: Queued) -> Ended | Later:
        """Decide, and let no notice stand in the way of others: an error is ours to repair, and
        what it says may hold a URL, so only its kind is logged. Raises StoreAway and its like."""
        try:
            return await self._decide(queued)
        except Exception as error:
            if is_away(error):
                raise
            log.error("notice %s can't be sent: %s", queued.notice.id, type(error).__name__)
            return Later(BROKEN_PAUSE)

    async def _decide(self, queued: Queued) -> Ended | Later:
        """Send it, or say why not."""
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
            return Later((before.due - now).total_seconds())
        event = (await queries.facts(self._store, [notice.about])).get(notice.about)
        if event is None:
            return Later(NOT_HERE_YET)
        standing = await queries.standing(self._store, {notice.about: read_event(event)})
        if model.superseded(notice, *standing[notice.about]):
            return Ended(_failed(notice, "superseded", before.made))
        return await self._send(queued, endpoint, payload.body(notice.message, event), before)

    async def _send(
        self, queued: Queued, endpoint: Endpoint, body: bytes, before: SoFar
    ) -> Ended | Later:
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
        found = await self._judge(queued, refused, number)
        due = None
        if isinstance(found, Later):
            due = datetime.now(UTC) + timedelta(seconds=found.seconds)
        await attempts.end(self._store, attempt, outcome, code, took, due)
        if due is not None:
            metrics.notices.add(1, {"channel": "webhook", "outcome": "later"})
            log.info("notice %s is tried later: %s, %s", notice.id, outcome, refused)
        return found

    async def _judge(self, queued: Queued, refused: NotHandedOver, number: int) -> Ended | Later:
        """What a failed attempt means. A server that is away holds up what else goes there."""
        notice, asked = queued.notice, self._settings
        assert notice.webhook_id is not None
        if isinstance(refused, AddressRefused):
            return Ended(_failed(notice, "address-refused", number), "gone")
        if notice.message == PING:
            refused_it = isinstance(refused, MessageRefused)
            return Ended(_failed(notice, "message-refused" if refused_it else "gave-up", number))
        failed, seconds = await endpoints.failed(self._store, notice.webhook_id, datetime.now(UTC))
        wished = refused.after if isinstance(refused, Busy) else None
        again = self._backoff(number) if wished is None else max(wished, 0.1)
        pause = 0.0
        if isinstance(refused, ServerAway):
            pause = again if wished is not None else min(self._backoff(failed), LONGEST_AWAY)
        if failed >= asked.webhook_disable_attempts and seconds >= asked.webhook_disable_seconds:
            return Ended(_failed(notice, "gave-up", number), "failing", pause)
        if isinstance(refused, MessageRefused):
            return Ended(_failed(notice, "message-refused", number), pause=pause)
        if queued.age + again > asked.webhook_give_up_seconds:
            return Ended(_failed(notice, "gave-up", number), pause=pause)
        return Later(again, pause)

    def _backoff(self, number: int) -> float:
        """Seconds to wait after so many failures, a fifth more or less: not all at once."""
        asked = self._settings
        pause = asked.webhook_retry_seconds * FASTER ** min(max(number - 1, 0), 20)
        jitter = random.uniform(0.8, 1.2)
        return min(pause, asked.webhook_longest_pause_seconds) * jitter

    async def _webhook(self, webhook_id: str) -> Webhook:
        document = await self._store[store.webhooks.name].find_one({"_id": webhook_id})
        assert document is not None, "a notice is queued for a webhook that is there"
        state = held(store.webhooks, document).state
        assert state is not None
        return state


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
