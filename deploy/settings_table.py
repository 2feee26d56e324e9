"""Writes docs/settings.md from the settings classes: `python -m deploy.settings_table`.

The variables of docker-compose.yml are read from .env.example: the comment above each is its
meaning; a variable that is commented out (`#NAME=value`) is one that may be left out.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from deploy.local.system import SERVICES, settings_of
from shared.environment import TOOLING
from shared.secret_files import LEAST_SECRET, ForeignSecretFile, SecretFile

ROOT = Path(__file__).parents[1]
FILE = ROOT / "docs" / "settings.md"
ENV_EXAMPLE = ROOT / ".env.example"

HEAD = """\
# Settings

Written by `make docs-settings` from `shared/settings.py`, `services/*/settings.py` and
`.env.example`; a test compares it.

A service reads these variables once, at its start. It ends with status 1, and one line for each
mistake, for a variable that begins with `ALLIANCE_` and that it does not know (with the nearest
names), for a value that is not allowed, and for one from an example (`change-me…`). An empty one
is as if it were not there. A secret is never a variable but the first line of a file; it may not be
empty, an example's, or shorter than {least} characters (the mail provider's may be short).

A password that is changed in its file, and then at the store or the broker, needs no restart. The
store's is taken over with the next health check, or when the store refuses the old one, and only
once the store takes the new one; connections of before live on until they are idle. A consumer
connects anew within a second of the change, a producer after its connection broke.

## Services

| Variable | Services | Allowed | Default | Meaning |
|---|---|---|---|---|
"""

COMPOSE = """
## docker compose

For `docker-compose.yml`, in `.env`. Everything else is set there already.

| Variable | In `.env.example` | Meaning |
|---|---|---|
"""

TOOLS = """
## Tools

A service that inherits these from a shell starts all the same, and reads none of them.

| Variable | Who reads it, and what for |
|---|---|
"""


def page() -> str:
    """The whole of docs/settings.md."""
    text = HEAD.format(least=LEAST_SECRET)
    text += "".join(f"{_row(cells)}\n" for cells in _settings())
    if compose := list(_of_compose()):
        text += COMPOSE + "".join(f"{_row(cells)}\n" for cells in compose)
    tools = [(f"`{name}`", meaning) for name, meaning in TOOLING.items()]
    return text + TOOLS + "".join(f"{_row(cells)}\n" for cells in tools)


def _settings() -> Iterator[tuple[str, ...]]:
    """A row for each variable: first those of all services, then each service's own. One that
    means another thing to another service has two rows."""
    found: dict[tuple[str, str], tuple[FieldInfo, list[str]]] = {}
    for service in SERVICES:
        settings = settings_of(service)
        for variable, name in settings.variables().items():
            field = settings.model_fields[name]
            meaning = field.description or ""
            found.setdefault((variable, meaning), (field, []))[1].append(service)
    rank = sorted(found.items(), key=lambda each: -len(each[1][1]))
    for (variable, meaning), (field, services) in rank:
        who = "all" if len(services) == len(SERVICES) else ", ".join(services)
        yield f"`{variable}`", who, _allowed(field), _default(field), meaning


def _of_compose() -> Iterator[tuple[str, ...]]:
    comment: list[str] = []
    lines = ENV_EXAMPLE.read_text().splitlines() if ENV_EXAMPLE.exists() else []
    for line in lines:
        if found := re.fullmatch(r"#?([A-Z][A-Z0-9_]*)=(.*)", line):
            name, value = found.groups()
            absent = ", left out" if line.startswith("#") else ""
            yield f"`{name}`", (f"`{value}`" if value else "empty") + absent, " ".join(comment)
            comment = []
        elif line.startswith("# "):
            comment.append(line.removeprefix("# ").strip())
        else:
            comment = []


def _allowed(field: FieldInfo) -> str:
    kind = next((k for k in get_args(field.annotation) if k is not type(None)), field.annotation)
    if get_origin(field.annotation) is Literal:
        return ", ".join(f"`{value}`" for value in get_args(field.annotation))
    if get_origin(field.annotation) is tuple:
        return ", ".join(f"`{value}`" for value in get_args(get_args(field.annotation)[0]))
    if any(_is(kind, field, secret) for secret in (SecretFile, ForeignSecretFile)):
        return "file with a secret"
    words = {"Path": "path", "str": "text", "bool": "`true`, `false`"}
    base = getattr(kind, "__name__", "")
    if base in words:
        return words[base] + _pattern(field)
    return " ".join(["whole number" if base == "int" else "number", *_limits(field)])


def _is(kind: Any, field: FieldInfo, secret: Any) -> bool:
    """An optional annotated type stays whole in the annotation, one that is required does not."""
    return kind == secret or get_args(secret)[1] in field.metadata


def _pattern(field: FieldInfo) -> str:
    given = next((m.pattern for m in field.metadata if getattr(m, "pattern", None)), None)
    if given is None:
        return ""
    return ": a URL, http(s)" if given.startswith("^https?") else ": a UUID"


def _limits(field: FieldInfo) -> Iterator[str]:
    for sign, name in (("> ", "gt"), ("≥ ", "ge"), ("≤ ", "le")):
        for limit in (getattr(m, name) for m in field.metadata if hasattr(m, name)):
            yield f"{sign}{limit:g}"


def _default(field: FieldInfo) -> str:
    given = field.default
    if given is PydanticUndefined:
        return "must be set"
    if given is None:
        return "absent"
    if isinstance(given, bool):
        return f"`{str(given).lower()}`"
    if isinstance(given, tuple):
        return f"`{','.join(given)}`"
    return f"`{given:.15g}`" if isinstance(given, float) else f"`{given}`"


def _row(cells: tuple[str, ...]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


if __name__ == "__main__":
    FILE.write_text(page())
