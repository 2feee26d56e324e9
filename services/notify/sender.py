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
from collections.abc import Callable, Coroutine
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from services.notify import queries, store
from services.notify.by_mail import ByMail
from services.notify.delivery import Carrier
from services.notify.hands import Due, Hands
from services.notify.lanes import Lanes
from services.notify.model import Notice
from services.notify.outcomes import MOMENT, Outcomes
from services.notify.settings import NotifySettings
from shared.events.envelope import rfc3339
from shared.log import held
from shared.service import Service
from shared.worker import Lease, Worker

log = logging.getLogger("alliance.notify")

PAGE = 500
"""Notices looked for at a time."""

TOGETHER = 100
"""Most notices in one message."""

LOOKING = 4.0
"""So many times as long as a look took nobody looks again: a slow store has other work, too."""

STOPPING_SECONDS = 10.0

Job = Literal["look", "start", "record"]


class Sender:
    """The sender of one instance, with one carrier; `worker` runs it."""

    def __init__(self, service: Service, carrier: Carrier) -> None:
        assert isinstance(service.settings, NotifySettings)
        self._service = service
        self._store = service.store
        self._carrier = carrier
        self._poll = service.settings.poll_seconds
        self._grace = timedelta(seconds=service.settings.digest_grace_seconds)
        self._lanes: Lanes[Due] = Lanes(
            service.settings.domain_rate, service.settings.domain_connections
        )
        self._in_hand: set[str] = set()
        """Notices that wait in a lane, are under way, or were handed over and are not recorded."""
        self._later: dict[str, float] = {}
        self._outcomes = Outcomes(service, self._in_hand.discard)
        self._hands = Hands(
            service.store, carrier, self._lanes, self._outcomes, self._put_off, self._release
        )
        self._jobs: dict[Job, asyncio.Task[None]] = {}
        self._look_at = 0.0
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
        await self._hands.take_back()
        under_way = (q.notice.id for bundle in self._hands.under_way.values() for q in bundle)
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
        at_once = self._carrier.at_once
        ready = self._lanes.ready(now, at_once)
        self._hands.hand_on()
        idle = not (self._hands.under_way or self._jobs)
        if self._outcomes and (idle or self._outcomes.due(now)):
            self._do("record", self._outcomes.record)
        if ready < 2 * at_once and now >= self._look_at:
            self._do("look", self._look)
        open_now = now >= self._carrier.closed_until
        if ready and open_now and self._hands.room() >= min(ready, at_once):
            self._do("start", self._hands.start)
        running = {*self._jobs.values(), *self._hands.under_way}
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
        done = [task for task in (*self._jobs.values(), *self._hands.under_way) if task.done()]
        self._jobs = {name: job for name, job in self._jobs.items() if not job.done()}
        self._hands.under_way = {
            task: what for task, what in self._hands.under_way.items() if not task.done()
        }
        errors = [error for task in done if (error := task.exception())]
        if errors:
            raise errors[0]

    def _do(self, name: Job, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        if name not in self._jobs:
            self._jobs[name] = asyncio.create_task(work(), name=f"sender: {name}")

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
        documents = await queries.due(
            self._store,
            self._carrier.channel,
            moment,
            digests=rfc3339(datetime.now(UTC) - self._grace),
            not_these={*self._in_hand, *self._later},
            not_to={*self._lanes.closed_refs(now), *await self._carrier.held_back()},
            limit=PAGE,
        )
        due = [(_notice(document), document["last_event"]) for document in documents]
        names = await self._carrier.lanes([notice for notice, _ in due])
        for (notice, event), name in zip(due, names, strict=True):
            lane = self._lanes[name]
            lane.refs.add(notice.to)
            if notice.id not in self._in_hand and not self._lanes.full(name, now):
                together = await self._together(notice, event)
                self._in_hand |= {each.id for each, _ in together}
                lane.waiting.append(together)
        ended = _now()
        seen = len(documents) < PAGE  # all that is due, so what is looked for is yet to come
        self._look_at = ended + max(self._poll, LOOKING * (ended - now)) if seen else ended

    async def _together(self, notice: Notice, event: str) -> Due:
        """This notice, and those that go in one message with it."""
        if not notice.digest or notice.not_before is None:
            return ((notice, event),)
        documents = await queries.together(self._store, notice.to, notice.not_before, TOGETHER)
        taken = {*self._in_hand, notice.id}
        others = [(_notice(d), d["last_event"]) for d in documents if d["_id"] not in taken]
        return ((notice, event), *others)

    def _put_off(self, notice_id: str, seconds: float) -> None:
        self._later[notice_id] = _now() + seconds
        self._in_hand.discard(notice_id)

    def _release(self, notice_ids: set[str]) -> None:
        self._in_hand -= notice_ids

    async def _finish(self) -> None:
        """What has begun is finished and recorded, also when we are told to stop."""
        with suppress(TimeoutError):
            async with asyncio.timeout(STOPPING_SECONDS):
                await self._hands.take_back()
                while running := {*self._jobs.values(), *self._hands.under_way}:
                    await asyncio.wait(running)
                    self._collect()
                await self._hands.take_back()
                while self._outcomes:
                    await self._outcomes.record()
        for task in (*self._jobs.values(), *self._hands.under_way):
            task.cancel()


def worker(service: Service) -> Worker:
    """The sender of a service, for its `workers`."""
    assert isinstance(service.settings, NotifySettings)
    return Sender(service, ByMail(service.settings, service.store)).worker


def _notice(document: dict[str, Any]) -> Notice:
    notice = held(store.notices, document).state
    assert notice is not None
    return notice


def _now() -> float:
    return asyncio.get_running_loop().time()
