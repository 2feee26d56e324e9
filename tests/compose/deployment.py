"""One deployment under test: a copy of the checkout with its own secrets, ports and volumes."""

import json
import os
import random
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from ssl import SSLContext, create_default_context
from typing import Any

import httpx
import yaml
from psutil import net_if_addrs  # type: ignore[import-untyped,unused-ignore]

from deploy.local.ports import free_port
from deploy.local.system import SERVICES
from tests.waiting import within

ROOT = Path(__file__).parents[2]
OFFICIAL = "apache/kafka:4.1.1"
STAND_INS = "deploy/compose.stand-ins.yml"
NETS = "networks-of-today.yml"
COLD_START = 120.0
"""Seconds in which everything is healthy, its images on the machine."""


VERSION = os.environ.get("ALLIANCE_VERSION", "0.1.0")
"""The tag of our images of this checkout."""


class CommandFailed(AssertionError):
    """A command of docker's ended badly; the message has its last words."""


class Deployment:
    """A compose project of its own in `root`; `overlays` are compose files beside those it needs,
    `observed` is whether the profile observability is on.

    The secrets are in `root/deploy/secrets`, the settings in `root/.env`.
    """

    def __init__(self, root: Path, overlays: Sequence[str] = (), observed: bool = False) -> None:
        self.root = root
        self.project = f"alliance-test-{os.getpid()}-{random.randrange(10**6)}"
        self.https_port, self.mail_port = free_port(), free_port()
        self.url = f"https://localhost:{self.https_port}"
        self.mail_url = f"http://127.0.0.1:{self.mail_port}"
        self.ca_file = root / "deploy" / "secrets" / "ca.pem"
        self.official = has_image(OFFICIAL)
        files = ["docker-compose.yml", *overlays]
        if not self.official:
            of_overlays = (name.replace(".yml", ".stand-ins.yml") for name in overlays)
            files += [STAND_INS, *(name for name in of_overlays if (ROOT / name).is_file())]
        self.files = files
        self.net = free_net()
        self._settings = {
            "ALLIANCE_HTTPS_PORT": str(self.https_port),
            "ALLIANCE_MAIL_PORT": str(self.mail_port),
            "ALLIANCE_URL": self.url,
            "ALLIANCE_NET": self.net,
            "ALLIANCE_WEB_NET": f"{self.net}.0",  # what ALLIANCE_NET's was once
            "COMPOSE_FILE": ":".join(files),
            "COMPOSE_PROJECT_NAME": self.project,
            "ALLIANCE_VERSION": VERSION,
        }
        if observed:
            self._settings["COMPOSE_PROFILES"] = "dev,observability"
            self._settings["ALLIANCE_GRAFANA_PORT"] = str(free_port())
            self._settings["OTEL_EXPORTER_OTLP_ENDPOINT"] = "http://otel-collector:4318"

    def prepare(self, commit: str = "") -> None:
        """What an operator does before the first start: a checkout, .env, deploy/init."""
        self.check_out(commit)
        if commit:  # a network whose addresses change can't be changed while it is used
            (self.root / NETS).write_text(networks_of_today(self.net))
        shutil.copy(self.root / ".env.example", self.root / ".env")
        self.set(self._settings)
        subprocess.run([self.root / "deploy" / "init"], check=True, capture_output=True)

    def check_out(self, commit: str = "") -> None:
        """The files of a commit, or those of this checkout, over those that are there."""
        if commit:
            archive = subprocess.run(
                ["git", "archive", commit], cwd=ROOT, capture_output=True, check=True
            ).stdout
            subprocess.run(["tar", "-x", "-C", self.root], input=archive, check=True)
            return
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            capture_output=True,
            check=True,
        ).stdout.split(b"\0")
        for name in map(os.fsdecode, filter(None, listed)):
            if (ROOT / name).is_file():
                (self.root / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, self.root / name)

    def set(self, settings: Mapping[str, str]) -> None:
        """Write variables into .env; the last of a name counts."""
        with (self.root / ".env").open("a") as file:
            file.writelines(f"{name}={value}\n" for name, value in settings.items())

    def tell(self, service: str, settings: Mapping[str, str]) -> None:
        """Give a service settings beside those of the compose file; from its next `up` on."""
        file = self.root / "deploy" / "settings" / f"{service}.env"
        file.parent.mkdir(exist_ok=True)
        file.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))

    def compose(
        self, *arguments: str, timeout: float = 300.0, check: bool = True, given: str | None = None
    ) -> "subprocess.CompletedProcess[str]":
        """Run `docker compose …` there; `given` is its standard input. Raises CommandFailed."""
        done = subprocess.run(
            ["docker", "compose", *arguments],
            cwd=self.root,
            env=environment(),
            input=given,
            stdin=subprocess.DEVNULL if given is None else None,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        if check and done.returncode:
            words = " ".join(arguments)
            raise CommandFailed(f"docker compose {words}: {done.returncode}\n{done.stderr[-3000:]}")
        return done

    def up(self, *arguments: str, timeout: float = 300.0) -> float:
        """`up -d --wait`, and the gateway answers for every service; the seconds it took.

        Raises CommandFailed, with the containers' last words.
        """
        began = time.monotonic()
        try:
            self.compose("up", "-d", "--wait", *arguments, timeout=timeout)
        except (CommandFailed, subprocess.TimeoutExpired) as error:
            states = self.compose("ps", "-a", check=False).stdout
            logs = self.compose("logs", "--tail", "15", check=False).stdout
            raise CommandFailed(f"{error}\n{states}\n{logs[-8000:]}") from None
        self.wait_ready(timeout=max(10.0, timeout - (time.monotonic() - began)))
        return time.monotonic() - began

    def wait_ready(self, services: Sequence[str] = SERVICES, timeout: float = 120.0) -> None:
        """Return when each service says through the gateway that it is ready.

        Raises TimeoutError.
        """
        timeout = within(timeout)
        deadline, missing = time.monotonic() + timeout, list(services)
        said: dict[str, str] = {}
        with self.http() as http:
            while missing:
                for service in list(missing):
                    try:
                        answer = http.get(f"{self.url}/api/{service}/health/ready")
                        said[service] = answer.text
                        if answer.status_code == 200:
                            missing.remove(service)
                    except httpx.HTTPError as error:
                        said[service] = repr(error)
                if missing and time.monotonic() > deadline:
                    waits = {service: said[service] for service in missing}
                    raise TimeoutError(f"not ready after {timeout:g} s: {waits}")
                time.sleep(0.2 if missing else 0)

    def http(self, **settings: Any) -> httpx.Client:
        """Speaks TLS to the gateway and trusts this deployment's CA alone."""
        return httpx.Client(verify=self.trust, timeout=30, **settings)

    @property
    def trust(self) -> SSLContext:
        """Believes this deployment's CA and no other."""
        return create_default_context(cafile=str(self.ca_file))

    def exec(
        self, service: str, *command: str, check: bool = True, given: str | None = None
    ) -> str:
        """Run a command in a service's container; what it printed. Raises CommandFailed."""
        return self.compose("exec", "-T", service, *command, check=check, given=given).stdout

    def run(
        self, service: str, *command: str, check: bool = True, given: str | None = None
    ) -> "subprocess.CompletedProcess[str]":
        """Run a command in a container of its own, such as a job or `ops`. Raises CommandFailed."""
        arguments = ("run", "--rm", "-T", "--no-deps", service, *command)
        return self.compose(*arguments, check=check, given=given)

    def alliance(self, *arguments: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
        """Run `alliance …` in the container `ops`, as the first operator. Raises CommandFailed."""
        return self.run("ops", "alliance", *arguments, check=check)

    def containers(self, *services: str, every: bool = False) -> list[str]:
        """Ids of the containers of these services, or of all; `every`: stopped ones, too."""
        return self.compose("ps", "-q", *(["-a"] if every else []), *services).stdout.split()

    def inspect(self, *services: str) -> list[dict[str, Any]]:
        """What the engine says about their containers."""
        found: list[dict[str, Any]] = json.loads(
            docker("inspect", *self.containers(*services, every=True))
        )
        return found

    def kill(self, *services: str) -> None:
        """SIGKILL to the containers of these services, or of all at once."""
        docker("kill", *self.containers(*services))

    def one_shots_are_well(self) -> bool:
        """Whether every job that ran has ended with 0."""
        states = [container["State"] for container in self.inspect()]
        return all(s["ExitCode"] == 0 for s in states if s["Status"] == "exited")

    def remove(self) -> None:
        """Everything of it: containers, those of `run` too, networks, volumes."""
        label = f"label=com.docker.compose.project={self.project}"
        if found := docker("ps", "-aq", "--filter", label).split():
            docker("rm", "-f", "-v", *found)
        self.compose("--profile", "*", "down", "-v", "--remove-orphans", "-t", "5", check=False)


_nets: set[str] = set()
"""What `free_net` gave."""


def free_net() -> str:
    """The beginning of addresses, such as `10.84`, that no network of this machine has, nor one
    that this process was given before: docker refuses networks that overlap."""
    taken = {address.address for found in net_if_addrs().values() for address in found}
    free = [
        net
        for net in (f"10.{number}" for number in range(84, 250))
        if net not in _nets and not any(address.startswith(f"{net}.") for address in taken)
    ]
    net = random.choice(free)
    _nets.add(net)
    return net


def networks_of_today(begin: str) -> str:
    """An overlay that gives an earlier commit's networks the addresses of this checkout's."""
    networks = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["networks"]
    lines = [
        f"  {name}: {{ipam: !override {{config: [{{subnet: {begin}.{number}.0/24}}]}}}}"
        for number, name in enumerate(networks)
        if name != "web"
    ]
    return "\n".join(["networks:", *lines, ""])


def environment() -> dict[str, str]:
    """What compose is run with: the version is .env's to say."""
    return {name: value for name, value in os.environ.items() if name != "ALLIANCE_VERSION"}


def docker(*arguments: str, timeout: float = 120.0) -> str:
    """Run docker; what it printed. Raises CommandFailed."""
    done = subprocess.run(
        ["docker", *arguments],
        capture_output=True,
        text=True,
        timeout=within(timeout),
        check=False,
    )
    if done.returncode:
        raise CommandFailed(f"docker {' '.join(arguments[:3])} …: {done.stderr[-2000:]}")
    return done.stdout


def has_image(name: str) -> bool:
    """Whether the engine has an image of this name."""
    found = subprocess.run(["docker", "image", "inspect", name], capture_output=True, check=False)
    return found.returncode == 0
