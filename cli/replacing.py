"""Folded collections again, in the place of the live ones: `alliance rebuild --replace`.

Only documents that differ are written, so what is folded from no log stays as it is. A mark in the
store keeps the service from starting on half of it; whoever finds the mark runs the command again.
"""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from pymongo import DeleteOne, ReplaceOne

from cli.places import Places
from cli.rebuild import Moment, moment
from cli.services import known
from shared.log import RESTORING
from shared.mongo import Store
from shared.replay import Documents, state_hash
from shared.worker import LEASES

Say = Callable[[str], None]
MARK = "replacement"
WATCHED = 10.0
"""Seconds without a sign of life after which a service is believed to be stopped: it gives one
several times in ALLIANCE_LEASE_SECONDS, which is 5."""
BATCH = 500


class ReplacementRefused(RuntimeError):
    """Nothing was written, or what was written is marked so that no service starts on it."""


async def replace(places: Places, service: str, say: Say, watched: float = WATCHED) -> int:
    """Write what the logs say into the store of a stopped service; how many documents differed.

    `watched` is how long its signs of life are waited for, in seconds. Raises ReplacementRefused
    where it runs or another restore is under way, Busy where its events are not all published,
    LogBroken.
    """
    live = places.store(service)
    try:
        mark = await live[RESTORING].find_one()
        if mark is not None and mark["_id"] != MARK:
            raise ReplacementRefused(
                f"nothing was touched; a {mark['_id']} of {service} has not ended"
            )
        if mark is None:
            await live[RESTORING].insert_one({"_id": MARK, "since": datetime.now(UTC)})
        try:
            say(f"{service}: is it stopped? ({watched:g} s)")
            await _stands_still(live, service, watched)
            at = await moment(places, live, known(service), attempts=3, behind=True)
        except BaseException:
            if mark is None:  # nothing was written
                await live[RESTORING].drop()
            raise
        written = await _write(live, at, say)
        await _prove(live, service, at)
        await live[RESTORING].drop()
        return written
    finally:
        live.close()


async def _stands_still(live: Store, service: str, watched: float) -> None:
    before = await _beats(live)
    await asyncio.sleep(watched)
    if await _beats(live) != before:
        raise ReplacementRefused(f"nothing was touched; {service} is running: stop it first")


async def _beats(live: Store) -> list[dict[str, Any]]:
    return await live[LEASES].find({}, {"holder": 1, "beat": 1}).sort("_id", 1).to_list(None)


async def _write(live: Store, at: Moment, say: Say) -> int:
    written = 0
    for collection, folded in at.folded.items():
        changes = _changes(folded, at.states[collection])
        for begin in range(0, len(changes), BATCH):
            await live[collection].bulk_write(changes[begin : begin + BATCH], ordered=False)
        if changes:
            say(f"  {collection:<14} {len(changes)} of {len(folded)} documents written")
        written += len(changes)
    return written


def _changes(folded: Documents, stored: Documents) -> list[ReplaceOne[dict[str, Any]] | DeleteOne]:
    """What makes of the stored documents the folded ones."""
    found: list[ReplaceOne[dict[str, Any]] | DeleteOne] = [
        DeleteOne({"_id": stored[key]["_id"]}) for key in stored.keys() - folded.keys()
    ]
    for key, document in folded.items():
        if key not in stored or state_hash([document]) != state_hash([stored[key]]):
            found.append(ReplaceOne({"_id": document["_id"]}, document, upsert=True))
    return found


async def _prove(live: Store, service: str, at: Moment) -> None:
    wrong = []
    for collection, folded in at.folded.items():
        stored = await live[collection].find().to_list(None)
        if state_hash(stored) != state_hash(folded.values()):
            wrong.append(collection)
    if wrong:
        raise ReplacementRefused(
            f"the store of {service} does not hold what was written to it: {', '.join(wrong)}"
        )
