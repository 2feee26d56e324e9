"""`alliance status`: what runs, and how far behind it is."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import httpx

from cli.services import known
from cli.topics import lag
from deploy.local.system import System


def show_status(system: System, as_json: bool, say: Callable[[str], None]) -> bool:
    """Say what runs; whether all of it does and is ready."""
    found = asyncio.run(read_status(system))
    if as_json:
        say(json.dumps(found, indent=1))
    else:
        for part, state in found["parts"].items():
            say(f"{part:<10} {state}")
        for name, service in found["services"].items():
            say(f"{name:<10} {service['state']}")
            for what in ("recorded", "backlog", "lag", "inbox", "dead_letters", "workers"):
                if what in service:
                    say(f"           {what}: {_short(service[what])}")
    return bool(found["well"])


async def read_status(system: System) -> dict[str, Any]:
    """The same as data: `parts`, `services` with backlog and lag, and whether all is `well`."""
    stack = system.stack
    parts = {
        name: f"runs, pid {process.pid}, {process.memory() >> 20} MiB"
        if process.alive()
        else "stopped"
        for name, process in (
            ("kafka", stack.kafka.process),
            ("store", stack.store.process),
            ("mailbox", stack.mailbox.process),
        )
    }
    services = {}
    async with httpx.AsyncClient(timeout=10) as http:
        for name in system.services:
            services[name] = await _service(system, http, name)
    if stack.kafka.process.alive():
        try:
            async with asyncio.timeout(10):
                found = await lag(
                    system.addresses.kafka, {n: known(n).on.topics() for n in system.services}
                )
                for name, partitions in found.items():
                    services[name]["lag"] = partitions
        except Exception as error:
            parts["kafka"] += f", does not answer: {error!r}"
    well = all(s["state"].startswith("ready") for s in services.values()) and all(
        p.startswith("runs") for p in parts.values()
    )
    return {"parts": parts, "services": services, "well": well}


async def _service(system: System, http: httpx.AsyncClient, name: str) -> dict[str, Any]:
    if name not in system.ports or not system.process(name).alive():
        return {"state": "stopped"}
    process = system.process(name)
    runs = f"pid {process.pid}, {process.memory() >> 20} MiB, {system.url(name)}"
    try:
        ready = await http.get(f"{system.url(name)}/health/ready")
        progress = (await http.get(f"{system.url(name)}/health/progress")).json()
    except httpx.HTTPError as error:
        return {"state": f"does not answer ({error!r}), {runs}"}
    if ready.status_code != 200:
        waits = {k: v for k, v in ready.json().items() if v not in ("ok", False)}
        return {"state": f"not ready: {_short(waits)}, {runs}", **progress}
    return {"state": f"ready, {runs}", **progress}


def _short(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{k} {v}" for k, v in value.items()) or "none"
    return str(value)
