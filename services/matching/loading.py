"""Loading what a round may rest on: everything open, in one snapshot."""

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
from shared.uow import UnitOfWork

ANSWERED = ("declined", "lapsed")
"""Statuses of matches that keep a round from proposing their pair again, for a while."""


async def load(uow: UnitOfWork) -> Market:
    """Everything that is open, and what of the closed counts: coverage, records, answered pairs."""
    offered = await uow.find(pledges, {"status": "open"})
    covered = await uow.find(coverages, {})
    asked = await uow.find(requirements, {"open": True})
    known = {n.id for n in asked}
    closed = sorted(c.id for c in covered if c.id not in known)
    asked += await uow.find(requirements, {"_id": {"$in": closed}})
    latest = await uow.find(rates, {}, limit=1, descending=True)
    answered = {"$or": [{"live": True}, {"status": {"$in": list(ANSWERED)}}]}
    return Market(
        pledges={p.id: p for p in offered},
        needs={n.id: n for n in asked},
        coverages={c.id: c for c in covered},
        matches=await uow.find(all_matches, answered),
        parties={p.id: p for p in await uow.find(parties, {})},
        histories={h.id: h for h in await uow.find(histories, {})},
        twinnings=await uow.find(twinnings, {"status": "confirmed"}),
        rates=latest[0] if latest else None,
    )
