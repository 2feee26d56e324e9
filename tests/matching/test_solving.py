"""The solver's process: ends with the service, and starts anew where it is asked again."""

import asyncio

from services.matching import solving
from services.matching.engine import Problem, Solution, decide
from tests.waiting import within

NOTHING = Problem(offers=(), asks=(), today="2023-09-01")


async def test_solver_ends_when_it_is_closed_and_starts_anew_when_it_is_asked() -> None:
    """What it was at is given up; closing twice does nothing."""
    assert await solving.solve(NOTHING) == decide(NOTHING) == Solution()
    pool = solving._pool
    assert pool is not None
    (process,) = pool._processes.values()
    solving.close()
    solving.close()
    async with asyncio.timeout(within(10)):
        while process.is_alive():  # its pool waits for it, too: either may learn of it first
            await asyncio.sleep(0.01)
    assert await solving.solve(NOTHING) == Solution()
    solving.close()
