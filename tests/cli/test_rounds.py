"""A round's report as tables: groups by name, euro and percent, before and after."""

from typing import Any

import pytest

from cli.rounds import ROUND, euro, reported, share
from cli.tables import listed
from tests.cli.test_tables import drawn
from tests.given import IRPIN_CHAIN

ROUND_ID = "01818ba0-0001-7006-8000-000000000001"
SUMS = {
    "lines": 3,
    "touched_before": 1,
    "touched_after": 2,
    "unvalued": 1,
    "asked_cents": 123_456_789,
    "before_cents": 0,
    "after_cents": 61_728_394,
}
A_ROUND: dict[str, Any] = {
    "id": ROUND_ID,
    "status": "completed",
    "decision": {
        "rule": "optimal.v1",
        "matches": 2,
        "report": {
            "total": SUMS,
            "by_oblast": [{"key": IRPIN_CHAIN[3], **SUMS}, {"key": "unknown", **SUMS}],
            "by_sector": [{"key": "transport.road", **SUMS}],
            "by_size": [{"key": "large", **SUMS}, {"key": "unknown", **SUMS}],
        },
    },
}


def _reporting(report: Any) -> dict[str, Any]:
    """The round with another report."""
    return A_ROUND | {"decision": A_ROUND["decision"] | {"report": report}}


def row(text: str, name: str) -> str:
    """The line of a table that begins with a name."""
    found = [line for line in text.splitlines() if name in line]
    assert len(found) == 1, text
    return found[0]


@pytest.mark.parametrize(
    ("part", "whole", "said"),
    [
        (0, 100, "0.0 %"),
        (1, 3, "33.3 %"),
        (999_999, 1_000_000, "99.9 %"),
        (5, 5, "100.0 %"),
        (0, 0, ""),
    ],
)
def test_percent_is_never_more_than_it_is(part: int, whole: int, said: str) -> None:
    """What is not all of it is not 100 %; of nothing there is no part."""
    assert share(part, whole) == said


def test_euro_have_both_their_cents() -> None:
    """Grouped, exact to the cent, also where a float would not be."""
    assert [euro(c) for c in (0, 5, 2**53 - 1)] == ["0.00", "0.05", "90,071,992,547,409.91"]


def test_report_is_three_tables_with_the_total_below_each() -> None:
    """Oblasts by name, sizes in people, each with euro and percent before and after."""
    text = drawn(reported(A_ROUND, "en"))
    for words in ("Київська", "transport.road", "large (50,000 or more)"):
        line = row(text, words)
        assert "1,234,567.89" in line
        assert "0.00 0.0 %" in line
        assert "617,283.94 49.9 %" in line
        assert "1 → 2 of 3 (1 without value)" in line
    assert text.count("│ all") == 3
    assert "optimal.v1" in text


@pytest.mark.parametrize("width", [60, 80, 160])
def test_report_keeps_its_names_and_amounts_whole_at_any_width(width: int) -> None:
    """An amount that is cut is another amount."""
    text = drawn(reported(A_ROUND, "en"), width)
    for words in ("Київська", "transport.road", "1,234,567.89", "617,283.94", "49.9 %", ROUND_ID):
        assert words in text


def test_round_without_a_report_is_shown_without_tables() -> None:
    """Not every round has one."""
    text = drawn(reported(_reporting(None), "en"))
    assert ROUND_ID in text
    assert "oblast" not in text


def test_report_of_a_round_without_needs_has_its_totals_only() -> None:
    """Nothing was asked, so nothing is a part of it."""
    nothing = {"total": dict.fromkeys(SUMS, 0), "by_oblast": [], "by_sector": [], "by_size": []}
    text = drawn(reported(_reporting(nothing), "en"))
    assert text.count("│ all") == 3
    assert text.count("0 → 0 of 0") == 3


def test_list_of_rounds_says_how_much_was_covered_before_and_after() -> None:
    """One row a round, its id whole."""
    text = drawn(listed(ROUND)([A_ROUND, _reporting(None)], "en"))
    assert text.count(ROUND_ID) == 2
    assert row(text, "before 0.00 0.0 % EUR")
    assert row(text, "after 617,283.94 49.9 % EUR")
