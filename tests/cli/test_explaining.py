"""Why a match, why none yet, what a pledge would bring: readable, and in both languages."""

from typing import Any

import pytest

from cli.explaining import explanation, outlook, preview, previews
from tests.cli.test_tables import drawn

ID = "01818ba0-0001-7006-8000-000000000001"
SENTENCES = {"en": ["The need's urgency is high."], "uk": ["Терміновість потреби висока."]}
LOST = {
    "pledge_id": ID,
    "pledge_line": 2,
    "need_id": ID,
    "need_line": 3,
    "reason": "lower-score",
    "margin": 49,
}
EXPLAINED: dict[str, Any] = {
    "rule": "optimal.v1",
    "tier": [{"name": "partnership", "level": 1, "highest": 1, "means": ""}],
    "score": 1200,
    "base": 1000,
    "parts": [{"name": "waiting", "points": 200, "most": 200, "means": ""}],
    "binding": ["covers-the-line"],
    "alternatives": [LOST],
    "other_needs": [],
    "round": {
        "round_id": ID,
        "rule": "optimal.v1",
        "day": "2023-09-01",
        "seen": {
            "own_through": 41,
            "own_also": [],
            "foreign": [{"owner": "projects", "partition": 2, "position": 17}],
        },
        "problem_hash": "a" * 64,
        "solution_hash": "b" * 64,
    },
    "rates": {"rates_id": ID, "date": "2023-08-31", "source": "ECB", "per_eur": {"PLN": "4.66"}},
    "by_hand": None,
    "sentences": SENTENCES,
}
BY_HAND = EXPLAINED | {
    "rule": "by-hand.v1",
    "tier": [],
    "score": None,
    "base": None,
    "parts": [],
    "binding": [],
    "alternatives": [],
    "round": None,
    "rates": None,
    "by_hand": {"proposed_by": None, "reason": "the mayors met"},
}
EUR = {"amount": "300.00", "currency": "EUR"}
COUNTS = {"reasons": {"other-kind": 12}, "substituting": {"no-unit-value": 7}}
OUTLOOK = {
    "need_id": ID,
    "status": "uncovered",
    "pledge_lines": 12,
    "lines": [
        {
            "line": 1,
            "asked": EUR,
            "uncovered": EUR,
            "status": "uncovered",
            "could_serve": 0,
            **COUNTS,
            "nearest": [{"pledge_id": ID, "pledge_line": 1, "reasons": ["no-rate"]}],
        }
    ],
    "sentences": SENTENCES,
}
PREVIEW = {
    "pledge_id": ID,
    "matches": [
        {
            "pledge_line": 1,
            "need_id": ID,
            "need_line": 2,
            "reserved": EUR,
            "covers": EUR,
            "explanation": {"score": 1310},
        }
    ],
    "gives_way": [],
    "left": [{"pledge_line": 1, "left": EUR, **COUNTS, "outbid": 0, "lost": []}],
    "sentences": SENTENCES,
}


@pytest.mark.parametrize("width", [80, 160])
def test_explanation_shows_steps_points_losers_and_what_it_rests_on(width: int) -> None:
    """Each number with what it is of; positions by log."""
    text = drawn(explanation(EXPLAINED, "en"), width)
    for words in ("1 of 1", "200 of 200", "1200", "lower-score", "49", "projects/2", "17", "4.66"):
        assert words in text
    assert "urgency is high" in text


def test_sentences_are_in_the_language_that_was_asked_for() -> None:
    """By --lang; the tables keep the codes."""
    text = drawn(explanation(EXPLAINED, "uk"))
    assert "Терміновість потреби висока." in text
    assert "urgency is high" not in text


def test_match_by_hand_has_sentences_and_no_tables() -> None:
    """There is nothing to count."""
    text = drawn(explanation(BY_HAND, "en"))
    assert text.strip() == "· The need's urgency is high."


def test_outlook_shows_counts_and_who_is_nearest() -> None:
    """Money in the place of goods is told apart."""
    text = drawn(outlook(OUTLOOK, "en"))
    for words in ("300.00 EUR of 300.00 EUR", "other-kind", "money: no-unit-value"):
        assert words in text
    assert "no-rate" in text


def test_preview_shows_what_would_be_proposed_and_what_is_left() -> None:
    """One pledge, or each of a file."""
    text = drawn(preview(PREVIEW, "en"), 160)
    for words in (f"{ID} line 2", "300.00 EUR", "1310", "line 1: 300.00 EUR left", "other-kind"):
        assert words in text
    assert drawn(previews([PREVIEW, PREVIEW], "en"), 160).count("1310") == 2
