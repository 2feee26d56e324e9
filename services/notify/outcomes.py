"""Outcomes that are not recorded yet: what was handed over is remembered until the store has it."""

import asyncio
import logging
from collections.abc import Callable

from services.notify import commands
from services.notify.attempts import AttemptId
from services.notify.commands import Closing
from services.notify.contacts.commands import Bounce
from services.notify.delivery import Queued
from services.notify.settings import NotifySettings
from shared import crash, metrics, telemetry
from shared.events.notify import NoticeFailed, NoticeSent
from shared.mongo import is_away
from shared.service import Service

log = logging.getLogger("alliance.notify")

TOGETHER = 100
"""Most outcomes that are recorded in one transaction."""

MANY = 32
MOMENT = 0.05
REFUSED_PAUSE = 0.5


class Outcomes:
    """The outcomes of one sender, in the order they came; `recorded` is told of each notice."""

    def __init__(self, service: Service, recorded: Callable[[str], None]) -> None:
        self._service = service
        self._recorded = recorded
        self._closings: dict[str, Closing] = {}
        self._first = 0.0
        assert isinstance(service.settings, NotifySettings)
        self._report = service.settings.operator_contact is not None

    @property
    def notices(self) -> set[str]:
        """The notices whose outcome is not recorded yet."""
        return set(self._closings)

    def __len__(self) -> int:
        return len(self._closings)

    def add(
        self,
        queued: Queued,
        outcome: NoticeSent | NoticeFailed,
        attempts: tuple[AttemptId, ...] = (),
        bounce: Bounce | None = None,
    ) -> None:
        """Remember what became of a notice, and the answer by which its address bounced."""
        if not self._closings:
            self._first = asyncio.get_running_loop().time()
        self._closings[queued.notice.id] = Closing(queued, outcome, attempts, bounce)

    def due(self, now: float) -> bool:
        """Whether it is time to record, by the event loop's clock: many have come together, or the
        first has waited a moment."""
        return len(self._closings) >= MANY or (bool(self._closings) and now - self._first > MOMENT)

    async def record(self) -> None:
        """Record those that have come together, in one transaction.

        If that fails those of each message are tried alone: what can't be recorded holds up
        nothing else, and is kept, since it must not be sent again.
        """
        messages = self._next()
        try:
            await self._record([closing for message in messages for closing in message])
            return
        except Exception as error:
            if is_away(error):
                raise
        for message in messages:
            try:
                await self._record(message)
            except Exception as error:
                if is_away(error):
                    raise
                for closing in message:
                    notice_id = closing.queued.notice.id
                    log.exception("notice %s: its outcome can't be recorded", notice_id)
                    self._closings[notice_id] = self._closings.pop(notice_id)
                await asyncio.sleep(REFUSED_PAUSE)

    def _next(self) -> list[list[Closing]]:
        """The first outcomes, those of one message together: a crash between two of them would
        put the rest of a digest into another one."""
        messages: dict[str, list[Closing]] = {}
        for closing in self._closings.values():
            outcome = closing.outcome
            key = outcome.message_id if isinstance(outcome, NoticeSent) else outcome.notice_id
            messages.setdefault(key, []).append(closing)
        found: list[list[Closing]] = []
        for message in messages.values():
            if found and sum(map(len, found)) + len(message) > TOGETHER:
                break
            found.append(message)
        return found

    async def _record(self, batch: list[Closing]) -> None:
        await self._service.command(lambda uow: commands.close_all(batch, self._report, uow))
        crash.point("after-outcome-commit")
        for queued, outcome, _, _ in batch:
            del self._closings[queued.notice.id]
            self._recorded(queued.notice.id)
            said = outcome.reason if isinstance(outcome, NoticeFailed) else "sent"
            metrics.notices.add(1, {"channel": outcome.channel, "outcome": said})
            entry = queued.entry
            with telemetry.span("notice closed", parent=entry.traceparent, event_id=entry.id):
                log.info("notice %s: %s", queued.notice.id, said)
