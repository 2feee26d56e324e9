"""What matching measures of itself: whether a proposal waits too long for its answer or end."""

from services.matching.store import all_matches
from shared import measuring, metrics
from shared.log import LOG
from shared.service import Service


async def proposals(service: Service) -> None:
    """How many proposals stand, since when the one that lapses next does, and whether it should
    have lapsed already."""
    standing = service.store[all_matches.name]
    first = await standing.find_one({"status": "proposed"}, sort=[("lapses_at", 1)])
    metrics.proposals_open.set(await standing.count_documents({"status": "proposed"}))
    proposed_at = None
    if first is not None:
        found = {"subject": first["_id"], "subject_version": 1}
        recorded = await service.store[LOG].find_one(found, {"time": 1})
        proposed_at = recorded["time"] if recorded else None
    metrics.oldest_proposal.set(measuring.age(proposed_at))
    metrics.proposal_overdue.set(measuring.age(first.get("lapses_at") if first else None))
