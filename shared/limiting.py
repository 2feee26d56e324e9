"""How many requests one caller may make: commands by who acts, reads by where they come from."""

import time

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter, RateLimiter, SlidingWindowCounterRateLimiter

from shared.errors import Refused


class TooManyRequests(Refused):
    """The caller has asked too often; `Retry-After` says in how many seconds it may again."""

    status = 429
    title = "Too many requests"

    def headers(self) -> dict[str, str]:
        return {"Retry-After": str(self.facts["retry_after"])}


class Limits:
    """Requests a minute, by this process.

    Counted by the minutes of the clock, of which the last one still counts in part: one or two more
    may pass where a minute turns, and no request is remembered by itself.
    """

    def __init__(self, commands: int, reads: int) -> None:
        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())
        self._commands = RateLimitItemPerMinute(commands, namespace="commands")
        self._reads = RateLimitItemPerMinute(reads, namespace="reads")

    def command(self, actor: str) -> None:
        """Count a command of an actor's. Raises TooManyRequests."""
        self._count(self._commands, actor)

    def read(self, address: str) -> None:
        """Count a request without a token. Raises TooManyRequests."""
        self._count(self._reads, address)

    def _count(self, limit: RateLimitItemPerMinute, who: str) -> None:
        if not self._limiter.hit(limit, who):
            raise _too_many(self._limiter, limit, who)


class Failures:
    """Attempts that failed: past a number in any sixty seconds, none is looked at."""

    def __init__(self, most: int) -> None:
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        self._limit = RateLimitItemPerMinute(most, namespace="failures")

    def check(self, who: str) -> None:
        """Raises TooManyRequests where somebody has failed too often."""
        if not self._limiter.test(self._limit, who):
            raise _too_many(self._limiter, self._limit, who)

    def count(self, who: str) -> None:
        """Somebody failed."""
        self._limiter.hit(self._limit, who)


def _too_many(limiter: RateLimiter, limit: RateLimitItemPerMinute, who: str) -> TooManyRequests:
    reset = limiter.get_window_stats(limit, who).reset_time
    return TooManyRequests(
        "more than {allowed} requests in a minute; wait {retry_after} seconds",
        allowed=limit.amount,
        retry_after=max(1, round(reset - time.time() + 0.5)),
    )
