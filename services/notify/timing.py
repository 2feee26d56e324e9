"""When a notice may be sent: by its kind, its urgency and what its recipient wants; pure.

Days and hours are those of the recipient's zone, as its clocks show them. Where they are put
forward over an hour, what was due in it is due when they have been put forward; where they are put
back, so that an hour comes twice, a digest is due the first time.
"""

from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple, get_args
from zoneinfo import ZoneInfo

from services.notify.preferences import Preferences
from shared.events.notify import Kind, QuietHours, Weekday

WEEKDAYS: tuple[Weekday, ...] = get_args(Weekday)
DAY = timedelta(days=1)


class When(NamedTuple):
    """When a mail may go: not before a moment (None: at once), alone or in a digest."""

    not_before: datetime | None = None
    digest: bool = False


AT_ONCE = When()


def when(
    kind: Kind, urgent: bool, preferences: Preferences, zone: ZoneInfo, now: datetime
) -> When | None:
    """When a notice that is decided now may be mailed; None for not at all."""
    wanted = getattr(preferences.timings, kind)
    if wanted == "off":
        return None
    if urgent:
        return AT_ONCE
    quiet = preferences.quiet_hours
    if wanted == "immediate":
        after = past_quiet(now, quiet, zone)
        return When(after) if after > now else AT_ONCE
    weekday = preferences.digest_weekday if wanted == "weekly" else None
    due = next_digest(preferences.digest_hour, weekday, zone, now)
    return When(past_quiet(due, quiet, zone), digest=True)


def next_digest(hour: int, weekday: Weekday | None, zone: ZoneInfo, now: datetime) -> datetime:
    """The first moment after `now` at which a digest is due, of one weekday or of any."""
    day = now.astimezone(zone).date() - DAY
    while True:
        if weekday is None or WEEKDAYS[day.weekday()] == weekday:
            due = first(day, time(hour), zone)
            if due > now:
                return due
        day += DAY


def past_quiet(moment: datetime, quiet: QuietHours | None, zone: ZoneInfo) -> datetime:
    """The moment itself, or the next at which quiet hours are over."""
    while quiet and is_quiet(moment, quiet, zone):
        moment = _next_time(time.fromisoformat(quiet.end), zone, moment)
    return moment


def is_quiet(moment: datetime, quiet: QuietHours, zone: ZoneInfo) -> bool:
    """Whether a moment is in quiet hours, by the clocks of a zone."""
    clock = moment.astimezone(zone).strftime("%H:%M")
    if quiet.begin < quiet.end:
        return quiet.begin <= clock < quiet.end
    return clock >= quiet.begin or clock < quiet.end


def first(day: date, clock: time, zone: ZoneInfo) -> datetime:
    """The first moment of a day at which its clocks show a time, or have been put over it."""
    wall = datetime.combine(day, clock)
    late, early = (_utc(wall, zone, fold) for fold in (0, 1))
    if _wall(late, zone) == wall:
        return late
    while late - early > timedelta(seconds=1):  # `early` is before the clocks are put forward
        middle = early + (late - early) / 2
        early, late = (middle, late) if _wall(middle, zone) < wall else (early, middle)
    return late.replace(microsecond=0)


def _next_time(clock: time, zone: ZoneInfo, now: datetime) -> datetime:
    """The first moment after `now` at which clocks show a time, or have been put over it."""
    day = now.astimezone(zone).date() - DAY
    while True:
        wall = datetime.combine(day, clock)
        found = [first(day, clock, zone)]
        again = _utc(wall, zone, 1)
        if _wall(again, zone) == wall:
            found.append(again)
        for moment in sorted(found):
            if moment > now:
                return moment
        day += DAY


def _utc(wall: datetime, zone: ZoneInfo, fold: int) -> datetime:
    return wall.replace(tzinfo=zone, fold=fold).astimezone(UTC)


def _wall(moment: datetime, zone: ZoneInfo) -> datetime:
    return moment.astimezone(zone).replace(tzinfo=None)
