"""What a service measures of itself every few seconds, where its metrics are exported.

Each query is of an index, and what fails is left out: its gauge goes stale and is not exported.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime

from shared import metrics
from shared.letters import Letters
from shared.service import Service

log = logging.getLogger("alliance.measuring")

EVERY = 10.0
"""Seconds between two rounds of measures."""

PATIENCE = 5.0
"""Most seconds that one measure may take."""

DISK_EVERY = 60.0

Measure = Callable[[Service], Awaitable[None]]


async def run(service: Service, own: Sequence[Measure]) -> None:
    """Measure until cancelled: what every service measures, and `own`, this one's."""
    began = time.monotonic()
    disk_at = began
    while True:
        metrics.uptime.set(time.monotonic() - began)
        measures: list[Measure] = [readiness, relay, lag, letters, *own]
        if time.monotonic() >= disk_at:
            measures.append(disk)
            disk_at = time.monotonic() + DISK_EVERY
        for measure in measures:
            try:
                async with asyncio.timeout(PATIENCE):
                    await measure(service)
            except Exception as error:
                log.debug("not measured: %s: %r", getattr(measure, "__name__", measure), error)
        await asyncio.sleep(EVERY)


async def readiness(service: Service) -> None:
    """Which of its parts are ready."""
    for part, state in (await service.readiness()).items():
        metrics.ready.set(state == "ok", {"part": part})


async def relay(service: Service) -> None:
    """How many events wait to be published, and for how long the first of them."""
    metrics.backlog.set(await service.relay.backlog())
    metrics.oldest_event.set(age(await service.relay.oldest()))


async def lag(service: Service) -> None:
    """How far the consumer is behind, in each partition that is this instance's."""
    if service.consumer is None:
        return
    for (topic, partition), records in (await service.consumer.behind()).items():
        where = {
            "messaging.destination.name": topic,
            "messaging.destination.partition.id": str(partition),
        }
        metrics.lag.set(records, where)


async def letters(service: Service) -> None:
    """How many dead letters wait, and how many subjects are parked behind them."""
    if service.consumer is None:
        return
    waiting, parked = await Letters(service.store).waiting()
    metrics.letters_waiting.set(waiting)
    metrics.subjects_parked.set(parked)


async def disk(service: Service) -> None:
    """How large the database is and, where the store says so, how full its file system."""
    found = await service.store.db.command("dbStats")
    metrics.store_size.set(found["totalSize"])
    if "fsTotalSize" in found:
        metrics.disk_size.set(found["fsTotalSize"])
        metrics.disk_used.set(found["fsUsedSize"])


def age(since: str | None) -> float:
    """Seconds since a moment of an event's, at least 0; 0 for None."""
    if since is None:
        return 0.0
    passed = datetime.now(UTC) - datetime.fromisoformat(since)
    return max(0.0, passed.total_seconds())
