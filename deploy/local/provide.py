"""Kafka and MongoDB for whatever needs real ones: demo, connected tests, benchmarks.

In this order: the addresses in the environment, the local stack, containers. The mailbox is
always a process of ours, since a mail must be read back.
"""

from __future__ import annotations

import asyncio
import os
import struct
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from aiokafka.errors import KafkaError  # type: ignore[import-untyped,unused-ignore]

from deploy.local import topics
from deploy.local.jars import JarsMissing, Progress
from deploy.local.java import NoJava
from deploy.local.kafka import SETTINGS, Kafka
from deploy.local.mailbox import Mailbox
from deploy.local.ports import free_port
from deploy.local.processes import ProcessFailed
from deploy.local.stack import CACHE, ROOT, Addresses, Stack
from deploy.local.store import REPLICA_SET, NoStore, takes_writes

KAFKA_VARIABLE, MONGODB_VARIABLE = "ALLIANCE_KAFKA", "ALLIANCE_MONGODB"
KAFKA_IMAGE, MONGODB_IMAGE = "apache/kafka:4.1.1", "mongo:8.0"
_CONTAINER_START = 180.0  # seconds, images on the machine


class NotProvided(RuntimeError):
    """None of the three ways to have Kafka and MongoDB works; the message says why for each."""


class _NoContainers(RuntimeError):
    """No Docker engine answers, or its containers do not start."""


@contextmanager
def provided(
    root: Path = ROOT, progress: Progress = lambda line: None, cache: Path = CACHE
) -> Iterator[Addresses]:
    """Kafka with its topics, MongoDB and a mailbox for the block; what was started is stopped.

    A stack that runs in `root` already is used and left running; its data stay in any case.
    Addresses that are given are used or refused, never replaced. Raises NotProvided, TopicWrong.
    """
    with ExitStack() as started:
        yield _provide(started, root, progress, cache)


def _provide(started: ExitStack, root: Path, progress: Progress, cache: Path) -> Addresses:
    kafka, mongodb = os.environ.get(KAFKA_VARIABLE), os.environ.get(MONGODB_VARIABLE)
    if kafka and mongodb:
        progress(f"using {KAFKA_VARIABLE} and {MONGODB_VARIABLE} of the environment")
        return _with_topics(replace(_mailbox(started, root), kafka=kafka, mongodb=mongodb))
    reasons = [
        f"the environment: set both {KAFKA_VARIABLE} (host:port) and {MONGODB_VARIABLE} (a URI)"
    ]
    stack = Stack(root, cache)
    try:
        ran = stack.running()
        addresses = stack.start(progress)
        if not ran:
            started.callback(stack.stop)
        return addresses
    except (NoJava, JarsMissing, NoStore, ProcessFailed) as error:
        reasons.append(f"the local stack: {error}")
    try:
        addresses = _containers(started, root, progress)
    except _NoContainers as error:
        reasons.append(f"testcontainers, where a Docker engine answers: {error}")
    else:
        return _with_topics(addresses)
    raise NotProvided(
        "no Kafka and MongoDB to work with; each of these would do:\n- " + "\n- ".join(reasons)
    )


def _with_topics(addresses: Addresses) -> Addresses:
    """Raises NotProvided when the broker does not answer."""

    def apply() -> None:
        asyncio.run(topics.apply(addresses.kafka))

    try:
        with ThreadPoolExecutor(1) as pool:  # the caller may be inside an event loop
            pool.submit(apply).result()
    except KafkaError as error:
        raise NotProvided(f"Kafka at {addresses.kafka} is not usable: {error!r}") from error
    return addresses


def _mailbox(started: ExitStack, root: Path) -> Addresses:
    """A mailbox alone; the two other addresses are empty."""
    mailbox = Mailbox(root, free_port())
    mailbox.stop()  # one that was left behind
    mailbox.start()
    started.callback(mailbox.stop)
    return Addresses("", "", "127.0.0.1", mailbox.port, mailbox.maildir)


def _containers(started: ExitStack, root: Path, progress: Progress) -> Addresses:
    """One broker and one MongoDB from their official images, with the local stack's settings."""
    try:
        import docker  # type: ignore[import-untyped,unused-ignore]
        from testcontainers.core.container import DockerContainer
    except ImportError as error:
        raise _NoContainers(str(error)) from error
    kafka, port = Kafka(root, root, free_port(), 9093), free_port()
    try:
        docker.from_env(timeout=5).ping()
        broker = DockerContainer(KAFKA_IMAGE).with_envs(**broker_environment(kafka.bootstrap))
        store = DockerContainer(MONGODB_IMAGE).with_command(
            f"--replSet {REPLICA_SET} --bind_ip_all"
        )
        progress(f"starting {KAFKA_IMAGE} and {MONGODB_IMAGE}")
        started.enter_context(broker.with_bind_ports(9092, kafka.port))
        started.enter_context(store.with_bind_ports(27017, port))
        _until(kafka.ready, KAFKA_IMAGE)
        _until(lambda: takes_writes(port, "127.0.0.1:27017"), MONGODB_IMAGE)
    except (docker.errors.DockerException, OSError, RuntimeError) as error:
        raise _NoContainers(f"{type(error).__name__}: {error}") from error
    uri = f"mongodb://127.0.0.1:{port}/?replicaSet={REPLICA_SET}&directConnection=true"
    return replace(_mailbox(started, root), kafka=kafka.bootstrap, mongodb=uri)


def broker_environment(advertised: str) -> dict[str, str]:
    """The broker's settings as Kafka's official image takes them: `log.dirs` is KAFKA_LOG_DIRS."""
    text = SETTINGS.format(
        port=9092, controller_port=9093, advertised=advertised, data="/tmp/kafka"
    )
    text = text.replace("CLIENT://127.0.0.1:9092,", "CLIENT://0.0.0.0:9092,")
    settings = dict(line.split("=", 1) for line in text.splitlines() if not line.startswith("#"))
    return {f"KAFKA_{name.replace('.', '_').upper()}": value for name, value in settings.items()}


def _until(check: Callable[[], bool], what: str) -> None:
    """Raises TimeoutError."""
    deadline = time.monotonic() + _CONTAINER_START
    while time.monotonic() < deadline:
        with suppress(
            OSError, struct.error
        ):  # a port mapped by Docker is open before its server is
            if check():
                return
        time.sleep(0.2)
    raise TimeoutError(f"{what} does not answer after {_CONTAINER_START:g} s")
