"""How many failed attempts and requests a minute has room for, wherever it begins."""

from collections.abc import Iterator
from unittest.mock import patch

import pytest

from shared.limiting import Failures, Limits, TooManyRequests

A_MINUTE_BEGINS = 1_767_225_600.0


class Clock:
    """The time, as the test sets it; in seconds from the beginning of a minute."""

    now = A_MINUTE_BEGINS

    def set(self, second: float) -> None:
        self.now = A_MINUTE_BEGINS + second


@pytest.fixture
def clock() -> Iterator[Clock]:
    """The clock of everything here; time goes on by `set` only."""
    found = Clock()
    with patch("time.time", lambda: found.now):
        yield found


@pytest.mark.parametrize("begun", [0.0, 30.0, 59.9])
def test_no_sixty_seconds_have_room_for_more_failures(clock: Clock, begun: float) -> None:
    """Whether the minute of the clock turns meanwhile or not; after them there is room again."""
    failures = Failures(5)
    for n in range(5):
        clock.set(begun + n / 10)
        failures.check("anna")
        failures.count("anna")
    for later in (0.5, 20.0, 59.9):
        clock.set(begun + later)
        with pytest.raises(TooManyRequests) as refused:
            failures.check("anna")
        assert 60 - later <= int(refused.value.headers()["Retry-After"]) <= 62 - later
        failures.check("somebody else")
    clock.set(begun + 60.05)  # the first of the five is over
    failures.check("anna")
    failures.count("anna")
    with pytest.raises(TooManyRequests):
        failures.check("anna")


@pytest.mark.parametrize("begun", [0.0, 30.0, 59.99])
def test_a_turn_of_the_minute_lets_two_requests_more_pass_at_most(
    clock: Clock, begun: float
) -> None:
    """Twenty are allowed in a minute; the last minute of the clock counts on, in part."""
    limits = Limits(commands=20, reads=20)
    passed = 0
    for n in range(40):
        clock.set(begun + n / 1000)
        try:
            limits.command("anna")
        except TooManyRequests:
            continue
        passed += 1
    assert 20 <= passed <= (22 if begun > 59 else 20)
