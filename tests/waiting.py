"""How long tests wait for what must come: on a machine of CI, which may be slow, longer.

What never comes is found later there, and nothing else changes: no test passes by waiting less.
"""

import os
import time

LONGER = 4.0 if os.environ.get("CI") == "true" else 1.0
AT_MOST = 240.0
"""Nothing that is to come sooner is waited for any longer, in seconds."""


def within(seconds: float) -> float:
    """So many seconds, or what a machine of CI needs for what takes so long elsewhere."""
    return max(seconds, min(seconds * LONGER, AT_MOST))


def let_the_minute_turn() -> None:
    """Return when the minute of the clock has ten seconds left: requests are counted by it."""
    if (left := 60.0 - time.time() % 60.0) < 10.0:
        time.sleep(left)
