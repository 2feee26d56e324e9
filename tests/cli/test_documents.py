"""YAML and JSON are read for what they say, and what is ambiguous is an error with its line."""

from pathlib import Path
from typing import Any

import pytest

from cli.documents import Unreadable, read_document, read_documents


def written(tmp_path: Path, text: str | bytes, name: str = "need.yaml") -> Path:
    """A file with a text."""
    file = tmp_path / name
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return file


def test_plain_values_mean_what_they_say(tmp_path: Path) -> None:
    """Days, times, Norwegian's code and yes stay text; whole numbers, true and null do not."""
    text = "day: 2022-03-20\nat: 12:30\ntitle:\n  no: Skole\non: yes\nn: 3\nt: true\nnothing:\n"
    assert read_document(written(tmp_path, text)) == {
        "day": "2022-03-20",
        "at": "12:30",
        "title": {"no": "Skole"},
        "on": "yes",
        "n": 3,
        "t": True,
        "nothing": None,
    }


@pytest.mark.parametrize(
    "number", ["500000.00", "5e5", "0.1", ".5", "1_000", "04054628", "+3", "3."]
)
def test_number_that_would_be_changed_must_be_quoted(tmp_path: Path, number: str) -> None:
    """A float loses digits, and leading zeros and signs are lost: it says so, and the line."""
    with pytest.raises(
        Unreadable, match=rf'line 2: the number .* must be quoted: ".*{number[-1]}"'
    ):
        read_documents(written(tmp_path, f"lines: 1\namount: {number}\n"))


def test_quoted_amount_stays_as_it_was_written(tmp_path: Path) -> None:
    """Digits are not touched, in either format."""
    yaml = read_document(written(tmp_path, 'amount: "500000.00"'))
    json = read_document(written(tmp_path, '{"amount": "500000.00"}', "need.json"))
    assert yaml == json == {"amount": "500000.00"}


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.yaml", "a: 1\nb: 2\na: 3\n", "line 3: the key a stands in line 1 already"),
        ("a.yaml", "t:\n  uk: x\n  uk: y\n", "line 3: the key uk stands in line 2 already"),
        ("a.json", '{"a": 1,\n "a": 2}', "line 2: the key a stands in line 1 already"),
        ("a.json", '{"a":\n 1.50}', 'line 2: the number 1.50 must be quoted: "1.50"'),
        ("a.json", '{"a": 1,}', "line 1: "),
        ("a.json", '{"a": NaN}', "must be quoted"),
        ("a.yaml", "a: &x 1\nb: *x\n", "line 2: an alias"),
        ("a.yaml", "a: [1\n", "line 2: "),
        ("a.yaml", "a:\n\t- b\n", "line 2: "),
        ("a.yaml", "? [a]\n: b\n", "line 1: a key must be a text"),
        ("a.yaml", "a: !!python/object:os.system x\n", "line 1: could not determine a constructor"),
        ("a.yaml", "a: !!timestamp 2022-01-01\n", "line 1: could not determine a constructor"),
        ("a.yaml", "# nothing\n", "there is nothing in it"),
        ("a.yaml", "- 1\n- 2\n", "document 1 is no mapping"),
        ("a.yaml", b"a: \xcf\xf0\n", "line 1 is not UTF-8"),
        ("a.json", "[" * 100_000, ""),
    ],
)
def test_what_cannot_be_meant_is_an_error(
    tmp_path: Path, name: str, text: str | bytes, said: str
) -> None:
    """Double keys, aliases, tags, broken files: the message names the file, and the line if any."""
    with pytest.raises(Unreadable) as error:
        read_documents(written(tmp_path, text, name))
    assert str(error.value).startswith(f"{tmp_path}/{name}: ")
    assert said in str(error.value)


def test_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """The reason is the system's."""
    with pytest.raises(Unreadable, match=r"none\.yaml: No such file"):
        read_documents(tmp_path / "none.yaml")


@pytest.mark.parametrize(
    ("name", "text"),
    [("a.yaml", "a: 1\n---\na: 2\n"), ("a.yaml", "- a: 1\n- a: 2\n"), ("a", '[{"a":1},{"a":2}]')],
)
def test_several_documents_are_one_after_the_other(tmp_path: Path, name: str, text: str) -> None:
    """Parted by `---`, or as a list; each has a name for messages."""
    found = read_documents(written(tmp_path, text, name))
    assert [(d.body["a"], d.name) for d in found] == [(1, "document 1: "), (2, "document 2: ")]
    with pytest.raises(Unreadable, match="holds 2 documents, and one is wanted"):
        read_document(tmp_path / name)


@pytest.mark.parametrize("text", ["{a: b}", "\ufeffa: b", '{"a": "b"}'])
def test_flow_style_json_and_byte_order_marks_are_read(tmp_path: Path, text: str) -> None:
    """JSON needs no `.json`; what looks like it may be YAML; Windows writes a mark before both."""
    found: dict[str, Any] = read_document(written(tmp_path, text))
    assert found == {"a": "b"}
