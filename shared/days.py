"""Days that commands ask for: days of the calendar, within what can be meant."""

from datetime import date

from shared.errors import InvalidInput

FIRST = date(1900, 1, 1)
LAST = date(2200, 12, 31)
"""Nothing that is rebuilt was planned earlier, nothing is planned later: a year outside is a slip
of the hand (0205 for 2025)."""


def asked_day(
    text: str, pointer: str, *, earliest: date | None = None, latest: date | None = None
) -> date:
    """The day that somebody gave at `pointer`, in ISO 8601, between `earliest` and `latest`.

    Raises InvalidInput: it is no day, or lies outside.
    """
    since, until = earliest or FIRST, latest or LAST
    allowed = {"from": str(since), "until": str(until)}
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = None
    if day is None or text != day.isoformat():  # fromisoformat takes weeks and 20250131 too
        raise InvalidInput(pointer, "is no day of the calendar", text[:200], allowed)
    if not since <= day <= until:
        between = {"since": str(since), "until": str(until)}
        raise InvalidInput(pointer, "is not between {since} and {until}", text, allowed, **between)
    return day
