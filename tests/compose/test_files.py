"""Every way in which the compose files are put together is one that compose takes."""

import itertools
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.compose.deployment import ROOT, STAND_INS, Deployment

PROFILES = ("dev", "observability", "ops")
OVERLAYS = sorted(
    str(f.relative_to(ROOT))
    for f in (ROOT / "deploy").glob("compose.*.yml")
    if "stand-ins" not in f.name
)


def subsets(of: Sequence[str]) -> list[tuple[str, ...]]:
    """Every one, the empty one first."""
    return [s for n in range(len(of) + 1) for s in itertools.combinations(of, n)]


def together() -> list[tuple[str, ...]]:
    """The overlays that may be chosen together, with and without their stand-ins."""
    found = subsets(OVERLAYS)
    for overlays in subsets(OVERLAYS):
        theirs = [overlay.replace(".yml", ".stand-ins.yml") for overlay in overlays]
        if all((ROOT / file).is_file() for file in theirs):
            found.append((*overlays, STAND_INS, *theirs))
    return found


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout with its secrets; nothing is started."""
    made = Deployment(tmp_path_factory.mktemp("files"))
    made.prepare()
    return made.root


@pytest.mark.parametrize("overlays", together(), ids=lambda files: " ".join(files) or "alone")
def test_compose_takes_these_files_with_any_profiles(
    prepared: Path, overlays: tuple[str, ...]
) -> None:
    """`docker compose config -q`: no error, and no warning of a variable that is not set."""
    for profiles in ((), PROFILES) if overlays else subsets(PROFILES):
        chosen = {
            "COMPOSE_FILE": ":".join(("docker-compose.yml", *overlays)),
            "COMPOSE_PROFILES": ",".join(profiles),
        }
        done = subprocess.run(
            ["docker", "compose", "config", "-q"],
            cwd=prepared,
            env=os.environ | chosen,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, ""), f"{chosen}: {done.stderr}"
