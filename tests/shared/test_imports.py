"""Who may import whom."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.shared.data import ROOT

CODE = ("shared", "services", "cli", "deploy")


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run import-linter's command in a folder."""
    return subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_import_contracts_are_kept() -> None:
    """Imports go cli → services → shared, and services never import each other."""
    done = lint_imports(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


def test_import_that_goes_the_wrong_way_would_be_found(tmp_path: Path) -> None:
    """The same contracts, on a tree in which shared imports a service."""
    contracts = (ROOT / ".importlinter").read_text()
    (tmp_path / ".importlinter").write_text(contracts)
    for package in (*CODE, *_named_modules(contracts)):
        folder = tmp_path / package.replace(".", "/")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "__init__.py").touch()
    assert lint_imports(tmp_path).returncode == 0
    (tmp_path / "shared" / "wrong.py").write_text("import services.projects\n")
    done = lint_imports(tmp_path)
    assert done.returncode == 1
    assert "shared.wrong -> services.projects" in done.stdout


def _named_modules(contracts: str) -> set[str]:
    return {line.strip() for line in contracts.splitlines() if line.strip().startswith("services.")}


def imported(source: str) -> Iterator[str]:
    """The top-level package of every import in a source text, wherever it stands."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


def importers(package: str, folders: tuple[str, ...] = CODE) -> set[str]:
    """The files of our code that import a package."""
    return {
        str(file.relative_to(ROOT))
        for folder in folders
        for file in (ROOT / folder).rglob("*.py")
        if package in imported(file.read_text(encoding="utf-8"))
    }


def test_only_one_file_imports_motor() -> None:
    """Motor's end of life is then a change of one file (the benchmark of bare Motor aside)."""
    assert importers("motor") == {"shared/mongo.py"}


@pytest.mark.parametrize("package", ["deploy", "tests", "cli"])
def test_services_need_neither_the_local_stack_nor_the_tests(package: str) -> None:
    """An image holds shared and one service, and nothing else."""
    assert importers(package, ("shared", "services")) == set()


def test_imports_are_found_wherever_they_stand() -> None:
    """In a function, under another name, and a part of a package."""
    source = "def f():\n    import motor.core as m\n\nfrom motor.x import y\nfrom . import motor\n"
    assert list(imported(source)) == ["motor", "motor"]
