"""YAML and JSON as people write them, read so that nothing is taken for what it was not meant.

YAML 1.1 turns `no` into false, 2022-03-01 into a date, 12:30 into 750, 1_000 into a thousand, and
an amount into a float that has lost its last digits. Here a plain scalar is true, false, null or a
whole number where it looks like nothing else; a number with a decimal point must be quoted; all
else is text.
"""

import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from cli.client import CannotAsk

_DECIMAL = re.compile(r"[-+]?(?:[0-9][0-9_]*)?\.?[0-9]+(?:[eE][-+]?[0-9]+)?|[-+]?[0-9][0-9_]*\.")


class Unreadable(CannotAsk):
    """A file is not what it must be; the message says where."""


@dataclass(frozen=True)
class Document:
    """One document, and what to call it in messages: its number, where there are several."""

    body: dict[str, Any]
    name: str = ""


class _Reader(yaml.SafeLoader):
    """YAML with JSON's types, without aliases and double keys."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012
    yaml_constructors = {  # noqa: RUF012
        tag: make
        for tag, make in yaml.SafeLoader.yaml_constructors.items()
        if tag is None or tag.rpartition(":")[2] in ("null", "bool", "int", "str", "seq")
    }

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise _wrong("an alias (*name) is not taken; write it out", mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        first: dict[str, int] = {}
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise _wrong("a key must be a text", key.start_mark)
            if key.value in first:
                raise _wrong(
                    f"the key {key.value} stands in line {first[key.value]} already", key.start_mark
                )
            first[key.value] = key.start_mark.line + 1
        return {k.value: self.construct_object(v, deep=True) for k, v in node.value}


def _wrong(words: str, mark: Any) -> yaml.MarkedYAMLError:
    return yaml.constructor.ConstructorError(None, None, words, mark)


def _decimal(reader: Any, node: Any) -> Any:
    raise _wrong(f'the number {node.value} must be quoted: "{node.value}"', node.start_mark)


for _tag, _form, _first in (
    ("bool", "true|false", "tf"),
    ("null", "~|null|", ["~", "n", ""]),
    ("int", "-?(?:0|[1-9][0-9]{0,17})", "-0123456789"),
    ("float", _DECIMAL.pattern, "-+.0123456789"),
):
    _Reader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}", re.compile(rf"^(?:{_form})$"), list(_first)
    )
_Reader.add_constructor("tag:yaml.org,2002:float", _decimal)
_Reader.add_constructor(
    "tag:yaml.org,2002:map",
    lambda reader, node: reader.construct_mapping(node),  # type: ignore[arg-type]
)


def read_documents(file: Path) -> list[Document]:
    """The documents of a YAML or JSON file (`-`: stdin): parted by `---`, or as one list.

    Raises Unreadable.
    """
    text = read_text(file)
    found: list[Any] = []
    for each in _read_json(text, file) or _read_yaml(text, file):
        found.extend(each if isinstance(each, list) else [each])
    if not found:
        raise Unreadable(f"{file}: there is nothing in it")
    for number, body in enumerate(found, 1):
        if not isinstance(body, dict):
            raise Unreadable(f"{file}: document {number} is no mapping of names to values")
    if len(found) == 1:
        return [Document(found[0])]
    return [Document(body, f"document {number}: ") for number, body in enumerate(found, 1)]


def read_document(file: Path) -> dict[str, Any]:
    """The only document of a file. Raises Unreadable."""
    found = read_documents(file)
    if len(found) > 1:
        raise Unreadable(f"{file}: holds {len(found)} documents, and one is wanted")
    return found[0].body


def read_text(file: Path) -> str:
    """A file's text, UTF-8 with or without a byte order mark; `-` is stdin. Raises Unreadable."""
    try:
        raw = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
        return raw.decode("utf-8-sig")
    except OSError as error:
        raise Unreadable(f"{file}: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise Unreadable(f"{file}: line {line} is not UTF-8; save it as UTF-8") from None


def _read_json(text: str, file: Path) -> list[Any] | None:
    """What is JSON; None for what may be YAML."""
    if file.suffix != ".json" and not text.lstrip().startswith(("{", "[")):
        return None
    try:
        return [
            json.loads(
                text,
                parse_float=_unquoted,
                parse_constant=_unquoted,
                object_pairs_hook=_unique,
            )
        ]
    except json.JSONDecodeError as error:
        if file.suffix != ".json":
            return None
        raise Unreadable(f"{file}: line {error.lineno}: {error.msg}") from None
    except (RecursionError, ValueError) as error:
        _read_yaml(text, file)  # JSON is YAML, whose reader says the line
        raise Unreadable(f"{file}: {error}") from None


def _unquoted(number: str) -> Any:
    raise ValueError(f'the number {number} must be quoted: "{number}"')


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twice} stands twice in one object")
    return found


def _read_yaml(text: str, file: Path) -> list[Any]:
    try:
        return [each for each in yaml.load_all(text, _Reader) if each is not None]
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f" line {mark.line + 1}:" if mark else ""
        raise Unreadable(f"{file}:{where} {error.problem}") from None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise Unreadable(f"{file}: {error}") from None
