"""One deployment for all tests here, started once; test_cold_start measures that start.

Collected only where ALLIANCE_COMPOSE=1 says so (`make compose-test`). A test that changes the
deployment leaves it running and healthy; one that needs other settings makes one of its own with
`deployed`.
"""

import os
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.compose.acting import Tokens
from tests.compose.deployment import NETS, ROOT, VERSION, Deployment
from tests.compose.story import Played, play

if os.environ.get("ALLIANCE_COMPOSE") != "1":
    collect_ignore_glob = ["test_*.py"]


@contextmanager
def deployed(
    overlays: Sequence[str] = (), commit: str = "", observed: bool = False
) -> Iterator[Deployment]:
    """A deployment that is prepared and not started, of this checkout or of a commit, `observed`:
    with the profile observability; at the end nothing of it is left.

    ALLIANCE_COMPOSE_KEEP=1 leaves it, to look at.
    """
    root = Path(tempfile.mkdtemp(prefix="alliance-compose-"))
    made = Deployment(root, [*overlays, *([NETS] if commit else [])], observed)
    made.prepare(commit)
    try:
        yield made
    finally:
        if os.environ.get("ALLIANCE_COMPOSE_KEEP") == "1":
            print(f"left: {root}, project {made.project}, {made.url}")
        else:
            made.remove()
            subprocess.run(["rm", "-rf", str(root)], check=True)


@pytest.fixture(scope="session")
def images() -> None:
    """Our images of this checkout; ALLIANCE_COMPOSE_IMAGES=kept takes those that are there."""
    if os.environ.get("ALLIANCE_COMPOSE_IMAGES") == "kept":
        return
    command = [str(ROOT / "deploy" / "images" / "ours"), VERSION]
    subprocess.run(command, check=True, capture_output=True, timeout=900)


@pytest.fixture(scope="session")
def started(images: None) -> Iterator[tuple[Deployment, float]]:
    """The deployment, and how many seconds its first start took."""
    with deployed(observed=True) as made:
        print(f"\nimages: {'official' if made.official else 'stand-ins'}; {made.url}")
        yield made, made.up(timeout=600)


@pytest.fixture(scope="session")
def deployment(started: tuple[Deployment, float]) -> Deployment:
    """The deployment, running."""
    return started[0]


@pytest.fixture(scope="session")
def tokens(deployment: Deployment) -> Tokens:
    """Whoever acts on it."""
    return Tokens(deployment)


@pytest.fixture(scope="session")
def played(deployment: Deployment, tokens: Tokens) -> Played:
    """Irpin's story, played on it once through the gateway; what came of it."""
    return play(deployment, tokens)
