"""From an earlier version to this one and back, service by service, while everybody works.

The commands are those of docs/runbook.md#upgrade.
"""

import re
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

from tests.compose.acting import Tokens
from tests.compose.conftest import deployed
from tests.compose.deployment import ROOT, STAND_INS, VERSION, Deployment
from tests.compose.story import logs, play
from tests.compose.work import Work

pytestmark = pytest.mark.timeout(1500)

EARLIER = "662b51cfd30515645dd51cc0b3044d10f56a503c"
"""The first commit whose deployment is whole: before dead letters could be replayed by operators,
services told of themselves by metrics, and `alliance doctor`."""

EARLIER_VERSION = "upgrade-from"

READERS_FIRST = ("notify", "matching", "projects", "members")
"""A service comes before those whose events it handles, as far as that can be."""


@pytest.fixture(scope="module")
def earlier_images() -> None:
    """Our images of the earlier commit. Skips where a clone has no history."""
    command = ["git", "cat-file", "-e", f"{EARLIER}^{{commit}}"]
    known = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    if known.returncode:
        pytest.skip(f"commit {EARLIER[:12]} is not here: the clone is shallow")
    root = Path(tempfile.mkdtemp(prefix="alliance-earlier-"))
    try:
        archive = subprocess.run(
            ["git", "archive", EARLIER], cwd=ROOT, capture_output=True, check=True
        ).stdout
        subprocess.run(["tar", "-x", "-C", root], input=archive, check=True)
        command = [str(root / "deploy" / "images" / "ours"), EARLIER_VERSION]
        subprocess.run(command, check=True, capture_output=True, timeout=900)
    finally:
        shutil.rmtree(root)


def test_upgrade_and_rollback_under_load(images: None, earlier_images: None) -> None:
    """The data of before is read, nothing that was acknowledged is lost, and nothing but a 503 or
    a broken connection, which asking again cures, is met; the earlier version goes on with what
    the later one wrote."""
    with deployed(commit=EARLIER) as made:
        names_stand_ins(made)
        made.set({"ALLIANCE_VERSION": EARLIER_VERSION})
        started(made)
        made.wait_ready()
        tokens = Tokens(made)
        played = play(made, tokens)
        before = logs(made)
        assert versions(made) == {EARLIER_VERSION}
        work = Work(made, tokens, played.members)
        work.start()
        work.goes_on()

        upgraded = replaced(made, "", VERSION, READERS_FIRST)
        assert versions(made) == {VERSION}
        work.goes_on()

        returned = replaced(made, EARLIER, EARLIER_VERSION, tuple(reversed(READERS_FIRST)))
        assert versions(made) == {EARLIER_VERSION}
        work.goes_on()
        again = replaced(made, "", VERSION, READERS_FIRST)
        work.goes_on()
        work.stop()
        print(
            f"\nupgrade {upgraded:.0f} s, rollback {returned:.0f} s, upgrade again {again:.0f} s; "
            f"{len(work.commands)} commands, attempts {dict(work.attempts())}"
        )
        after = logs(made)
        assert {o: log[: len(before[o])] for o, log in after.items()} == before
        assert work.faults() == []
        assert work.lost(after) == []
        assert work.unasked(after) == []
        found = made.alliance("rebuild", "all", check=False)
        assert found.returncode == 0, found.stdout + found.stderr


def replaced(made: Deployment, commit: str, version: str, order: tuple[str, ...]) -> float:
    """Go over to a version as the runbook says; the seconds it took."""
    began = time.monotonic()
    made.check_out(commit)
    made.set({"ALLIANCE_VERSION": version})
    if commit:
        names_stand_ins(made)
    else:
        subprocess.run([made.root / "deploy" / "init", "--complete"], check=True)
        made.run("kafka-setup")
    for service in order:
        started(made, "--no-deps", service)
    started(made)
    made.compose("restart", "gateway")
    made.wait_ready(timeout=300)
    return time.monotonic() - began


def started(made: Deployment, *what: str, timeout: float = 400.0) -> None:
    """`up -d --wait`, once more where a machine that does much else made a check too slow."""
    deadline = time.monotonic() + timeout
    while made.compose("up", "-d", "--wait", *what, check=False, timeout=timeout).returncode:
        assert time.monotonic() < deadline, made.compose("ps", "-a").stdout
        time.sleep(2)


def names_stand_ins(made: Deployment) -> None:
    """Let an earlier checkout name the stand-ins that are on this machine, for what it has."""
    if made.official:
        return
    listed = made.compose("-f", "docker-compose.yml", "--profile", "*", "config", "--services")
    has, kept = listed.stdout.split(), []
    for line in (ROOT / STAND_INS).read_text().splitlines(keepends=True):
        service = re.match(r"  ([a-z-]+):", line)
        if service is None or service[1] in has:
            kept.append(line)
    (made.root / STAND_INS).write_text("".join(kept))


def versions(made: Deployment) -> set[str]:
    """Tags of the images that our services run."""
    return {c["Config"]["Image"].rpartition(":")[2] for c in made.inspect(*READERS_FIRST)}
