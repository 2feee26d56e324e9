"""The runbook can be followed: what leads to it arrives, and what it says to type exists."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
import typer
import yaml

from cli.main import app
from tests.promql import alerts

RUNBOOK = Path("docs/runbook.md")
TEXT = RUNBOOK.read_text()
HEADING = re.compile(r"^## (.+)$", re.MULTILINE)
CODE = re.compile(r"```sh\n(.*?)```|`([^`]+)`", re.DOTALL)
COMPOSE_FILES = ("docker-compose.yml", "deploy/observability/services.yml")
WITH_VALUE = {"--scale", "--tail", "--timeout", "-t", "--user", "--volume", "-e", "-f"}
"""Options of compose's commands that take a value."""

PROCEDURES = (
    "first-start",
    "upgrade",
    "backup-and-restore",
    "changing-keys-and-secrets",
    "dead-letters",
    "lag",
    "stuck-relay",
    "full-disk",
    "lost-volume",
    "corrupted-store",
    "adding-a-service",
    "certificate",
    "erasing-a-contact",
    "clock",
    "credentials",
)


def anchor(heading: str) -> str:
    """Of a heading, as a page of it has it."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def sections() -> dict[str, str]:
    """The text of each section, by its anchor."""
    _, *parts = HEADING.split(TEXT)
    return {anchor(heading): text for heading, text in zip(parts[::2], parts[1::2], strict=True)}


def commands() -> Iterator[str]:
    """What is to be typed, a line each, comments left out."""
    for block, inline in CODE.findall(TEXT):
        for line in (block or inline.replace("\n", " ")).replace("\\\n", " ").splitlines():
            for part in re.split(r"&&|;", re.sub(r"(^|\s)#.*$", "", line)):
                if part.strip():
                    yield part.strip()


def after(program: str) -> list[list[str]]:
    """The words after a program's name, of each command that calls it."""
    found = []
    for command in commands():
        _, called, rest = f" {command} ".partition(f" {program} ")
        if called and not rest.strip().startswith("…"):
            found.append(rest.split())
    return found


def services() -> dict[str, Any]:
    """Every service of the deployment, by name."""
    found: dict[str, Any] = {}
    for file in COMPOSE_FILES:
        found |= yaml.safe_load(Path(file).read_text())["services"]
    return found


def linked_from_code() -> set[str]:
    """The sections that `alliance doctor` names: the last argument of each `to_do`."""
    found = set()
    for file in ("cli/findings.py", "cli/doctor.py"):
        for node in ast.walk(ast.parse(Path(file).read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("to_do"):
                last = node.args[-1]
                if isinstance(last, ast.Constant):
                    found.add(str(last.value))
    return found


def test_what_leads_to_the_runbook_arrives() -> None:
    """Alerts, `alliance doctor`, its own links, and those of the other documents."""
    there = sections().keys()
    assert {rule["labels"]["runbook"] for rule in alerts()} <= there
    assert linked_from_code() >= {"certificate", "clock", "upgrade", "credentials", "lag"}
    assert linked_from_code() <= there
    assert set(re.findall(r"\]\(#([\w-]+)\)", TEXT)) <= there
    for document in Path("docs").glob("*.md"):
        assert set(re.findall(r"\(runbook\.md#([\w-]+)\)", document.read_text())) <= there, document


@pytest.mark.parametrize("procedure", PROCEDURES)
def test_procedure_has_commands_and_the_tests_that_run_them(procedure: str) -> None:
    """Each is there, says what to type, and names files of tests that exist."""
    text = sections()[procedure]
    assert CODE.search(text)
    named = re.findall(r"`(tests/[\w/]+\.py)`", text)
    assert named
    for name in re.findall(r"`(tests/[\w/]+\.py)`", TEXT):
        assert Path(name).is_file(), name


def test_every_alliance_command_exists_with_its_options() -> None:
    """As typed: the command, its subcommand, and each option."""
    root = typer.main.get_command(app)
    asked = after("alliance")
    assert len(asked) > 15
    for words in asked:
        command: Any = root
        left = list(words)
        while isinstance(command, click.Group) or hasattr(command, "commands"):
            if not left or left[0] not in command.commands:
                break
            command = command.commands[left.pop(0)]
        said = " ".join(words)
        assert command is not root, f"alliance {said}"
        if hasattr(command, "commands"):
            assert "|" in said or not left, f"alliance {said}: no such subcommand"
            continue
        options = {o for p in command.params for o in (*p.opts, *p.secondary_opts)}
        given = {w.partition("=")[0] for w in left if w.startswith("--")}
        assert given <= options | {"--help"}, f"alliance {said}: {given - options}"


def test_every_service_named_in_a_compose_command_exists() -> None:
    """`docker compose ps kafka` finds one."""
    known = services().keys()
    asked = after("docker compose")
    assert len(asked) > 15
    for verb, *words in asked:
        operands: list[str] = []
        left = list(words)
        while left:
            word = left.pop(0)
            if word in WITH_VALUE:
                value = left.pop(0)
                if word == "--scale":
                    operands.append(value.partition("=")[0])
            elif not word.startswith("-"):
                operands.append(word.strip("\"'"))
                if verb in ("run", "exec"):
                    break
        if verb in ("ps", "logs", "run", "exec", "restart", "stop", "start", "rm", "up"):
            unknown = {o for o in operands if o not in known and o[:1] not in ("<", "$")}
            assert not unknown, f"docker compose {verb} {' '.join(words)}: {unknown}"


def test_every_option_of_init_exists() -> None:
    """`deploy/init --rotate NAME` knows the option and the name."""
    script = Path("deploy/init").read_text()
    for words in after("deploy/init"):
        for option in (w for w in words if w.startswith("--")):
            assert f"{option})" in script, option
