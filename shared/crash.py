"""Named points at which a test kills the process. In a real service they do nothing.

`arm` is called by the tests' own entry (tests/chaos/service.py) only; a service that is started
in the ordinary way refuses the variable (shared/settings.py).
"""

import os
import signal
from collections import Counter

VARIABLE = "ALLIANCE_CRASH_AT"

POINTS = (
    "before-commit",
    "after-commit",
    "in-sequencing",
    "before-produce",
    "after-produce",
    "in-handler",
    "before-offset-commit",
)

SENDING = (
    "before-attempt",
    "attempt-noted",
    "recipient-taken",
    "message-taken",
    "before-outcome-commit",
    "after-outcome-commit",
)
"""Those of notify's sender, in their order."""

WEBHOOKS = ("webhook-taken",)
"""Between what came of an attempt and what that means for its notice (services/notify/webhooks)."""

LETTERS = ("letter-noted", "letter-written")
"""Those between the parts of setting a record aside (shared/dead_letters.py)."""

_armed: dict[str, int] = {}
_passed: Counter[str] = Counter()


def arm(spec: str) -> None:
    """`point:n`: SIGKILL this process the n-th time it passes `point` (1 is the first)."""
    point, _, times = spec.partition(":")
    known = POINTS + SENDING + WEBHOOKS + LETTERS
    if point not in known:
        raise ValueError(f"{VARIABLE} names {point!r}, allowed: {', '.join(known)}")
    _armed[point] = int(times or 1)


def point(name: str) -> None:
    """Pass a named point."""
    if name in _armed:
        _passed[name] += 1
        if _passed[name] == _armed[name]:
            os.kill(os.getpid(), signal.SIGKILL)
