"""Text that is taken is kept to the letter; text that deceives or shows nothing is refused."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, TypeAdapter, ValidationError

from shared.events.canonical import canonical
from shared.events.facts import DateText, DecimalAmount, Line1, Text
from tests.shared.data import DATA, needs

TYPES = {
    "text_control_character",
    "text_direction_character",
    "text_invisible_character",
    "text_no_character",
    "text_empty",
    "text_not_one_line",
}


def refused(kind: Any, given: object) -> tuple[str, str]:
    """The type of the error, and what it says; fails where the value is taken."""
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(kind).validate_python(given)
    error = caught.value.errors()[0]
    return error["type"], error["msg"]


@pytest.mark.parametrize(
    "code", [0x61C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)]
)
def test_direction_controls_are_refused_by_name(code: int) -> None:
    """They make `500000` read `000005`, and one title look like another."""
    for kind in (Line1, Text):
        expected = ("text_direction_character", f"contains the direction control U+{code:04X}")
        assert refused(kind, f"a{chr(code)}b") == expected


@pytest.mark.parametrize(
    "code", [0xAD, 0x180E, 0x200B, 0x2060, 0x2064, 0xFEFF, 0xFFF9, 0xE0001, 0xE0041, 0xE007F]
)
def test_invisible_characters_are_refused_by_name(code: int) -> None:
    """Two texts that look the same are the same."""
    for kind in (Line1, Text):
        expected = ("text_invisible_character", f"contains the invisible character U+{code:04X}")
        assert refused(kind, f"a{chr(code)}b") == expected


@pytest.mark.parametrize("code", [0xFFFE, 0xFFFF, 0xFDD0, 0xFDEF, 0x1FFFE, 0x10FFFF])
def test_what_is_no_character_is_refused(code: int) -> None:
    """Unicode keeps these code points for no text at all."""
    expected = ("text_no_character", f"contains U+{code:04X}, which is no character")
    assert refused(Line1, f"a{chr(code)}") == expected


@pytest.mark.parametrize("character", "\ufdcf\ufdf0\ufffd\ue000\U000f0000\U0001fffd")
def test_characters_beside_those_are_taken(character: str) -> None:
    """The ranges end where Unicode's do."""
    assert TypeAdapter(Line1).validate_python(character) == character


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "\u00a0", "\u3000", "\u200b", "\ufeff", "\u200d", "\u200c \u200d", "\ufe0f"),
        *("\u2800", "\u3164", "\u2060", "\u200f", "\u034f", " \u00ad ", "\U000e0100"),
    ],
)
def test_text_that_shows_nothing_is_empty(text: str) -> None:
    """Blanks of any sort, joiners, selectors and fillers alone."""
    for kind in (Line1, Text):
        assert refused(kind, text) == ("text_empty", "is empty")


@pytest.mark.parametrize(
    "text",
    [
        *(
            "👩‍👩‍👧",
            "❤️",
            "می‌خواهم",
            "ක්‍ෂ",
            "e\u0301",
            "é",
            " outside ",
            "a\u00a0b",
            "Юр’їв",
            "Юр'їв",
        ),
        *("ﬁ", "Ⅳ", "각", "\u1112\u1161\u11ab", "葛\U000e0100", "Z̸̢͊a̶l̵g̷o̴"),
    ],
)
def test_text_is_neither_trimmed_nor_normalised(text: str) -> None:
    """Joiners, selectors, composed and decomposed forms come back as they were given."""
    for kind in (Line1, Text):
        assert TypeAdapter(kind).validate_python(text) == text
    assert json.loads(canonical({"t": text})) == {"t": text}


def test_each_rule_has_its_own_type_of_error() -> None:
    """Messages are translated by type; none of ours is pydantic's `value_error`."""
    assert refused(Line1, "a\x00b") == (
        "text_control_character",
        "contains the control character U+0000",
    )
    assert refused(Line1, "a\nb") == (
        "text_not_one_line",
        "has a line break or a tab; it must be one line",
    )
    assert refused(DateText, "2025-02-30") == ("date_no_day", "is no day of the calendar")
    for wrong in ("1e3", 1.5, Decimal("NaN")):
        assert refused(DecimalAmount, wrong) == (
            "decimal_text",
            'must be a decimal number in a string, like "500000.00"',
        )


class Sheet(BaseModel):
    """One field of text."""

    text: Text


def taken(text: str) -> bool:
    """Whether a text is taken, and then the same through JSON; else it is refused by a rule."""
    sent = canonical({"text": text})
    try:
        sheet = Sheet.model_validate_json(sent)
    except ValidationError as error:
        found = error.errors()[0]
        assert found["type"] in TYPES | {"string_too_long", "string_unicode"}
        assert found["msg"]
        return False
    assert sheet.text == text
    assert canonical(sheet.model_dump(mode="json")) == sent
    return True


@given(
    st.text(
        st.one_of(st.characters(), st.sampled_from("\u200b\u200d\u202e\ufeff\uffff\u00a0\n")),
        max_size=50,
    )
)
def test_any_text_is_refused_by_a_rule_or_comes_back_exactly(text: str) -> None:
    """Nothing in between."""
    taken(text)


@needs("strings")
def test_naughty_strings_are_refused_by_a_rule_or_come_back_exactly() -> None:
    """All 485; the rules refuse what deceives or shows nothing, not what is merely odd."""
    naughty = json.loads((DATA / "strings" / "blns.json").read_text(encoding="utf-8"))
    assert len(naughty) == 485
    assert sum(taken(text) for text in naughty) == 469
