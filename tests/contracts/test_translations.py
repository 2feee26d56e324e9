"""Every message that a service may answer has its Ukrainian words, with the same values."""

import ast
from collections.abc import Iterator
from pathlib import Path
from string import Formatter
from typing import Any

import pytest
from babel.messages.pofile import read_po
from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticKnownError

import services
import shared
from shared.errors import InvalidInput, NotFound, Refused, VersionConflict
from shared.events.facts import DateText, DecimalAmount, Line1
from shared.translations import HERE, translate

ROOTS = [Path(package.__path__[0]) for package in (services, shared)]
TREES = [ast.parse(file.read_text()) for root in ROOTS for file in sorted(root.rglob("*.py"))]


def refusals() -> set[str]:
    """The names of all classes of refusals."""
    known = {Refused.__name__}
    while True:
        found = {
            node.name
            for tree in TREES
            for node in ast.walk(tree)
            if isinstance(node, ast.ClassDef)
            and any(isinstance(base, ast.Name) and base.id in known for base in node.bases)
        }
        if found <= known:
            return known
        known |= found


def texts(node: ast.AST) -> Iterator[str]:
    """What a template may be: a text, or one of two."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from texts(node.body)
        yield from texts(node.orelse)


def templates() -> set[str]:
    """Every template of a refusal in the code of the services, and every title."""
    found, kinds = set(), refusals()
    for tree in TREES:
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef) and node.name in kinds:
                found |= set(_of_class(node))
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                at = 1 if node.func.id == InvalidInput.__name__ else 0
                made_of_values = (NotFound.__name__, VersionConflict.__name__)
                if node.func.id in kinds - set(made_of_values) and len(node.args) > at:
                    found |= set(texts(node.args[at]))
    return found


def said() -> set[str]:
    """Every template of a sentence of the services."""
    return {
        text
        for tree in TREES
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "say"
        for text in texts(node.args[0])
    }


def _of_class(node: ast.ClassDef) -> Iterator[str]:
    for part in ast.walk(node):
        if isinstance(part, ast.Assign) and any(
            isinstance(t, ast.Name) and t.id == "title" for t in part.targets
        ):
            yield from texts(part.value)
        if (
            isinstance(part, ast.Call)
            and ast.unparse(part.func) == "super().__init__"
            and part.args
        ):
            yield from texts(part.args[0])


def values(template: str) -> set[str]:
    """The names of the values in a template."""
    return {name for _, name, _, _ in Formatter().parse(template) if name}


def test_every_message_is_said_in_ukrainian() -> None:
    """A template or title without its Ukrainian words is named here."""
    assert len(templates()) > 100
    assert [t for t in sorted(templates()) if translate(t, "uk") == t] == []


def test_every_sentence_is_said_in_ukrainian() -> None:
    """A template that is given to `say` without its Ukrainian words is named here."""
    assert len(said()) > 80
    assert [t for t in sorted(said()) if translate(t, "uk") == t] == []


def test_translations_name_the_same_values() -> None:
    """A value that is left out or misspelt would be missing, or fail when it is said."""
    with (HERE / "uk.po").open("rb") as file:
        for message in read_po(file):
            if message.id and message.context is None:
                assert values(str(message.string)) == values(str(message.id)), message.id


def test_no_value_has_the_name_of_a_problems_own_field() -> None:
    """RFC 9457 has these; a value of the same name would replace what they say."""
    own = {"type", "title", "status", "detail", "errors"}
    assert [t for t in sorted(templates()) if own & values(t)] == []


def of_pydantic() -> dict[str, str]:
    """Our words for what pydantic says, by its type of error."""
    with (HERE / "uk.po").open("rb") as file:
        return {str(m.id): str(m.string) for m in read_po(file) if m.context == "pydantic"}


CONTEXT: dict[str, object] = {
    "discriminator": "kind",
    "tag": "loan",
    "expected_tags": "funding",
    "expected": "low",
    "pattern": "x",
    "error": "x",
    "field_type": "List",
    "actual_length": 1,
    "class_name": "Need",
    **dict.fromkeys(("min_length", "max_length", "ge", "gt", "le", "lt"), 1),
}
OURS = {
    "text_empty",
    "text_control_character",
    "text_direction_character",
    "text_invisible_character",
    "text_no_character",
    "text_not_one_line",
    "date_no_day",
    "decimal_text",
}
"""Types of errors that shared/events/facts.py raises itself."""


@pytest.mark.parametrize("kind", sorted(set(of_pydantic()) - OURS))
def test_what_pydantic_says_is_filled_from_its_own_values(kind: Any) -> None:
    """A translated error of pydantic's asks for no value that pydantic does not give."""
    template = PydanticKnownError(kind, CONTEXT).message_template
    assert values(of_pydantic()[kind]) <= values(template)


def test_what_our_facts_say_is_filled_from_their_own_values() -> None:
    """Each rule for text, days and amounts has its words, and they fill."""
    said = {}
    for kind, given in (
        (Line1, ""),
        (Line1, "a\x00"),
        (Line1, "a\u202e"),
        (Line1, "a\u200b"),
        (Line1, "a\ufffe"),
        (Line1, "a\nb"),
        (DateText, "2023-02-30"),
        (DecimalAmount, "1e3"),
    ):
        with pytest.raises(ValidationError) as refused:
            TypeAdapter[Any](kind).validate_python(given)
        (error,) = refused.value.errors()
        said[error["type"]] = of_pydantic()[error["type"]].format(**error.get("ctx", {}))
    assert set(said) == OURS
