"""Faults of disks and of memory, made on a running deployment, and what the engine says of them."""

import subprocess
from pathlib import Path

from tests.compose.deployment import Deployment

DISKS = """
services:
  disks: # keeps the file systems while those who use them are down
    image: alliance/ops:${ALLIANCE_VERSION:-0.1.0}
    command: [sleep, infinity]
    init: true
    user: "0:0"
    cap_add: [SYS_ADMIN]
    security_opt: ["apparmor:unconfined"]
    network_mode: none
    volumes: ["members-data:/members", "matching-data:/matching", "kafka-data:/kafka"]
  members-db:
    depends_on: [disks]
    # What is written reaches the stand-in's files as often; mongod has no such variable.
    environment: {SECANTUS_CHECKPOINT_SECONDS: "5"}
  matching-db: {depends_on: [disks]}
  kafka: {depends_on: [disks]}
volumes:
  members-data: {driver_opts: {type: tmpfs, device: tmpfs, o: "size=256m,uid=999,gid=999"}}
  matching-data: {driver_opts: {type: tmpfs, device: tmpfs, o: "size=256m,uid=999,gid=999"}}
  kafka-data: {driver_opts: {type: tmpfs, device: tmpfs, o: "size=256m,uid=1000,gid=1000"}}
"""
"""An overlay: stores and broker on small file systems in memory, and who holds and spoils them."""


def fill(deployment: Deployment, disk: str) -> None:
    """Not a byte is left."""
    deployment.exec("disks", "sh", "-c", f"cat /dev/zero > {disk}/filling || true")


def read_only(deployment: Deployment) -> bool:
    """Kill matching's store, make its disk read-only before it is back; whether that succeeded."""
    kill(deployment, "matching-db")
    deployment.exec("disks", "mount", "-o", "remount,ro", "/matching", check=False)
    return " ro," in deployment.exec("disks", "grep", " /matching ", "/proc/mounts")


def kill(deployment: Deployment, service: str) -> None:
    """Its main process dies; the engine is to start it again."""
    if pid := deployment.inspect(service)[0]["State"]["Pid"]:
        subprocess.run(["kill", "-9", str(pid)], check=True)


def exhaust(deployment: Deployment, service: str) -> int:
    """A second process takes all memory, the kernel ends the main one: its process id."""
    (container,) = deployment.inspect(service)
    pid = int(container["State"]["Pid"])
    Path(f"/proc/{pid}/oom_score_adj").write_text("1000")
    take = ["docker", "exec", container["Id"], "sh", "-c", "tail -n 1 /dev/zero"]
    subprocess.run(take, check=False, capture_output=True, timeout=120)
    return pid


def starts(deployment: Deployment) -> dict[str, int]:
    """How often each container was started again by its restart policy."""
    return {
        container["Config"]["Labels"]["com.docker.compose.service"]: container["RestartCount"]
        for container in deployment.inspect()
    }


def out_of_memory(pid: int) -> bool:
    """Whether the kernel says that it ended this process since its cgroup had no memory left."""
    said = subprocess.run(["dmesg"], check=True, capture_output=True, text=True).stdout
    return f"Memory cgroup out of memory: Killed process {pid} " in said


def ends(deployment: Deployment, service: str) -> str:
    """What became of it, in words."""
    (container,) = deployment.inspect(service)
    state = container["State"]
    return f"{service} is {state['Status']}, restarted {container['RestartCount']} times"
