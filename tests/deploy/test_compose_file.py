"""docker-compose.yml keeps its promises, read as YAML; tests/compose asks the containers."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from cli.services import NAMES
from shared.settings import Settings

ROOT = Path(__file__).parents[2]


def read(name: str) -> dict[str, Any]:
    """A compose file; a key that stands twice is an error, as it is for compose."""
    text = (ROOT / name).read_text()
    nodes = [yaml.compose(text)]
    for node in nodes:
        if isinstance(node, yaml.MappingNode):
            keys = [key.value for key, _ in node.value]
            assert len(keys) == len(set(keys)), f"{name}{node.start_mark}: {keys}"
            nodes += [value for _, value in node.value]
        elif isinstance(node, yaml.SequenceNode):
            nodes += node.value
    found: dict[str, Any] = yaml.safe_load(text)
    return found


COMPOSE = read("docker-compose.yml")
OBSERVABILITY = read(COMPOSE["include"][0])
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"] | OBSERVABILITY["services"]

JOBS = {"ops"} | {name for name in SERVICES if name.endswith(("-setup", "-operator"))}
MUTE = {"jaeger", "otel-collector"}
"""Their images hold one program and nothing that could ask it; Prometheus watches them."""
EVERY = pytest.mark.parametrize("name", sorted(SERVICES))


@EVERY
def test_every_container_is_held_in(name: str) -> None:
    """Nothing may be written but volumes and small memory, no capability, no new privilege; memory,
    processors, processes and logs have limits; what it is stands on it."""
    found = SERVICES[name]
    assert found["read_only"] is True
    assert found["cap_drop"] == ["ALL"]
    assert found.get("cap_add", []) == (["NET_BIND_SERVICE"] if name == "gateway" else [])
    assert found["security_opt"] == ["no-new-privileges:true"]
    assert found["mem_limit"]
    assert found["cpus"] <= 2
    assert found["pids_limit"] <= 512
    assert found["logging"]["options"].keys() == {"max-size", "max-file"}
    assert found["labels"]["alliance.part"]
    assert "container_name" not in found
    assert "privileged" not in found
    assert not any("docker.sock" in str(volume) for volume in found.get("volumes", []))


@EVERY
def test_every_container_comes_back_and_says_how_it_is(name: str) -> None:
    """What runs is restarted and has a health check; a job is run again only where it failed."""
    found = SERVICES[name]
    if name in JOBS:
        assert found["restart"] == ("no" if name == "ops" else "on-failure")
    else:
        assert found["restart"] == "unless-stopped"
        assert name in MUTE or found["healthcheck"]["test"][0] == "CMD"


@EVERY
def test_every_image_is_pinned(name: str) -> None:
    """By its patch version; ours by the version that is deployed."""
    image = SERVICES[name]["image"]
    if image.startswith("alliance/"):
        assert image.endswith(":${ALLIANCE_VERSION:-0.1.0}")
    else:
        assert re.fullmatch(r"[\w./-]+:v?\d+\.\d+\.\d+", image), image


def test_only_the_gateway_is_reachable_from_outside() -> None:
    """Whatever else publishes a port does so on this machine alone."""
    for name, found in SERVICES.items():
        for port in found.get("ports", []):
            assert name == "gateway" or port.startswith("127.0.0.1:"), (name, port)
    assert len(SERVICES["gateway"]["ports"]) == 1
    assert "network_mode" not in str(COMPOSE)


def test_a_store_is_reached_by_its_own_service_only() -> None:
    """Each store has a network of its own: it, its service, the jobs that set it up, and ops."""
    for service in NAMES:
        on_it = {n for n, s in SERVICES.items() if f"store-{service}" in s["networks"]}
        own = {f"{service}-db", f"{service}-db-setup", service, "ops"}
        assert on_it == own | ({"members-operator"} if service == "members" else set())
        assert list(SERVICES[f"{service}-db"]["networks"]) == [f"store-{service}"]


def test_networks_lead_nowhere_but_where_they_must() -> None:
    """Three have a way out: the gateway's, notify's, and that of pages for this machine."""
    open_networks = {n for n, net in COMPOSE["networks"].items() if not net.get("internal")}
    assert open_networks == {"edge", "outside", "desk"}
    assert _on("edge") == {"gateway"}
    assert _on("outside") == {"notify"}
    assert _on("web") == {"gateway", "ops", *NAMES}
    assert _on("bus") == {"kafka", "kafka-setup", "ops", *NAMES}
    assert _on("mail") == {"mail", "notify"}


def test_a_service_sees_its_own_secrets_only() -> None:
    """Its own two passwords and the public certificate of the CA; no administrator's."""
    for service in NAMES:
        own = {"ca.pem", f"kafka-{service}.password", f"mongo-{service}.password"}
        more = {"link-keys", "smtp.password"} if service == "notify" else set()
        assert set(SERVICES[service]["secrets"]) == own | more
    assert "ca.key" not in COMPOSE["secrets"]


def test_what_a_service_is_told_are_settings_that_it_knows() -> None:
    """A variable that no setting reads would stop it at its start."""
    from deploy.local.system import settings_of

    for service in NAMES:
        settings: type[Settings] = settings_of(service)
        told = {v for v in SERVICES[service]["environment"] if v != "FORWARDED_ALLOW_IPS"}
        assert told <= settings.variables().keys()


def test_variables_of_the_compose_file_stand_in_the_example() -> None:
    """Whoever copies .env.example sees each."""
    files = [ROOT / name for name in ("docker-compose.yml", *COMPOSE["include"])]
    used = {name for file in files for name in re.findall(r"\$\{(\w+)", file.read_text())}
    shown = set(re.findall(r"^#?(\w+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    assert used <= shown


def test_the_gateways_file_is_valid(tmp_path: Path) -> None:
    """`caddy validate`, where one is: on the PATH, or built for the stand-in image."""
    built = sorted((Path.home() / ".cache" / "alliance").glob("caddy-*"))
    caddy = shutil.which("caddy") or next(map(str, built), None)
    if caddy is None:
        pytest.skip("no caddy here")
    environment = {
        "ALLIANCE_DOMAIN": "localhost",
        "ALLIANCE_TLS": "a@b.example",
        "HOME": str(tmp_path),
    }
    file = ROOT / "deploy" / "gateway" / "Caddyfile"
    command = [caddy, "validate", "--adapter", "caddyfile", "--config", str(file)]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    formatted = subprocess.run(
        [caddy, "fmt", str(file)], capture_output=True, text=True, check=True
    )
    assert formatted.stdout == file.read_text()


def _on(network: str) -> set[str]:
    return {name for name, found in SERVICES.items() if network in found["networks"]}
