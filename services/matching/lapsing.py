"""Proposals that nobody answers in time: a reminder first, then they lapse.

A proposal stands until its lapse is recorded: a yes that comes first counts.
"""

from datetime import timedelta

from services.matching import commands, matches
from services.matching.matches import Match
from services.matching.settings import MatchingSettings
from services.matching.store import all_matches
from shared import telemetry
from shared.events.envelope import rfc3339
from shared.events.matches import MatchLapsed, MatchLapsesSoon
from shared.service import Service
from shared.uow import UnitOfWork
from shared.worker import Lease, Worker

AT_ONCE = 100
"""Most proposals that lapse, or are reminded of, in one transaction."""


def worker(service: Service) -> Worker:
    """The worker that lets proposals lapse, and reminds of those that soon will."""
    settings = service.settings
    assert isinstance(settings, MatchingSettings)

    async def step(lease: Lease) -> bool:
        return await service.command(lambda uow: look(settings.reminder_days, uow))

    return Worker(
        service.store,
        "lapsing",
        step,
        ttl=settings.lease_seconds,
        poll=settings.lapsing_poll_seconds,
    )


async def look(reminder_days: float, uow: UnitOfWork) -> bool:
    """Let proposals lapse, and remind of others; whether there may be more of either."""
    lapsed = await lapse_proposals(uow)
    return AT_ONCE in (lapsed, await remind_of_proposals(reminder_days, uow))


async def lapse_proposals(uow: UnitOfWork) -> int:
    """End the proposals whose time has passed, earliest first. How many."""
    due = await _due(uow, 0)
    for match in due:
        ended = matches.lapse(match, await commands.amendments_of(match, uow))
        await _record(match, ended, uow)
    return len(due)


async def remind_of_proposals(days: float, uow: UnitOfWork) -> int:
    """Say of each proposal once that it lapses within `days`. How many."""
    due = await _due(uow, days, reminded=False)
    for match in due:
        await _record(match, matches.remind(match), uow)
    return len(due)


async def _due(uow: UnitOfWork, days: float, **more: bool) -> list[Match]:
    before = rfc3339(uow.now + timedelta(days=days))
    query = {"status": "proposed", "lapses_at": {"$lt": before}} | more
    return await uow.find(all_matches, query, sort="lapses_at", limit=AT_ONCE)


async def _record(match: Match, event: MatchLapsed | MatchLapsesSoon, uow: UnitOfWork) -> None:
    """It follows from what was last recorded of the match."""
    parent = await uow.follow(uow.origin(all_matches, match.id))
    with telemetry.span(event.type, parent=parent):
        await uow.record(all_matches, event)
