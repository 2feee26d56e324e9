"""canonical(): RFC 8785's bytes on all that an event may hold."""

import json
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from shared.events.canonical import canonical
from tests.shared.data import DATA, needs

SAFE = 2**53 - 1
ASCII = st.characters(min_codepoint=0, max_codepoint=0x7F)
KEYS = st.text(ASCII, max_size=12)
SCALARS = st.none() | st.booleans() | st.integers(-SAFE, SAFE) | st.text(max_size=20)
ALLOWED = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=20,
)
"""What an event may hold: no floats, whole numbers below 2^53, keys of ASCII."""


@given(ALLOWED)
def test_canonical_is_rfc_8785_on_the_allowed_subset(value: Any) -> None:
    """The same bytes as the reference library's, for every value an event may hold."""
    assert canonical(value).encode() == rfc8785.dumps(value)


@given(ALLOWED)
def test_canonical_text_says_what_it_was_made_of(value: Any) -> None:
    """Reading it gives the value back, and writing that again the same text."""
    text = canonical(value)
    assert json.loads(text) == value
    assert canonical(json.loads(text)) == text


@pytest.mark.parametrize("code", [*range(0x20), 0x22, 0x5C, 0x7F, 0x80, 0x2028, 0xFFFF, 0x1F600])
def test_each_character_with_an_escape_of_its_own_is_written_as_rfc_8785_does(code: int) -> None:
    """Control characters, quote, backslash, and those that other encoders escape for nothing."""
    assert canonical({"a": chr(code)}).encode() == rfc8785.dumps({"a": chr(code)})


def test_key_order_does_not_depend_on_the_order_of_insertion() -> None:
    """Keys are sorted, at every depth."""
    one = {"b": {"d": 1, "c": 2}, "a": []}
    other = {"a": [], "b": {"c": 2, "d": 1}}
    assert canonical(one) == canonical(other) == '{"a":[],"b":{"c":2,"d":1}}'


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_what_json_cannot_say_is_refused(value: float) -> None:
    """NaN and the infinities are no JSON."""
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical(value)


# The official vectors in the subset: `arrays` is inside; `french` and `structures` are outside by
# their keys and numbers. `french` has keys that are not ASCII but below U+10000, where code point
# order is UTF-16 order, so the bytes agree all the same. `structures` holds the float 56.0, which
# an event cannot hold: RFC 8785 writes 56, the standard library 56.0.
INSIDE = ("arrays",)
AGREES_OUTSIDE = ("french",)


@needs("jcs")
@pytest.mark.parametrize("name", INSIDE + AGREES_OUTSIDE)
def test_official_vector_gives_the_official_bytes(name: str) -> None:
    """Input in, and out come the bytes that the RFC's author published, as text and as hex."""
    value = json.loads((DATA / "jcs" / "input" / f"{name}.json").read_text(encoding="utf-8"))
    found = canonical(value).encode()
    assert found == (DATA / "jcs" / "output" / f"{name}.json").read_bytes()
    assert found == bytes.fromhex((DATA / "jcs" / "outhex" / f"{name}.txt").read_text())


@needs("jcs")
def test_official_vector_structures_agrees_once_its_float_is_the_whole_number_it_means() -> None:
    """All of `structures` but the float is in the subset; as it stands the bytes differ."""
    text = (DATA / "jcs" / "input" / "structures.json").read_text(encoding="utf-8")
    official = (DATA / "jcs" / "output" / "structures.json").read_bytes()
    assert canonical(json.loads(text)).encode() != official
    assert canonical(json.loads(text.replace("56.0", "56"))).encode() == official


@needs("jcs")
def test_every_official_vector_is_accounted_for() -> None:
    """A vector that is added to the folder is looked at, not overlooked."""
    present = {file.stem for file in (DATA / "jcs" / "input").iterdir()}
    assert present == {*INSIDE, *AGREES_OUTSIDE, "structures"}
