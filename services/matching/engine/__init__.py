"""The rule that pairs pledges and needs: pure, from a problem to a solution and why."""

from services.matching.engine.first_come import (
    RULE,
    Exchange,
    Problem,
    Proposal,
    Solution,
    decide,
    eligible,
    exchange_of,
    least_of,
    rate_of,
)

__all__ = [
    "RULE",
    "Exchange",
    "Problem",
    "Proposal",
    "Solution",
    "decide",
    "eligible",
    "exchange_of",
    "least_of",
    "rate_of",
]
