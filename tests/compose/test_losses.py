"""A store's volume is lost, its files are damaged, its documents are wrong: each time what it held
is made again from the logs in Kafka, by the commands of docs/runbook.md."""

import time
from collections.abc import Iterator

import pytest

from tests.compose.acting import Tokens
from tests.compose.deployment import Deployment, docker
from tests.compose.story import Played, logs
from tests.compose.wholeness import until, whole
from tests.compose.work import Work

pytestmark = pytest.mark.timeout(900)

WRONG = """
from pathlib import Path
from pymongo import MongoClient
password = Path("/run/secrets/mongo-projects-root.password").read_text().strip()
uri = "mongodb://projects-db:27017/?directConnection=true"
client = MongoClient(uri, username="root", password=password, authSource="admin")
needs = client["projects"]["needs"]
print(needs.update_many({}, {"$set": {"title.en": "a palace"}}).modified_count)
needs.delete_one({})
"""
"""A person with a shell makes all titles another one, and one need go away."""


@pytest.fixture
def work(deployment: Deployment, tokens: Tokens, played: Played) -> Iterator[Work]:
    """Work that was done before the loss."""
    done = Work(deployment, tokens, played.members)
    done.start()
    done.goes_on()
    done.stop()
    yield done
    assert done.faults() == []


def test_a_lost_volume(deployment: Deployment, work: Work, tokens: Tokens, played: Played) -> None:
    """Matching's store is gone: all its events and states are there again, and it goes on."""
    before = logs(deployment)
    deployment.compose("stop", "matching")
    began = time.monotonic()
    refill(deployment, "matching")
    print(f"\nmatching is back {time.monotonic() - began:.1f} s after its volume was lost")
    _goes_on(deployment, work, tokens, played, "matching")
    assert logs(deployment)["matching"][: len(before["matching"])] == before["matching"]


def test_damaged_files(deployment: Deployment, work: Work, tokens: Tokens, played: Played) -> None:
    """The beginning of each file of projects' store is noise: it does not start, nobody takes it
    for an empty one, and it is filled again."""
    deployment.compose("stop", "projects")
    deployment.compose("stop", "projects-db")
    noise = (
        "for f in $(find /lost -type f); do head -c 65536 /dev/urandom >$f.new; mv $f.new $f; done"
    )
    volume = f"{deployment.project}_projects-data:/lost"
    image = f"alliance/ops:{_version(deployment)}"
    docker("run", "--rm", "--user", "0:0", "-v", volume, "--entrypoint", "sh", image, "-c", noise)
    deployment.compose("start", "projects-db")
    until(lambda: not _runs(deployment, "projects-db"), 60, "the store ends itself")
    refill(deployment, "projects")
    _goes_on(deployment, work, tokens, played, "projects")


def test_wrong_documents(
    deployment: Deployment, work: Work, tokens: Tokens, played: Played
) -> None:
    """Somebody wrote into projects' store: it is found, named, and corrected in place."""
    changed = int(deployment.run("ops", "python", "-", given=WRONG).stdout)
    assert changed > 1
    found = deployment.alliance("rebuild", "projects", check=False)
    assert found.returncode == 1
    assert "differs in title" in found.stdout
    running = deployment.alliance("rebuild", "projects", "--replace", check=False)
    assert running.returncode == 2
    assert "projects is running: stop it first" in running.stderr
    deployment.compose("stop", "projects")
    corrected = deployment.alliance("rebuild", "projects", "--replace")
    print(f"\n{corrected.stdout}")
    assert f"projects: {changed} documents were written" in corrected.stdout
    deployment.up()
    _goes_on(deployment, work, tokens, played, "projects")


def refill(deployment: Deployment, service: str) -> None:
    """The runbook's commands for a store whose volume is lost, while its service is stopped."""
    deployment.compose("rm", "--stop", "--force", f"{service}-db")
    docker("volume", "rm", f"{deployment.project}_{service}-data")
    deployment.compose("run", "--rm", "-T", f"{service}-db-setup")
    said = deployment.alliance("recover", service)
    assert f"{service} is recovered" in said.stdout
    deployment.up()


def _goes_on(
    deployment: Deployment, work: Work, tokens: Tokens, played: Played, service: str
) -> None:
    """What was done before is there, a command's effect is not repeated, and new work is done."""
    further = Work(deployment, tokens, played.members)
    further.start()
    further.goes_on()
    further.stop()
    assert further.faults() == []
    assert work.lost(logs(deployment)) == []
    whole(deployment, further, service)


def _runs(deployment: Deployment, name: str) -> bool:
    return all(c["State"]["Status"] == "running" for c in deployment.inspect(name)) and all(
        c["RestartCount"] == 0 for c in deployment.inspect(name)
    )


def _version(deployment: Deployment) -> str:
    image: str = deployment.inspect("projects-db-setup")[0]["Config"]["Image"]
    return image.partition(":")[2]
