"""Days that commands ask for."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.days import FIRST, LAST, asked_day
from shared.errors import InvalidInput


def refusal(text: str, **bounds: date) -> InvalidInput:
    """Why a day is refused; fails where it is taken."""
    with pytest.raises(InvalidInput) as caught:
        asked_day(text, "/start_date", **bounds)
    return caught.value


@given(st.dates(FIRST, LAST))
def test_day_of_the_calendar_is_taken(day: date) -> None:
    """As ISO 8601 writes it."""
    assert asked_day(day.isoformat(), "/start_date") == day


@pytest.mark.parametrize("text", ["0205-03-01", "1899-12-31", "2201-01-01", "9999-12-31"])
def test_day_that_nobody_can_mean_is_refused(text: str) -> None:
    """A slip in the year, not a plan."""
    error = refusal(text)
    assert error.facts["given"] == text
    assert error.facts["allowed"] == {"from": "1900-01-01", "until": "2200-12-31"}
    assert error.detail() == "is not between 1900-01-01 and 2200-12-31"


def test_bounds_are_the_commands_own_and_belong_to_what_is_allowed() -> None:
    """The first and the last day are taken, those beside them are not."""
    bounds = {"earliest": date(2025, 1, 10), "latest": date(2025, 1, 20)}
    for text in ("2025-01-10", "2025-01-20"):
        assert str(asked_day(text, "/d", **bounds)) == text
    for text in ("2025-01-09", "2025-01-21"):
        assert refusal(text, **bounds).facts["allowed"] == {
            "from": "2025-01-10",
            "until": "2025-01-20",
        }
    assert refusal("2025-01-09", earliest=date(2025, 1, 10)).facts["allowed"] == {
        "from": "2025-01-10",
        "until": "2200-12-31",
    }


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "2025-02-29",
            "2025-13-01",
            "20250131",
            "2025-W05-5",
            "2025-1-1",
            "31.01.2025",
            "2025",
        ),
        *("2025-01-01T00:00:00", " 2025-01-01", "２０２５-01-01", "0000-01-01", "x" * 1000),
    ],
)
def test_what_is_no_day_is_refused(text: str) -> None:
    """Days that the calendar has not, and other ways to write one."""
    error = refusal(text)
    assert error.detail() == "is no day of the calendar"
    assert error.facts["given"] == text[:200]
    assert error.facts["allowed"]["from"] == "1900-01-01"
