"""Loading what a round may rest on: everything open, in one snapshot."""

from typing import Any, Protocol, TypeVar

from services.matching.market import Market
from services.matching.store import (
    all_matches,
    coverages,
    histories,
    parties,
    pledges,
    rates,
    requirements,
    twinnings,
)
from shared.log import Folded, State

S = TypeVar("S", bound=State)


class Finds(Protocol):
    """Where documents are found: a unit of work, or the logs folded again (`Replayed`)."""

    async def find(
        self,
        collection: Folded[S],
        query: dict[str, Any],
        *,
        limit: int = 0,
        descending: bool = False,
    ) -> list[S]:
        """The states a query finds, by id."""


COUNTING = ("proposed", "agreed", "declined", "lapsed")
"""Statuses of matches that a round rests on: live, or answered, so not to be proposed again yet."""


async def load(uow: Finds) -> Market:
    """Everything that is open, and what of the closed counts: coverage, records, answered pairs."""
    offered = await uow.find(pledges, {"status": "open"})
    covered = await uow.find(coverages, {})
    asked = await uow.find(requirements, {"open": True})
    known = {n.id for n in asked}
    closed = sorted(c.id for c in covered if c.id not in known)
    asked += await uow.find(requirements, {"_id": {"$in": closed}})
    latest = await uow.find(rates, {}, limit=1, descending=True)
    return Market(
        pledges={p.id: p for p in offered},
        needs={n.id: n for n in asked},
        coverages={c.id: c for c in covered},
        matches=await uow.find(all_matches, {"status": {"$in": list(COUNTING)}}),
        parties={p.id: p for p in await uow.find(parties, {})},
        histories={h.id: h for h in await uow.find(histories, {})},
        twinnings=await uow.find(twinnings, {"status": "confirmed"}),
        rates=latest[0] if latest else None,
    )
