"""The overlays for three brokers and for replica sets say what docs/scale.md promises."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pymongo.uri_parser
import pytest
import yaml

from cli.services import NAMES
from shared.store_uri import safe_uri

ROOT = Path(__file__).parents[2]
BROKERS = "deploy/compose.three-brokers.yml"
MEMBERS = "deploy/compose.replica-sets.yml"
ADDRESSES = "kafka-1:9092,kafka-2:9092,kafka-3:9092"


def overlay(name: str) -> dict[str, Any]:
    """An overlay, read as YAML."""
    found: dict[str, Any] = yaml.safe_load((ROOT / name).read_text())
    return found


def merged(*overlays: str) -> dict[str, Any]:
    """What compose makes of the compose file and overlays; skips where there is no compose."""
    if shutil.which("docker") is None:
        pytest.skip("no docker here")
    files = [part for name in ("docker-compose.yml", *overlays) for part in ("-f", name)]
    done = subprocess.run(
        ["docker", "compose", *files, "--profile", "*", "config", "--format", "json"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")},
        capture_output=True,
        text=True,
        check=False,
    )
    if "is not a docker command" in done.stderr or "unknown shorthand flag" in done.stderr:
        pytest.skip("no compose here")
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)["services"]
    return found


def test_everybody_is_told_of_all_three_brokers() -> None:
    """Every service, job and command that speaks to the bus."""
    found = overlay(BROKERS)["services"]
    for name in (*NAMES, "members-operator", "kafka-setup", "ops"):
        assert found[name]["environment"]["ALLIANCE_KAFKA"] == ADDRESSES, name
    assert found["kafka-setup"]["environment"]["KAFKA_REPLICAS"] == "3"


def test_three_brokers_are_alike_but_for_number_and_volume() -> None:
    """Merged by compose: each as held in as the one, with a volume of its own."""
    found = merged(BROKERS)
    brokers = [found[name] for name in ("kafka", "kafka-2", "kafka-3")]
    assert [b["environment"]["KAFKA_NODE"] for b in brokers] == ["1", "2", "3"]
    assert {b["environment"]["KAFKA_NODES"] for b in brokers} == {"3"}
    data = [v["source"] for b in brokers for v in b["volumes"] if v["target"].endswith("/data")]
    assert data == ["kafka-1-data", "kafka-2-data", "kafka-3-data"]
    assert brokers[0]["networks"]["bus"]["aliases"] == ["kafka-1"]
    for part in ("image", "cap_drop", "read_only", "mem_limit", "secrets", "healthcheck", "tmpfs"):
        assert brokers[0][part] == brokers[1][part] == brokers[2][part], part


@pytest.mark.parametrize("service", NAMES)
def test_a_store_has_three_members(service: str) -> None:
    """The service is told of the three by a string that it takes, the set-up job of the same; only
    the first member makes a root user."""
    found = merged(BROKERS, MEMBERS)
    hosts = [f"{service}-db{n}:27017" for n in ("", "-2", "-3")]
    uri = found[service]["environment"]["ALLIANCE_MONGODB"]
    parsed = pymongo.uri_parser.parse_uri(safe_uri(uri))
    assert parsed["nodelist"] == [(h.split(":")[0], 27017) for h in hosts]
    assert parsed["options"] == {"replicaSet": "alliance"}
    assert found["ops"]["environment"]["ALLIANCE_MONGODB"].format(service=service) == uri
    told = found[f"{service}-db-setup"]["environment"]["STORE_MEMBERS"]
    assert told.split(",") == hosts
    stores = [found[h.split(":")[0]] for h in hosts]
    assert [(s.get("environment") or {}).get("STORE_MEMBER") for s in stores] == [None, "2", "3"]
    assert len({v["source"] for s in stores for v in s["volumes"] if v["type"] == "volume"}) == 3
    for part in ("image", "cap_drop", "read_only", "networks", "entrypoint", "command", "secrets"):
        assert stores[0][part] == stores[1][part] == stores[2][part], part
