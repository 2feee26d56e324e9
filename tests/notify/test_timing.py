"""When a mail goes out, by the clocks of whoever gets it."""

from datetime import UTC, datetime, timedelta
from typing import Any, get_args
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.notify.preferences import Preferences
from services.notify.timing import (
    AT_ONCE,
    WEEKDAYS,
    When,
    first,
    is_quiet,
    next_digest,
    past_quiet,
    when,
)
from shared.events.notify import Kind, QuietHours, Timing, Timings
from tests.notify.samples import IRPIN

KYIV = ZoneInfo("Europe/Kyiv")
ZONES = sorted(z for z in available_timezones() if "/" in z and not z.startswith("Etc/"))
zones = st.sampled_from(ZONES).map(ZoneInfo)
moments = st.datetimes(datetime(1990, 1, 1), datetime(2060, 1, 1), timezones=st.just(UTC))
clocks = st.times().map(lambda t: t.strftime("%H:%M"))
quiets = st.tuples(clocks, clocks).filter(lambda t: t[0] != t[1])
kinds = st.sampled_from(get_args(Kind))
timings = st.builds(Timings, **{kind: st.sampled_from(get_args(Timing)) for kind in get_args(Kind)})


def at(text: str, zone: ZoneInfo = KYIV, fold: int = 0) -> datetime:
    """A moment by a zone's clocks."""
    return datetime.fromisoformat(text).replace(tzinfo=zone, fold=fold).astimezone(UTC)


def wanting(timing: str, quiet: tuple[str, str] | None = None, **more: Any) -> Preferences:
    """Preferences with one timing for all kinds."""
    hours = QuietHours(begin=quiet[0], end=quiet[1]) if quiet else None
    all_kinds = Timings.model_validate(dict.fromkeys(get_args(Kind), timing))
    return Preferences(id=IRPIN, timings=all_kinds, quiet_hours=hours, **more)


@pytest.mark.parametrize(
    ("preferences", "now", "expected"),
    [
        (wanting("immediate"), "2026-03-05T23:30", AT_ONCE),
        (wanting("immediate", ("22:00", "07:00")), "2026-03-05T21:59", AT_ONCE),
        (wanting("immediate", ("22:00", "07:00")), "2026-03-05T22:00", "2026-03-06T07:00"),
        (wanting("immediate", ("22:00", "07:00")), "2026-03-06T06:59", "2026-03-06T07:00"),
        (wanting("immediate", ("22:00", "07:00")), "2026-03-06T07:00", AT_ONCE),
        (wanting("immediate", ("12:00", "13:00")), "2026-03-06T12:30", "2026-03-06T13:00"),
        (wanting("daily", digest_hour=8), "2026-03-05T07:59", "2026-03-05T08:00"),
        (wanting("daily", digest_hour=8), "2026-03-05T08:00", "2026-03-06T08:00"),
        (
            wanting("daily", ("22:00", "08:30"), digest_hour=8),
            "2026-03-05T09:00",
            "2026-03-06T08:30",
        ),
        (wanting("weekly", digest_weekday="friday"), "2026-03-05T12:00", "2026-03-06T09:00"),
        (wanting("weekly", digest_weekday="friday"), "2026-03-06T09:00", "2026-03-13T09:00"),
        (wanting("off"), "2026-03-05T12:00", None),
    ],
)
def test_what_is_not_urgent_waits_for_its_hour(
    preferences: Preferences, now: str, expected: Any
) -> None:
    """At once but in quiet hours; in the digest of the day or week; or never."""
    if isinstance(expected, str):
        digest = preferences.timings.needs != "immediate"
        expected = When(at(expected), digest)
    assert when("needs", False, preferences, KYIV, at(now)) == expected


@given(kinds, timings, quiets, zones, moments)
def test_what_is_urgent_goes_at_once_unless_its_kind_is_off(
    kind: Kind, timings: Timings, quiet: tuple[str, str], zone: ZoneInfo, now: datetime
) -> None:
    """Whatever the timing of its kind, and whatever the quiet hours."""
    quiet_hours = QuietHours(begin=quiet[0], end=quiet[1])
    preferences = Preferences(id=IRPIN, timings=timings, quiet_hours=quiet_hours)
    expected = None if getattr(timings, kind) == "off" else AT_ONCE
    assert when(kind, True, preferences, zone, now) == expected


@given(quiets, zones, moments)
@example(("02:45", "02:15"), KYIV, at("2026-03-29T02:00"))  # its only hour is put over
@example(("23:00", "03:30"), KYIV, at("2026-10-25T03:10", fold=1))
def test_nothing_comes_in_quiet_hours_and_nothing_waits_longer(
    quiet: tuple[str, str], zone: ZoneInfo, now: datetime
) -> None:
    """Until the first minute that is not quiet, also where clocks are put forward or back."""
    hours = QuietHours(begin=quiet[0], end=quiet[1])
    found = past_quiet(now, hours, zone)
    assert not is_quiet(found, hours, zone)
    assert (found == now) == (not is_quiet(now, hours, zone))
    if found > now:
        just_before = found - timedelta(seconds=1)
        assert is_quiet(just_before, hours, zone)
    assert found - now < timedelta(hours=75)  # a day that a zone left out, and the day around it


@given(st.integers(0, 23), st.sampled_from([None, *WEEKDAYS]), zones, moments)
def test_a_digest_is_the_next_one_at_its_hour(
    hour: int, weekday: Any, zone: ZoneInfo, now: datetime
) -> None:
    """At the hour by local clocks, or when they have just been put over it; within its period."""
    due = next_digest(hour, weekday, zone, now)
    assert due > now
    clock = due.astimezone(zone)
    before = (due - timedelta(seconds=1)).astimezone(zone)
    skipped = clock.replace(tzinfo=None) - before.replace(tzinfo=None) > timedelta(seconds=1)
    if not skipped:
        assert (clock.hour, clock.minute, clock.second) == (hour, 0, 0)
        assert weekday in (None, WEEKDAYS[clock.weekday()])
    assert due - now <= timedelta(days=8 if weekday else 2, hours=3)


@given(st.integers(0, 23), zones, moments, st.integers(1, 86_399))
def test_all_that_is_decided_before_a_digest_goes_into_the_same(
    hour: int, zone: ZoneInfo, now: datetime, later: int
) -> None:
    """So that one mail holds all of them."""
    due = next_digest(hour, None, zone, now)
    between = now + (due - now) * later / 86_400
    assert next_digest(hour, None, zone, between) == due


@pytest.mark.parametrize(
    ("day", "clock", "utc"),
    [
        ("2026-03-29", "02:59", "2026-03-29T00:59:00"),
        ("2026-03-29", "03:00", "2026-03-29T01:00:00"),  # put forward from 3 to 4
        ("2026-03-29", "03:30", "2026-03-29T01:00:00"),
        ("2026-03-29", "04:00", "2026-03-29T01:00:00"),
        ("2026-10-25", "03:30", "2026-10-25T00:30:00"),  # put back from 4 to 3
        ("2026-10-25", "04:00", "2026-10-25T02:00:00"),
    ],
)
def test_in_kyiv_clocks_are_put_forward_and_back(day: str, clock: str, utc: str) -> None:
    """What is due in the hour that is left out is due at its end; of two hours, in the first."""
    wall = datetime.fromisoformat(f"{day}T{clock}")
    assert first(wall.date(), wall.time(), KYIV) == at(utc, ZoneInfo("UTC"))


def test_on_a_day_that_was_left_out_all_is_due_as_it_would_begin() -> None:
    """Samoa went from 29 to 31 December 2011."""
    apia = ZoneInfo("Pacific/Apia")
    wall = datetime(2011, 12, 30, 9)
    assert first(wall.date(), wall.time(), apia) == at("2011-12-31T00:00", apia)
