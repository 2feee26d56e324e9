"""What every container may, as the engine and the kernel say: nothing beside what is listed."""

import re
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from deploy.local.system import SERVICES
from tests.compose.deployment import Deployment, docker
from tests.compose.listed import JOBS, OPS, SERVERS, Listed

pytestmark = pytest.mark.timeout(600)

LISTED = {**SERVERS, **JOBS, "ops": OPS}
RESTART = {"server": "unless-stopped", "job": "on-failure", "by hand": "no"}
THE_ENGINES = re.compile(r"/(proc|sys|dev)(/.*)?")
"""What the engine mounts in every container; /proc/sys and /sys are read-only there."""
NOT_SECRET = {"ca.pem", "gateway.pem", "kafka-cluster-id", "operator.id"}
NET_BIND_SERVICE = 10
TRY_ALL = """
for d in / /*/ /*/*/; do
    case $d in /proc/* | /sys/* | /dev/*) continue ;; esac
    (: > "$d.tried") && rm "$d.tried" && echo "$d"
done
exit 0
"""


@pytest.fixture(scope="module")
def containers(deployment: Deployment) -> Any:
    """What the engine says about each, by its service; `ops` is run for it, and waits."""
    name = f"{deployment.project}-looked-at"
    deployment.compose("run", "-d", "--no-deps", "--name", name, "ops", "sleep", "600")
    try:
        yield {
            each["Config"]["Labels"]["com.docker.compose.service"]: each
            for each in deployment.inspect()
        }
    finally:
        docker("rm", "-f", name)


@pytest.fixture(scope="module")
def running(containers: dict[str, Any]) -> dict[str, Any]:
    """Those that run now."""
    return {name: each for name, each in containers.items() if each["State"]["Running"]}


def processes(container: dict[str, Any]) -> list[Path]:
    """The directories in /proc of all processes of a container, its first one first."""
    rows = docker("top", container["Id"], "-eo", "pid").split()[1:]
    return [Path("/proc") / pid for pid in rows]


def test_every_container_of_the_deployment_is_listed(
    deployment: Deployment, containers: dict[str, Any], running: dict[str, Any]
) -> None:
    """Whoever adds one to the compose file says in the table what it may."""
    assert containers.keys() == LISTED.keys()
    assert running.keys() == {*SERVERS, "ops"}
    profiles = [word for name in ("dev", "observability", "ops") for word in ("--profile", name)]
    assert set(deployment.compose(*profiles, "config", "--services").stdout.split()) == {*LISTED}


def test_the_engine_gives_nothing_else(containers: dict[str, Any]) -> None:
    """No capability, device, group or namespace of the host; a file system that is read-only;
    limits of memory, processors, processes and logs; started again and looked after as listed."""
    for name, container in containers.items():
        listed, given = LISTED[name], container["HostConfig"]
        assert given["ReadonlyRootfs"], name
        assert given["CapDrop"] == ["ALL"], name
        added = {word.removeprefix("CAP_") for word in given["CapAdd"] or []}
        assert added == set(listed.capabilities.split()), name
        assert given["SecurityOpt"] == ["no-new-privileges:true"], name
        assert not given["Privileged"], name
        for kind in ("PidMode", "UTSMode", "UsernsMode"):
            assert given[kind] == "", (name, kind)
        assert given["IpcMode"] == "private", name
        assert not given["NetworkMode"].startswith(("host", "container:")), name
        for kind in ("Devices", "DeviceRequests", "DeviceCgroupRules", "GroupAdd", "Links"):
            assert not given[kind], (name, kind)
        assert given["Memory"] > 0, name
        assert given["NanoCpus"] > 0, name
        assert given["PidsLimit"] > 0, name
        assert given["LogConfig"]["Type"] == "json-file", name
        assert {"max-size", "max-file"} <= given["LogConfig"]["Config"].keys(), name
        assert (given["RestartPolicy"]["Name"] or "no") == RESTART[listed.kind], name
        if listed.kind == "server" and not listed.bare:
            assert container["Config"]["Healthcheck"]["Test"][0] == "CMD", name
            assert container["State"]["Health"]["Status"] == "healthy", name


def mounts(listed: Listed) -> tuple[set[str], set[str]]:
    """Where something is mounted: to be read, and to be written."""
    secrets = {f"/run/secrets/{secret}" for secret in listed.secrets.split()}
    return secrets | set(listed.reads.split()), set(listed.writable.split())


def test_mounted_is_what_is_listed(deployment: Deployment, containers: dict[str, Any]) -> None:
    """Own volumes to write, files of the deployment to read, no secret of another, no socket of the
    engine."""
    for name, container in containers.items():
        reads, writes = mounts(LISTED[name])
        found = container["Mounts"]
        assert {m["Destination"] for m in found if not m["RW"]} == reads, name
        kept = {m["Destination"] for m in found if m["RW"]}
        assert kept | set(container["HostConfig"].get("Tmpfs", ())) == writes, name
        for mount in found:
            if mount["RW"]:
                own = mount.get("Name", "").startswith(f"{deployment.project}_")
                assert own or mount["Source"] == f"{deployment.root}/backups", (name, mount)
            else:
                assert mount["Source"].startswith(f"{deployment.root}/"), (name, mount)
            assert not mount["Source"].endswith(("/deploy/secrets", "/ca.key")), (name, mount)


def test_the_kernel_says_the_same(running: dict[str, Any]) -> None:
    """Of every process in it: its user and group, no capability beside the listed ones, nothing to
    be gained by starting a program, system calls filtered."""
    for name, container in running.items():
        listed = LISTED[name]
        allowed = 1 << NET_BIND_SERVICE if listed.capabilities == "NET_BIND_SERVICE" else 0
        for process in processes(container):
            try:
                said = (process / "status").read_text()
            except (FileNotFoundError, ProcessLookupError):
                continue  # it ended: a health check
            rows = (row.split(":") for row in said.splitlines())
            status = {row[0]: row[1].split() for row in rows}
            for kind in ("Uid", "Gid"):
                assert {int(number) for number in status[kind]} == {listed.user}, (name, kind)
            assert {int(number) for number in status["Groups"]} <= {listed.user}, name
            for kind in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
                assert int(status[kind][0], 16) & ~allowed == 0, (name, kind, status[kind])
            assert status["NoNewPrivs"] == ["1"], name
            assert status["Seccomp"] == ["2"], name


def test_nothing_else_can_be_written(running: dict[str, Any]) -> None:
    """The kernel's mounts are read-only but for those listed; who tries to write as root is told
    that the file system is read-only, in every directory that there is in its image's root."""
    tried = 0
    for name, container in running.items():
        _, writable = mounts(LISTED[name])
        first = processes(container)[0]
        rows = [row.split() for row in (first / "mountinfo").read_text().splitlines()]
        written = {row[4] for row in rows if "rw" in row[5].split(",")}
        assert {path for path in written if not THE_ENGINES.fullmatch(path)} == writable, name
        done = subprocess.run(
            ["docker", "exec", "-u", "0", container["Id"], "sh", "-c", TRY_ALL],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        refused = re.findall(r"(/\S*)\.tried: Read-only file system", done.stderr)
        wrote = [d for d in done.stdout.split() if not d.startswith(tuple(writable))]
        assert not wrote, name
        assert {"/", "/etc/", "/usr/bin/", "/run/"} <= set(refused), (name, done.stderr[:500])
        tried += len(refused)
    print(f"{tried} directories")


def secrets(deployment: Deployment) -> dict[str, str]:
    """Every line of a file of secrets that nobody may see, and the file's name."""
    directory = deployment.root / "deploy" / "secrets"
    public = (directory / "gateway.pem").read_text() + (directory / "ca.pem").read_text()
    return {
        line: file.name
        for file in sorted(directory.rglob("*"))
        if file.is_file() and file.name not in NOT_SECRET
        for line in file.read_text().splitlines()
        if len(line) >= 16 and not line.startswith("-----") and line not in public
    }


def test_no_secret_is_in_an_environment_a_command_or_a_log(
    deployment: Deployment, containers: dict[str, Any], running: dict[str, Any]
) -> None:
    """Of no process of any container, running or not, nor of what the engine knows about it."""
    known = secrets(deployment)
    assert set(known.values()) >= {f"mongo-{service}.password" for service in SERVICES}
    said = {name: str(container) for name, container in containers.items()}
    for name, container in running.items():
        for process in processes(container):
            with suppress(FileNotFoundError, ProcessLookupError):  # it ended: a health check
                said[name] += (process / "environ").read_bytes().decode(errors="replace")
                said[name] += (process / "cmdline").read_bytes().decode(errors="replace")
    said["the logs"] = deployment.compose("logs", "--no-color").stdout
    told = [
        (who, file) for who, text in said.items() for line, file in known.items() if line in text
    ]
    assert not told
    print(f"{len(known)} lines of secrets")
