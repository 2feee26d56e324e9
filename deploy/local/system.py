"""The whole system on this machine: the local stack, and each service as a process of its own."""

from __future__ import annotations

import importlib
import json
import secrets
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx

from deploy.local.jars import Progress
from deploy.local.ports import free_port
from deploy.local.processes import Process
from deploy.local.stack import CACHE, ROOT, Addresses, Stack
from shared.auth import Issuer
from shared.settings import Settings

PORTS = {"members": 18081, "projects": 18082, "matching": 18083, "notify": 18084}
SERVICES = tuple(PORTS)


class NotReady(RuntimeError):
    """A service did not become ready; the message says what it waits for."""


def settings_of(service: str) -> type[Settings]:
    """The class of a service's settings."""
    module = importlib.import_module(f"services.{service}.settings")
    found: type[Settings] = getattr(module, f"{service.capitalize()}Settings")
    return found


def known_to(settings: type[Settings], variables: Mapping[str, str]) -> dict[str, str]:
    """Those variables without what only other services know: it would be refused."""
    everybodys = {name for other in SERVICES for name in settings_of(other).variables()}
    foreign = everybodys - settings.variables().keys()
    return {name: value for name, value in variables.items() if name not in foreign}


class System:
    """Kafka, the store, the mailbox and the four services below `root`.

    `settings` are environment variables, each for those services that know it. `entry` is the
    module that runs a service; the tests have one of their own that can kill it at named points.
    """

    def __init__(
        self,
        root: Path = ROOT,
        cache: Path = CACHE,
        *,
        usual_ports: bool = False,
        settings: Mapping[str, str] | None = None,
        services: Sequence[str] = SERVICES,
    ) -> None:
        self.root = root
        self.stack = Stack(root, cache, usual_ports)
        self.services = tuple(services)
        self.settings = dict(settings or {})
        self.issuer = Issuer(root / "keys" / "issuer.pem")
        self._jwks = root / "keys" / "jwks.json"
        self._link_keys = root / "link-keys"
        self._ports_file = root / "services.json"
        self._usual_ports = usual_ports
        self.ports: dict[str, int] = (
            json.loads(self._ports_file.read_text()) if self._ports_file.exists() else {}
        )

    @property
    def addresses(self) -> Addresses:
        """Where Kafka, the store and the mailbox are."""
        return self.stack.addresses

    def url(self, service: str) -> str:
        """A service's address."""
        return f"http://127.0.0.1:{self.ports[service]}"

    def start(self, progress: Progress = lambda line: None) -> None:
        """Start what does not run and return when every service is ready.

        Raises what `Stack.start` raises, ProcessFailed and NotReady.
        """
        self.stack.start(progress)
        self.issuer.write_jwks(self._jwks)
        if not self._link_keys.exists():
            self._link_keys.touch(0o600)
            self._link_keys.write_text(secrets.token_urlsafe(48) + "\n")
        for service in self.services:
            known = self.ports.get(service)
            if known is None or not self.process(service).alive():
                wanted = PORTS[service] if self._usual_ports else None
                self.ports[service] = free_port(known or wanted)
        self._ports_file.write_text(json.dumps(self.ports))
        for service in self.services:
            if not self.process(service).alive():
                self.process(service).start()
        with ThreadPoolExecutor() as pool:
            list(pool.map(self.wait_ready, self.services))
        progress(f"{len(self.services)} services are ready: {', '.join(self.services)}")

    def stop(self) -> None:
        """Stop the services, then the stack. Data stays."""
        self.stack.stop()

    def wipe(self) -> None:
        """End everything at once and delete its data; the next start begins anew."""
        self.stack.wipe()
        self._ports_file.unlink(missing_ok=True)
        self.ports = {}

    def process(
        self, service: str, env: Mapping[str, str] | None = None, instance: str = ""
    ) -> Process:
        """A service's process; `instance` names one beside the first, on a port of its own: "-b",
        which is `projects-b` from then on."""
        name = f"{service}{instance}"
        service = name.partition("-")[0]
        port = self.ports.get(name) or self.ports.setdefault(name, free_port())
        own = {**self.settings, **(env or {})}
        if "ALLIANCE_JWKS_URL" not in own:
            own["ALLIANCE_JWKS_FILE"] = str(self._jwks)
        if service == "members":  # it signs with the key that the tokens of `authorization` have
            own.setdefault("ALLIANCE_SIGNING_KEYS_DIR", str(self._jwks.parent))
            own.setdefault("ALLIANCE_PUBLIC_URL", f"http://127.0.0.1:{port}")
        if service == "notify":
            own.setdefault("ALLIANCE_NOTIFY_URL", self.url(service))
            own.setdefault("ALLIANCE_LINK_KEYS_FILE", str(self._link_keys))
            own.setdefault("ALLIANCE_WEBHOOKS_ALLOW_LOOPBACK", "true")
        everything = {**self.addresses.environment(), **own}
        known = known_to(settings_of(service), everything)
        return self.stack.process(name, self.command(service, port), known)

    def command(self, service: str, port: int) -> list[str]:
        """How a service is run."""
        return [
            sys.executable,
            "-m",
            "uvicorn",
            f"services.{service}.app:app",
            "--host",
            "127.0.0.1",
            "--port",
            str(port),
            "--no-access-log",
            "--timeout-graceful-shutdown",
            "10",
        ]

    def wait_ready(self, service: str, timeout: float = 60.0) -> None:
        """Return when a service says it is ready. Raises NotReady, ProcessFailed."""
        process = self.process(service)
        process.wait_ready(self.ports[service], timeout)
        deadline, said = time.monotonic() + timeout, ""
        while time.monotonic() < deadline:
            try:
                answer = httpx.get(f"{self.url(service)}/health/ready", timeout=5)
                said = answer.text
                if answer.status_code == 200:
                    return
            except httpx.HTTPError as error:
                said = repr(error)
            time.sleep(0.1)
        raise NotReady(f"{service} is not ready after {timeout:g} s: {said}")

    def authorization(
        self, subject: str, member_id: str | None = None, roles: tuple[str, ...] = ()
    ) -> dict[str, str]:
        """The header by which a request acts as a member or an operator, for an hour."""
        token = self.issuer.token(subject, member_id=member_id, roles=roles, seconds=3600)
        return {"Authorization": f"Bearer {token}"}
