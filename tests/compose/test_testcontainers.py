"""The connected tests on Kafka and MongoDB that testcontainers started from the images."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.local.provide import (
    KAFKA_IMAGE,
    KAFKA_IMAGE_VARIABLE,
    MONGODB_IMAGE,
    MONGODB_IMAGE_VARIABLE,
    PROVIDER_VARIABLE,
    TESTCONTAINERS,
)
from tests.compose.deployment import ROOT, docker

STAND_INS = ("alliance-stand-in/kafka:4.1.1", "alliance-stand-in/mongo:secantusdb-0.7.0b3")

RUN = (
    "http",
    "market",
    "membership",
    "oauth",
    "poison",
    "redelivery",
    "seen",
    "unreadable",
)
"""What needs nothing but addresses, and is run here."""

NEVER = {
    "absent_at_start": "starts services while the stack's own Kafka or store is stopped",
    "backup": "wipes the stack and starts it again",
    "doctor": "kills the stack's Kafka",
    "measured": "stops the stack's Kafka",
    "outages": "stops and freezes the stack's parts",
    "rotation": "has a broker of its own with passwords",
    "watchdog": "freezes the stack's store",
}
"""What takes the parts themselves in hand: containers of tests/compose are treated so instead."""

SELDOM = {
    "bad_input",
    "dead_letters",
    "explained",
    "lapsing",
    "one_pledge_two_needs",
    "races",
    "recovery",
    "redecide",
    "replacing",
    "retention",
    "trace",
}
"""What runs so, too, where ALLIANCE_CONTAINED=all asks for it; else on the local stack only."""


def test_every_connected_test_is_in_one_of_the_three_lists() -> None:
    """A new file is thought of."""
    files = {f.stem.removeprefix("test_") for f in Path("tests/connected").glob("test_*.py")}
    assert files == {*RUN, *NEVER, *SELDOM}
    assert len(files) == len(RUN) + len(NEVER) + len(SELDOM)


@pytest.mark.timeout(2400)
def test_connected_tests_pass_on_containers() -> None:
    """Each file on the same two containers, made clean in between; at the end none is left."""
    here = docker("images", "--format", "{{.Repository}}:{{.Tag}}").split()
    images = (KAFKA_IMAGE, MONGODB_IMAGE)
    if not set(images) <= set(here):
        images = STAND_INS
    before = set(docker("ps", "-aq").split())
    files = [*RUN, *(SELDOM if os.environ.get("ALLIANCE_CONTAINED") == "all" else ())]
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-p", "no:cacheprovider"),
            *(f"tests/connected/test_{name}.py" for name in sorted(files)),
        ],
        cwd=ROOT,
        env={
            **os.environ,
            PROVIDER_VARIABLE: TESTCONTAINERS,
            KAFKA_IMAGE_VARIABLE: images[0],
            MONGODB_IMAGE_VARIABLE: images[1],
        },
        capture_output=True,
        text=True,
        timeout=2300,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    passed = re.search(r"(\d+) passed.* in ([\d.]+)s", done.stdout)
    assert passed, done.stdout[-500:]
    print(f"{passed[1]} connected tests in {passed[2]} s on {' and '.join(images)}")
    of_these = set()
    for container in set(docker("ps", "-aq").split()) - before:
        label = '{{index .Config.Labels "org.testcontainers"}}'
        if docker("inspect", "-f", label, container).strip() == "true":
            of_these.add(container)
    assert of_these == set()
