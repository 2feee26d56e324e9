"""The sender: takes queued notices that are due, and hands each over by its lane.

Only this sends, and only what is queued in the live store, so a replay never does. The address is
looked up and the state checked again at the moment of sending, the attempt noted, then made. What
was handed over is kept in memory until it is recorded: a store that goes away in between is waited
for, without a second mail. Only the death of this process in between sends one twice, under the
same Message-ID, and counts it as uncertain.

Three things go on at the same time, each once: looking for what is due, getting ready what can go,
and recording outcomes, all that have come together in one transaction.
"""

import asyncio
import logging
import random
from collections import deque
from collections.abc import Callable, Coroutine, Iterable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple

from opentelemetry.trace import SpanKind
from pymongo.errors import PyMongoError

from services.notify import attempts, store
from services.notify.attempts import Attempt
from services.notify.by_mail import ByMail, not_sent
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
)
from services.notify.lanes import Lane, Lanes
from services.notify.model import Notice
from services.notify.outcomes import MOMENT, Outcomes
from services.notify.settings import NotifySettings
from shared import crash, telemetry
from shared.events.envelope import rfc3339
from shared.events.notify import FailureReason, NoticeSent
from shared.log import held
from shared.mongo import StoreAway
from shared.service import Service
from shared.worker import Lease, Worker

log = logging.getLogger("alliance.notify")

PAGE = 200
"""Notices looked for at a time."""

TOGETHER = 100
"""Most notices in one message."""

FEWEST_ATTEMPTS = 5
"""So many attempts are made at the least, however old the notice is."""

STOPPING_SECONDS = 10.0
MEASURE_SECONDS = 5.0
AGAIN_SOON = 0.5

Job = Literal["look", "start", "record"]
Due = tuple[tuple[Notice, str], ...]
"""Notices that go together, each with the id of the event that queued it."""


class Ready(NamedTuple):
    """A parcel that is next, its attempt noted."""

    lane: Lane[Due]
    parcel: Parcel
    attempt: Attempt


class Sender:
    """The sender of one instance, with one carrier; `worker` runs it."""

    def __init__(self, service: Service, carrier: Carrier) -> None:
        assert isinstance(service.settings, NotifySettings)
        self._service = service
        self._store = service.store
        self._carrier = carrier
        self._poll = service.settings.poll_seconds
        self._lanes: Lanes[Due] = Lanes(
            service.settings.domain_rate, service.settings.domain_connections
        )
        self._in_hand: set[str] = set()
        """Notices that wait in a lane, are under way, or were handed over and are not recorded."""
        self._later: dict[str, float] = {}
        self._outcomes = Outcomes(service, self._in_hand.discard)
        self._handing: dict[asyncio.Task[None], Bundle] = {}
        self._ready: deque[Ready] = deque()
        self._jobs: dict[Job, asyncio.Task[None]] = {}
        self._look_at = 0.0
        self._measure_at = 0.0
        self.worker = Worker(
            service.store,
            "sender",
            self.step,
            begin=self._begin,
            ttl=service.settings.lease_seconds,
            poll=service.settings.poll_seconds,
        )

    async def _begin(self, lease: Lease) -> None:
        """Another instance may have sent since what waited here: look again."""
        self._lanes.empty()
        await self._take_back([], self._ready)
        under_way = (q.notice.id for bundle in self._handing.values() for q in bundle)
        self._in_hand &= {*self._outcomes.notices, *under_way}
        self._look_at = 0.0

    async def step(self, lease: Lease) -> bool:
        """Begin what can be begun, and wait until something has ended; whether there is more."""
        try:
            return await self._turn()
        except asyncio.CancelledError:
            await self._finish()
            raise

    async def _turn(self) -> bool:
        now = _now()
        ready = self._lanes.ready(now, self._carrier.at_once)
        self._hand_on()
        idle = not (self._handing or self._jobs)
        if self._outcomes and (idle or self._outcomes.due(now)):
            self._do("record", self._outcomes.record)
        at_once = self._carrier.at_once
        if ready < 2 * at_once and now >= self._look_at:
            self._do("look", self._look)
        if ready and self._room() >= min(ready, at_once) and now >= self._carrier.closed_until:
            self._do("start", self._start)
        running = {*self._jobs.values(), *self._handing}
        if running:
            await asyncio.wait(
                running, timeout=self._patience(), return_when=asyncio.FIRST_COMPLETED
            )
            self._collect()
        elif self._in_hand:
            await asyncio.sleep(self._patience())
        if self._in_hand or self._jobs or _now() >= self._look_at:
            return True
        self._look_at = 0.0  # whoever wakes us has something for us
        await self._carrier.rest()
        return False

    def _collect(self) -> None:
        """Forget what has ended. Raises what went wrong."""
        done = [task for task in (*self._jobs.values(), *self._handing) if task.done()]
        self._jobs = {name: job for name, job in self._jobs.items() if not job.done()}
        self._handing = {task: what for task, what in self._handing.items() if not task.done()}
        errors = [error for task in done if (error := task.exception())]
        if errors:
            raise errors[0]

    def _do(self, name: Job, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        if name not in self._jobs:
            self._jobs[name] = asyncio.create_task(work(), name=f"sender: {name}")

    def _room(self) -> int:
        """How many may be made ready now: as many again as are handed over at once, and never so
        many that a crash would leave much that was sent and is not recorded."""
        begun = len(self._handing) + len(self._ready)
        at_once = self._carrier.at_once
        return min(2 * at_once - begun, 4 * at_once - begun - len(self._outcomes))

    def _hand_on(self) -> None:
        """Hand over what is ready, as much as the carrier takes."""
        while self._ready and len(self._handing) < self._carrier.at_once:
            lane, parcel, attempt = self._ready.popleft()
            task = asyncio.create_task(self._hand_over(lane, parcel, attempt))
            self._handing[task] = parcel.bundle

    def _patience(self) -> float:
        """Seconds until there may be something to do without anything having ended."""
        now = _now()
        moments = [self._look_at, self._carrier.closed_until, self._lanes.next_at(now) or now]
        if self._outcomes:
            moments.append(now + MOMENT)
        soonest = min((m - now for m in moments if m > now), default=self._poll)
        return max(min(soonest, self._poll), 0.001)

    async def _look(self) -> None:
        """Put what is due into the lanes that have room."""
        now = _now()
        self._later = {key: at for key, at in self._later.items() if at > now}
        self._lanes.forget_idle(now)
        moment = rfc3339(datetime.now(UTC))
        documents = await store.due(
            self._store,
            self._carrier.channel,
            moment,
            not_these=[*self._in_hand, *self._later],
            not_to=self._lanes.closed_refs(now),
            limit=PAGE,
        )
        due = [(_notice(document), document["last_event"]) for document in documents]
        names = await self._carrier.lanes([notice for notice, _ in due])
        for (notice, event), name in zip(due, names, strict=True):
            lane = self._lanes[name]
            lane.refs.add(notice.contact_ref)
            if notice.id not in self._in_hand and not self._lanes.full(name, now):
                together = await self._together(notice, event)
                self._in_hand |= {each.id for each, _ in together}
                lane.waiting.append(together)
        self._look_at = now if len(documents) == PAGE else now + self._poll
        if now >= self._measure_at:
            self._measure_at = now + MEASURE_SECONDS
            await self._measure(moment)

    async def _together(self, notice: Notice, event: str) -> Due:
        """This notice, and those that go in one message with it."""
        if notice.not_before is None:
            return ((notice, event),)
        documents = await store.together(
            self._store, notice.contact_ref, notice.not_before, TOGETHER
        )
        taken = {*self._in_hand, *self._later, notice.id}
        others = [(_notice(d), d["last_event"]) for d in documents if d["_id"] not in taken]
        return ((notice, event), *others)

    async def _measure(self, moment: str) -> None:
        oldest = await store.due(self._store, self._carrier.channel, moment)
        waited = 0.0
        if oldest:
            known = await store.entries(self._store, [oldest[0]["last_event"]])
            waited = Queued(_notice(oldest[0]), known[oldest[0]["last_event"]]).age
        telemetry.oldest_notice.set(waited, {"channel": self._carrier.channel})

    async def _start(self) -> None:
        """Write what can go now, note the attempts, and hand over."""
        crash.point("before-attempt")
        taken = self._lanes.take(_now(), self._room(), self._carrier.at_once)
        try:
            entries = await store.entries(self._store, [e for _, due in taken for _, e in due])
            bundles = [tuple(Queued(n, entries[event]) for n, event in due) for _, due in taken]
            before = await attempts.so_far(self._store, bundles)
            written = await self._carrier.write(bundles)
            parcels = [each.parcel for each in written if each.parcel]
            noted = await attempts.note(self._store, self._carrier.channel, parcels, before)
        except BaseException:
            for lane, due in taken:
                self._lanes.done(lane)
                self._in_hand -= {notice.id for notice, _ in due}
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
        self._hand_on()

    async def _hand_over(self, lane: Lane[Due], parcel: Parcel, attempt: Attempt) -> None:
        first = parcel.bundle[0]
        refused: NotHandedOver | None = None
        with telemetry.span(
            f"send {self._carrier.channel}",
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
            span.set_attribute("alliance.notice.outcome", type(refused).__name__ if refused else "")
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
            await self._take_back([Ready(lane, parcel, attempt)], self._ready)
            return
        ending: attempts.Ending = "uncertain" if isinstance(refused, Unanswered) else "failed"
        with suppress(StoreAway, PyMongoError):  # an attempt that stays open is uncertain, too
            await attempts.close(self._store, attempt.ids, ending, refused.code)
        if isinstance(refused, TryLater):
            unheard = refused.code is None
            left = self._lanes.failed(lane, _now(), random.random(), at_once=unheard)
            self._in_hand -= {notice.id for due in left for notice, _ in due}
        else:
            self._lanes.went_well(lane)
        for queued in parcel.bundle:
            made = attempt.numbers[queued.notice.id]
            reason = self._reason(queued, refused, made)
            if reason is not None:
                self._outcomes.add(queued, not_sent(queued.notice, reason, made), attempt.ids)
                continue
            self._put_off(queued.notice.id, self._carrier.pause(made))
            telemetry.notices.add(1, {"outcome": "later"})
            log.info("notice %s is tried later: %s", queued.notice.id, refused)

    async def _take_back(self, tried: list[Ready], ready: Iterable[Ready] = ()) -> None:
        """Attempts that were noted are not made; the notices are looked at again, and judged by
        the state of then."""
        waiting = list(ready)
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

    def _put_off(self, notice_id: str, seconds: float) -> None:
        self._later[notice_id] = _now() + seconds
        self._in_hand.discard(notice_id)

    async def _finish(self) -> None:
        """What has begun is finished and recorded, also when we are told to stop."""
        with suppress(TimeoutError):
            async with asyncio.timeout(STOPPING_SECONDS):
                await self._take_back([], self._ready)
                while running := {*self._jobs.values(), *self._handing}:
                    await asyncio.wait(running)
                    self._collect()
                while self._outcomes:
                    await self._outcomes.record()
        for task in (*self._jobs.values(), *self._handing):
            task.cancel()


def worker(service: Service) -> Worker:
    """The sender of a service, for its `workers`."""
    assert isinstance(service.settings, NotifySettings)
    return Sender(service, ByMail(service.settings, service.store)).worker


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


def _notice(document: dict[str, Any]) -> Notice:
    notice = held(store.notices, document).state
    assert notice is not None
    return notice


def _now() -> float:
    return asyncio.get_running_loop().time()
