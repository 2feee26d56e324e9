"""A service is added to a deployment that runs, as docs/runbook.md#adding-a-service says."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cli.story import alliance
from deploy.local.system import SERVICES
from tests.compose.acting import Tokens
from tests.compose.conftest import deployed
from tests.compose.deployment import ROOT, VERSION, Deployment, docker
from tests.compose.story import logs, play
from tests.compose.wholeness import until

pytestmark = pytest.mark.timeout(900)

NEW, LIKE = "census", "matching"
TAG = "adding"
OURS = (*SERVICES, "ops")


@pytest.fixture(scope="module")
def running(images: None) -> Iterator[Deployment]:
    """A deployment of its own, on tags of its own: another `ops` is built for it."""
    for name in OURS:
        docker("tag", f"alliance/{name}:{VERSION}", f"alliance/{name}:{TAG}")
    with deployed() as made:
        made.set({"ALLIANCE_VERSION": TAG})
        print(f"\nup in {made.up(timeout=600):.1f} s")
        yield made
    docker("image", "rm", *(f"alliance/{name}:{TAG}" for name in (*OURS, NEW)))


def test_a_service_is_added(running: Deployment) -> None:
    """It reads all that ever happened, is asked through the gateway, and has the rights of the
    table alone; nothing else is restarted but the gateway, and no event is lost."""
    play(running, Tokens(running), (alliance,))
    before, stood = logs(running), running.containers()
    write_code(running.root)
    write_rights(running.root)
    write_compose(running)
    subprocess.run(
        [running.root / "deploy" / "images" / "ours", TAG, NEW, "ops"],
        check=True,
        capture_output=True,
        timeout=600,
    )

    subprocess.run([running.root / "deploy" / "init", "--complete"], check=True)
    running.compose("config", "-q")
    running.compose("up", "-d", "--wait", timeout=300)
    assert running.run("kafka-setup").stdout.strip() == "nothing to change"
    running.compose("restart", "gateway")
    running.wait_ready()

    applied = [e for e in before["members"] if e.name == "member-applied"]
    with running.http() as http:

        def heads() -> list[dict[str, Any]]:
            answer = http.get(f"{running.url}/api/{NEW}/heads?limit=100")
            found: list[dict[str, Any]] = answer.json() if answer.status_code == 200 else []
            return found if len(found) == len(applied) else []

        seconds = until(heads, 60, f"{NEW} knows all members")
        assert {h["id"]: h["times"] for h in heads()} == {e.subject: 1 for e in applied}
    print(f"{len(applied)} members, known {seconds:.1f} s after the gateway's restart")
    assert set(stood) <= set(running.containers())
    assert {owner: log for owner, log in logs(running).items() if owner != NEW} == before
    refused = running.exec(NEW, "python", "-c", OTHERS_TOPIC, check=False)
    assert "TopicAuthorizationFailedError" in refused


OTHERS_TOPIC = """
import asyncio
from shared.kafka import Producer, Record
from shared.settings import Settings

async def main():
    settings = Settings.load()
    producer = Producer(settings.kafka, client_id="test", security=settings.security)
    try:
        await producer.send([Record("members.events", b"key", b"value", [])])
    except Exception as error:
        print(repr(error))

asyncio.run(main())
"""


def write_code(root: Path) -> None:
    """Step 1."""
    package = root / "services" / NEW
    package.mkdir()
    (package / "__init__.py").touch()
    shutil.copy(ROOT / "tests" / "compose" / "adding" / "app.py", package / "app.py")


def write_rights(root: Path) -> None:
    """Steps 2 and 3."""
    topics, rights = (root / "deploy" / "kafka" / name for name in ("topics.toml", "acls.toml"))
    replace(topics, '"notify.events"]', f'"notify.events", "{NEW}.events"]')
    replace(topics, '"notify.dead-letters"]', f'"notify.dead-letters", "{NEW}.dead-letters"]')
    with rights.open("a") as file:
        file.write(
            f'\n[{NEW}]\nsettings = ["{NEW}.events"]\n'
            f'write = ["{NEW}.events", "{NEW}.dead-letters"]\n'
            f'read = ["members.events", "{NEW}.dead-letters"]\ngroup = ["{NEW}"]\n'
        )
    services = 'SERVICES="members projects matching notify'
    replace(root / "deploy" / "init", f'{services}"', f'{services} {NEW}"')


def write_compose(deployment: Deployment) -> None:
    """Step 4: what LIKE has, under the other name, in a file beside docker-compose.yml."""
    said = json.loads(deployment.compose("config", "--format", "json").stdout)
    like: dict[str, Any] = json.loads(json.dumps(said).replace(LIKE, NEW))
    services = {name: like["services"][name] for name in (NEW, f"{NEW}-db", f"{NEW}-db-setup")}
    store = like["networks"][f"store-{NEW}"]
    store["ipam"]["config"][0]["subnet"] = f"{deployment.net}.11.0/24"
    password = {"source": f"kafka-{NEW}.password"}
    overlay = {
        "services": services | {"kafka-setup": {"secrets": [password]}},
        "networks": {f"store-{NEW}": store},
        "volumes": {f"{NEW}-data": like["volumes"][f"{NEW}-data"]},
        "secrets": {name: like["secrets"][name] for name in like["secrets"] if NEW in name},
    }
    (deployment.root / f"{NEW}.yml").write_text(json.dumps(overlay))
    deployment.set({"COMPOSE_FILE": ":".join([*deployment.files, f"{NEW}.yml"])})
    caddy = deployment.root / "deploy" / "gateway" / "Caddyfile"
    replace(
        caddy, "\timport service notify\n", f"\timport service notify\n\timport service {NEW}\n"
    )


def replace(file: Path, old: str, new: str) -> None:
    """Write into a file, which stays the file that it is, other words in the place of some."""
    text = file.read_text()
    assert text.count(old) == 1, file
    file.write_text(text.replace(old, new))
