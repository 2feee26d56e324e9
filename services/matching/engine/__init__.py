"""The rule that pairs pledges and needs: pure, from a problem to a solution and why.

`decide(problem)` → solution. Eligible pairs with tier and score (pairs.py, rule.py, docs in
docs/matching.md), tier by tier (decide.py) a transportation problem (transport.py) or, where lines
are indivisible or have a minimum, a mixed-integer program (solve.py); amounts rounded so that no
side is exceeded (ledger.py, money.py); each award with what it won against (explain.py).
"""

from services.matching.engine.decide import decide
from services.matching.engine.problem import Ask, Offer, Pair, Problem, Rates, Standing
from services.matching.engine.rule import RULE
from services.matching.engine.solution import Award, Displaced, Lost, PassedOver, Solution

__all__ = [
    "RULE",
    "Ask",
    "Award",
    "Displaced",
    "Lost",
    "Offer",
    "Pair",
    "PassedOver",
    "Problem",
    "Rates",
    "Solution",
    "Standing",
    "decide",
]
