"""Lanes: what waits for each destination, and which of it may go now; pure.

All times are of one monotonic clock, in seconds, and given by the caller. A lane has a bounded
number of hand-overs at once, a rate, and a pause after failures. One in which something failed
last tries one thing at a time, and all such lanes together have half of the hand-overs: the other
half is never kept waiting by a destination that does not answer.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

LONGEST_PAUSE = 900.0

T = TypeVar("T")


@dataclass(eq=False)
class Lane(Generic[T]):
    """One destination's."""

    name: str
    waiting: deque[T] = field(default_factory=deque)
    refs: set[str] = field(default_factory=set)
    """References to the contacts that were seen in it."""
    busy: int = 0
    failures: int = 0
    """In a row."""
    open_at: float = 0.0
    tokens: float = 1.0
    counted_at: float = 0.0

    @property
    def troubled(self) -> bool:
        """Whether the last hand-over failed."""
        return self.failures > 0


class Lanes(Generic[T]):
    """All lanes. `rate` is hand-overs a second in one lane, `width` how many at once in one,
    `depth` how much waits in one at most."""

    def __init__(self, rate: float, width: int, depth: int = 64) -> None:
        self._rate = rate
        self._width = width
        self._depth = depth
        self._lanes: dict[str, Lane[T]] = {}

    def __getitem__(self, name: str) -> Lane[T]:
        return self._lanes.setdefault(name, Lane(name, tokens=max(self._rate, 1.0)))

    def __len__(self) -> int:
        return len(self._lanes)

    def full(self, name: str, now: float) -> bool:
        """Whether nothing more is to be put into a lane now."""
        lane = self._lanes.get(name)
        return lane is not None and self._full(lane, now)

    def closed_refs(self, now: float) -> list[str]:
        """The contacts for which nothing need be looked for now."""
        return [ref for lane in self._lanes.values() if self._full(lane, now) for ref in lane.refs]

    def ready(self, now: float, all_hands: int) -> int:
        """How much could go now, if there were hands enough."""
        sound = troubled = 0
        for lane in self._lanes.values():
            if number := min(len(lane.waiting), max(self._room(lane, now), 0)):
                troubled += number if lane.troubled else 0
                sound += 0 if lane.troubled else number
        return sound + min(troubled, max(self._left_for_troubled(all_hands), 0))

    def take(self, now: float, hands: int, all_hands: int) -> list[tuple[Lane[T], T]]:
        """Up to `hands` things that go now, from each lane in turn; each is `done` once."""
        taken: list[tuple[Lane[T], T]] = []
        troubled = self._left_for_troubled(all_hands)
        for lane in self._turns(now):
            if len(taken) >= hands:
                break
            if lane.troubled:
                if troubled <= 0:
                    continue
                troubled -= 1
            lane.busy += 1
            lane.tokens -= 1
            taken.append((lane, lane.waiting.popleft()))
            self._lanes[lane.name] = self._lanes.pop(lane.name)  # next time it is the last
        return taken

    def done(self, lane: Lane[T]) -> None:
        """Something that was taken is no longer under way."""
        lane.busy -= 1

    def went_well(self, lane: Lane[T]) -> None:
        """The destination answers."""
        lane.failures = 0
        lane.open_at = 0.0

    def failed(self, lane: Lane[T], now: float, jitter: float, *, at_once: bool) -> list[T]:
        """A hand-over failed; what waited in the lane, if that is closed for a while now.

        `at_once`: the destination gave no answer. One that answers "not now" may mean one
        mailbox only, and is closed after the third time in a row. `jitter` is from 0 to 1.
        """
        lane.failures += 1
        steps = lane.failures - (1 if at_once else 3)
        if steps < 0:
            return []
        pause = min(2.0 ** min(steps, 20), LONGEST_PAUSE)
        lane.open_at = max(lane.open_at, now + pause * (0.75 + jitter / 2))
        left, lane.waiting = list(lane.waiting), deque()
        return left

    def next_at(self, now: float) -> float | None:
        """When the next thing that waits may go; None where nothing waits for the clock."""
        moments = [
            max(lane.open_at, lane.counted_at + max(1 - lane.tokens, 0) / self._rate)
            for lane in self._lanes.values()
            if lane.waiting and lane.busy < self._width
        ]
        return min(moments, default=None)

    def empty(self) -> None:
        """Nothing waits any more."""
        for lane in self._lanes.values():
            lane.waiting.clear()

    def forget_idle(self, now: float) -> None:
        """Drop the lanes of which nothing need be remembered."""
        self._lanes = {
            name: lane
            for name, lane in self._lanes.items()
            if lane.busy
            or lane.waiting
            or (lane.failures and lane.open_at > now - LONGEST_PAUSE)
            or now - lane.counted_at < max(self._rate, 1.0) / self._rate
        }

    def _left_for_troubled(self, all_hands: int) -> int:
        busy = sum(lane.busy for lane in self._lanes.values() if lane.troubled)
        return max(all_hands // 2, 1) - busy

    def _turns(self, now: float) -> Iterator[Lane[T]]:
        """Lanes from which one thing can be taken, each again and again until none has more."""
        found = True
        while found:
            found = False
            for lane in list(self._lanes.values()):
                if lane.waiting and self._room(lane, now) > 0:
                    before = len(lane.waiting)
                    yield lane
                    found = found or len(lane.waiting) < before

    def _room(self, lane: Lane[T], now: float) -> int:
        if lane.open_at > now:
            return 0
        gained = (now - lane.counted_at) * self._rate
        lane.tokens = min(lane.tokens + gained, max(self._rate, 1.0))
        lane.counted_at = now
        width = 1 if lane.troubled else self._width
        return min(width - lane.busy, int(lane.tokens + 1e-6))

    def _full(self, lane: Lane[T], now: float) -> bool:
        return lane.open_at > now or len(lane.waiting) >= self._depth
