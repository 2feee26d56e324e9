"""Who reaches whom: tried from the network of every container, by every address and every name."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from ipaddress import ip_network
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from deploy.local.system import SERVICES
from tests.compose.deployment import Deployment, docker
from tests.compose.listed import PUBLISHED, SERVERS, WAYS_OUT
from tests.compose.tried import tried
from tests.waiting import within

pytestmark = pytest.mark.timeout(600)

OUTSIDE = ("198.51.100.1", "198.51.100.2")
"""Addresses for examples (RFC 5737): this machine's end, and somebody's."""
BYSTANDER = "somebody on web"
NETWORKS = {name: set(listed.networks.split()) for name, listed in SERVERS.items()}


class Place(NamedTuple):
    """Where somebody listens."""

    name: str
    network: str
    address: str
    port: int


def listening(pid: int) -> set[int]:
    """The ports that are open in a process's network, but those of its loopback."""
    found = set()
    for kind in ("tcp", "tcp6"):
        for row in Path(f"/proc/{pid}/net/{kind}").read_text().splitlines()[1:]:
            _, local, _, state, *_ = row.split()
            address, port = local.split(":")
            loopback = address.endswith("7F") or address == "0" * 24 + "01000000"
            if state == "0A" and not loopback and not address.endswith("0100007F"):
                found.add(int(port, 16))
    return found


@contextmanager
def somebody_outside() -> Iterator[tuple[str, int]]:
    """Somebody whom this machine reaches and is not: a host of its own behind a cable."""
    name, cable, near, far = f"outside-{os.getpid()}", f"out{os.getpid()}", OUTSIDE[0], OUTSIDE[1]
    ip("netns", "add", name)
    try:
        ip("link", "add", cable, "type", "veth", "peer", "name", "eth0", "netns", name)
        ip("address", "add", f"{near}/30", "dev", cable)
        ip("link", "set", cable, "up")
        ip("-n", name, "address", "add", f"{far}/30", "dev", "eth0")
        ip("-n", name, "link", "set", "eth0", "up")
        ip("-n", name, "route", "add", "default", "via", near)
        serve = [sys.executable, "-m", "http.server", "--bind", far, "8080"]
        quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        server = subprocess.Popen(["ip", "netns", "exec", name, *serve], cwd="/", **quiet)
        try:
            wait_for(far, 8080)
            yield far, 8080
        finally:
            server.kill()
            server.wait()
    finally:
        ip("netns", "del", name)


def ip(*arguments: str) -> None:
    """Run ip."""
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


def wait_for(host: str, port: int) -> None:
    """Return when it is reached from this machine. Raises TimeoutError."""
    deadline = time.monotonic() + within(30)
    while time.monotonic() < deadline:
        with suppress(OSError), socket.create_connection((host, port), 2):
            return
        time.sleep(0.1)
    raise TimeoutError(f"{host}:{port}")


@pytest.fixture(scope="module")
def containers(deployment: Deployment) -> dict[str, dict[str, Any]]:
    """Every container that runs, by its service."""
    return {
        each["Config"]["Labels"]["com.docker.compose.service"]: each
        for each in deployment.inspect()
        if each["State"]["Running"]
    }


@pytest.fixture(scope="module")
def places(deployment: Deployment, containers: dict[str, dict[str, Any]]) -> list[Place]:
    """Every open port at every address."""
    return [
        Place(name, network.removeprefix(f"{deployment.project}_"), settings["IPAddress"], port)
        for name, container in containers.items()
        for network, settings in container["NetworkSettings"]["Networks"].items()
        for port in sorted(listening(container["State"]["Pid"]))
    ]


@pytest.fixture(scope="module")
def found(
    deployment: Deployment, containers: dict[str, dict[str, Any]], places: list[Place]
) -> dict[str, dict[str, Any]]:
    """What is reached from each container, and by one that is on `web` and nothing else."""
    where = {name: [f"container:{each['Id']}"] for name, each in containers.items()}
    where[BYSTANDER] = [f"{deployment.project}_web"]
    with somebody_outside() as outside, ThreadPoolExecutor(3) as pool:
        addresses = [[place.address, place.port] for place in places] + [list(outside)]
        given = {"addresses": addresses, "names": list(SERVERS)}
        answers = pool.map(lambda at: tried(deployment, at, "connections", given), where.values())
        found = dict(zip(where, answers, strict=True))
    for answer in found.values():
        answer["outside"] = list(outside) in answer["reached"]
        answer["reached"] = {tuple(each) for each in answer["reached"]} - {outside}
    print(f"{len(where)} × {len(places)} connections")
    return found


def networks_of(name: str) -> set[str]:
    """Those the table lists."""
    return {"web"} if name == BYSTANDER else NETWORKS[name]


def test_whoever_runs_is_listed(containers: dict[str, Any], places: list[Place]) -> None:
    """Nobody else runs, is on another network, or has another port open."""
    assert containers.keys() == SERVERS.keys()
    for name, listed in SERVERS.items():
        here = [place for place in places if place.name == name]
        assert {place.network for place in here} == NETWORKS[name], name
        assert {place.port for place in here} == {int(p) for p in listed.listens.split()}, name


def test_reached_is_who_shares_a_network_and_nobody_else(
    found: dict[str, dict[str, Any]], places: list[Place]
) -> None:
    """By address on every network, every open port."""
    for name, answer in found.items():
        others = [place for place in places if place.name != name]
        shared = {(p.address, p.port) for p in others if p.network in networks_of(name)}
        assert answer["reached"] & {(p.address, p.port) for p in others} == shared, name


def test_a_name_is_known_to_whoever_shares_a_network(found: dict[str, dict[str, Any]]) -> None:
    """To the others the name of a store or of the broker leads nowhere."""
    for name, answer in found.items():
        shared = {other for other, on in NETWORKS.items() if on & networks_of(name)}
        assert set(answer["known"]) == shared, name


def test_no_store_and_no_broker_is_reached_from_the_gateways_network(
    found: dict[str, dict[str, Any]], places: list[Place]
) -> None:
    """A store is reached by its own service and nobody else, the broker by the services."""
    reachers: dict[str, set[str]] = {}
    for place in places:
        by = {n for n, a in found.items() if (place.address, place.port) in a["reached"]}
        reachers.setdefault(place.name, set()).update(by - {place.name})
    for service in SERVICES:
        assert reachers[f"{service}-db"] == {service}
    assert reachers["kafka"] == set(SERVICES)
    assert reachers["gateway"] == {*SERVICES, BYSTANDER, "otel-collector", "prometheus"}


def test_a_way_out_has_who_needs_it(found: dict[str, dict[str, Any]]) -> None:
    """The gateway, notify, the mail catcher whose page is published, and Prometheus, which may tell
    an Alertmanager; no other service, no store and no broker gets a byte out. (This machine itself
    is reached from every network: each bridge has an address of it.)"""
    for name, answer in found.items():
        assert answer["outside"] == bool(networks_of(name) & WAYS_OUT.keys()), name
    assert {n for n, a in found.items() if a["outside"]} == {
        "gateway",
        "notify",
        "mail",
        "prometheus",
    }


def test_the_host_has_one_open_port_of_it(
    deployment: Deployment, containers: dict[str, dict[str, Any]]
) -> None:
    """The gateway's; the mail catcher's page is for this machine only. Asked of the engine, and
    tried at another address of this machine."""
    published = {
        name: {bound["HostIp"] for ports in every.values() for bound in ports or []}
        for name, container in containers.items()
        for every in [container["NetworkSettings"]["Ports"]]
    }
    open_to = {name: addresses - {"::"} for name, addresses in published.items() if addresses}
    assert open_to == {name: {address} for name, address in PUBLISHED.items()}
    subnet = "{{(index .IPAM.Config 0).Subnet}}"
    outside = docker("network", "inspect", "-f", subnet, f"{deployment.project}_outside").strip()
    address = str(ip_network(outside)[1])  # the bridge's, which is this machine's
    socket.create_connection((address, deployment.https_port), 5).close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((address, deployment.mail_port), 5)
    socket.create_connection(("127.0.0.1", deployment.mail_port), 5).close()
