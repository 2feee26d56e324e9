"""Hands: what can go is written, its attempt noted, and handed over; and what follows from it."""

import asyncio
import logging
import random
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import NamedTuple

from opentelemetry.trace import SpanKind
from pymongo.errors import PyMongoError

from services.notify import attempts, queries
from services.notify.attempts import Attempt
from services.notify.by_mail import BROKEN_PAUSE, not_sent
from services.notify.contacts.commands import Bounce
from services.notify.delivery import (
    AddressRefused,
    Bundle,
    Carrier,
    MessageRefused,
    NotHandedOver,
    Parcel,
    Queued,
    ServerAway,
    TryLater,
    Unanswered,
    Written,
)
from services.notify.lanes import Lane, Lanes
from services.notify.model import Notice
from services.notify.outcomes import Outcomes
from shared import crash, metrics, telemetry
from shared.events.notify import FailureReason, NoticeSent
from shared.mongo import Store, StoreAway, is_away

log = logging.getLogger("alliance.notify")

FEWEST_ATTEMPTS = 5
"""So many attempts are made at the least, however old the notice is."""

AGAIN_SOON = 0.5

Due = tuple[tuple[Notice, str], ...]
"""Notices that go together, each with the id of the event that queued it."""


class Ready(NamedTuple):
    """A parcel that is next, its attempt noted."""

    lane: Lane[Due]
    parcel: Parcel
    attempt: Attempt


class Hands:
    """The hands of one sender. `put_off` is told of notices that wait so many seconds, `release` of
    those that are to be looked for again; outcomes go where they are recorded."""

    def __init__(
        self,
        mongo: Store,
        carrier: Carrier,
        lanes: Lanes[Due],
        outcomes: Outcomes,
        put_off: Callable[[str, float], None],
        release: Callable[[set[str]], None],
    ) -> None:
        self._store = mongo
        self._carrier = carrier
        self._lanes = lanes
        self._outcomes = outcomes
        self._put_off = put_off
        self._release = release
        self._ready: deque[Ready] = deque()
        self.under_way: dict[asyncio.Task[None], Bundle] = {}
        """What is being handed over."""

    def room(self) -> int:
        """How many may be made ready now: many, since the store is asked for all at once, and never
        so many that a crash would leave much that was sent and is not recorded."""
        begun = len(self.under_way) + len(self._ready)
        at_once = self._carrier.at_once
        return min(4 * at_once - begun, 8 * at_once - begun - len(self._outcomes))

    def hand_on(self) -> None:
        """Hand over what is ready, as much as the carrier takes."""
        while self._ready and len(self.under_way) < self._carrier.at_once:
            lane, parcel, attempt = self._ready.popleft()
            task = asyncio.create_task(self._hand_over(lane, parcel, attempt))
            self.under_way[task] = parcel.bundle

    async def start(self) -> None:
        """Write what can go now, note the attempts, and hand over."""
        crash.point("before-attempt")
        taken = self._lanes.take(_now(), self.room(), self._carrier.at_once)
        try:
            entries = await queries.entries(self._store, [e for _, due in taken for _, e in due])
            bundles = [tuple(Queued(n, entries[event]) for n, event in due) for _, due in taken]
            before = await attempts.so_far(self._store, bundles)
            written = await self._write(bundles)
            parcels = [each.parcel for each in written if each.parcel]
            noted = await attempts.note(self._store, self._carrier.channel, parcels, before)
        except BaseException:
            for lane, due in taken:
                self._lanes.done(lane)
                self._release({notice.id for notice, _ in due})
            raise
        crash.point("attempt-noted")
        following = iter(noted)
        for (lane, _), bundle, each in zip(taken, bundles, written, strict=True):
            queued = {q.notice.id: q for q in bundle}
            for failed in each.failed:
                made = before.get(failed.notice_id, attempts.SoFar()).made
                outcome = failed.model_copy(update={"attempts": made})
                self._outcomes.add(queued[failed.notice_id], outcome)
            for waiting, seconds in each.later:
                self._put_off(waiting.notice.id, seconds)
            if each.parcel is None:
                self._lanes.done(lane)
                continue
            self._ready.append(Ready(lane, each.parcel, next(following)))
        self.hand_on()

    async def _write(self, bundles: list[Bundle]) -> list[Written]:
        """What the carrier writes; what it can't even begin holds up no other."""
        try:
            return await self._carrier.write(bundles)
        except Exception as error:  # ours to repair; what it says may hold an address
            if is_away(error):
                raise
            if len(bundles) > 1:
                return [written for each in bundles for written in await self._write([each])]
            ids = ", ".join(queued.notice.id for queued in bundles[0])
            log.error("notice %s can't be written: %s", ids, type(error).__name__)
            return [Written(later=tuple((queued, BROKEN_PAUSE) for queued in bundles[0]))]

    async def _hand_over(self, lane: Lane[Due], parcel: Parcel, attempt: Attempt) -> None:
        first = parcel.bundle[0]
        refused: NotHandedOver | None = None
        with telemetry.span(
            f"send {self._carrier.what}",
            SpanKind.CLIENT,
            parent=first.entry.traceparent,
            event_id=first.entry.id,
            alliance__notice__id=first.notice.id,
            alliance__notice__message=first.notice.message,
        ) as span:
            try:
                await self._carrier.hand_over(parcel)
                crash.point("message-taken")
            except NotHandedOver as error:
                refused = error
            except Exception as error:  # ours to repair; what it says may hold an address
                log.error("notice %s: %s", first.notice.id, type(error).__name__)
                refused = Unanswered()
            finally:
                self._lanes.done(lane)
            said = type(refused).__name__ if refused else NoticeSent.type
            span.set_attribute("alliance.notice.outcome", said)
            if refused is not None:
                await self._not_taken(lane, parcel, attempt, refused)
                return
        self._lanes.went_well(lane)
        for queued in parcel.bundle:
            self._outcomes.add(queued, _sent(queued, parcel, attempt), attempt.ids)

    async def _not_taken(
        self, lane: Lane[Due], parcel: Parcel, attempt: Attempt, refused: NotHandedOver
    ) -> None:
        """What follows for the notices, and for their lane."""
        if isinstance(refused, ServerAway):
            await self.take_back([Ready(lane, parcel, attempt)])
            return
        ending: attempts.Ending = "uncertain" if isinstance(refused, Unanswered) else "failed"
        with suppress(StoreAway, PyMongoError):  # an attempt that stays open is uncertain, too
            await attempts.close(self._store, attempt.ids, ending, refused.code)
        if isinstance(refused, TryLater):
            unheard = refused.code is None
            left = self._lanes.failed(lane, _now(), random.random(), at_once=unheard)
            self._release({notice.id for due in left for notice, _ in due})
        else:
            self._lanes.went_well(lane)
        for queued in parcel.bundle:
            made = attempt.numbers[queued.notice.id]
            reason = self._reason(queued, refused, made)
            if reason is not None:
                failed = not_sent(queued.notice, reason, made)
                self._outcomes.add(queued, failed, attempt.ids, _bounce(parcel, refused))
                continue
            self._put_off(queued.notice.id, self._carrier.pause(made))
            metrics.notices.add(1, {"channel": self._carrier.channel, "outcome": "later"})
            log.info("notice %s is tried later: %s", queued.notice.id, refused)

    async def take_back(self, tried: Iterable[Ready] = ()) -> None:
        """Attempts that were noted, and are not made after all, are forgotten; the notices are
        looked at again, and judged by the state of then."""
        waiting = list(self._ready)
        self._ready.clear()
        for lane, _, _ in waiting:
            self._lanes.done(lane)
        noted = [*tried, *waiting]
        for _, parcel, _ in noted:
            for queued in parcel.bundle:
                self._put_off(queued.notice.id, AGAIN_SOON)
        if noted:
            with suppress(StoreAway, PyMongoError):  # one that stays open is uncertain
                await attempts.withdraw(self._store, [i for r in noted for i in r.attempt.ids])

    def _reason(self, queued: Queued, refused: NotHandedOver, made: int) -> FailureReason | None:
        """Why a notice is tried no more; None if it is."""
        match refused:
            case AddressRefused():
                return "address-refused"
            case MessageRefused():
                return "message-refused"
        old = queued.age > self._carrier.give_up_seconds
        return "gave-up" if old and made >= FEWEST_ATTEMPTS else None


def _sent(queued: Queued, parcel: Parcel, attempt: Attempt) -> NoticeSent:
    notice = queued.notice
    return NoticeSent(
        notice_id=notice.id,
        recipient_id=notice.recipient_id,
        channel=notice.channel,
        message=notice.message,
        language=parcel.language,
        message_id=parcel.message_id,
        attempts=attempt.numbers[notice.id],
        uncertain=attempt.uncertain[notice.id] or None,
    )


def _bounce(parcel: Parcel, refused: NotHandedOver) -> Bounce | None:
    """The answer that refused the address for good, if the server gave one."""
    if isinstance(refused, AddressRefused) and refused.code:
        return Bounce(parcel.edition, refused.code)
    return None


def _now() -> float:
    return asyncio.get_running_loop().time()
