"""Kafka and MongoDB for whatever needs real ones: demo, connected tests, benchmarks.

In this order: the addresses in the environment, the local stack, containers. The mailbox is
always a process of ours, since a mail must be read back.
"""

from __future__ import annotations

import asyncio
import base64
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
PROVIDER_VARIABLE = "ALLIANCE_PROVIDER"
TESTCONTAINERS = "testcontainers"
KAFKA_IMAGE_VARIABLE, MONGODB_IMAGE_VARIABLE = "ALLIANCE_KAFKA_IMAGE", "ALLIANCE_MONGODB_IMAGE"
KAFKA_IMAGE, MONGODB_IMAGE = "apache/kafka:4.1.1", "mongo:8.0.15"
_FIRST_START = """
printf '%s' "$BROKER" > /tmp/broker.properties
/opt/kafka/bin/kafka-storage.sh format --config /tmp/broker.properties --cluster-id "$CLUSTER" &&
exec /opt/kafka/bin/kafka-run-class.sh kafka.Kafka /tmp/broker.properties
"""
_CONTAINER_START = 180.0  # seconds, images on the machine


class NotProvided(RuntimeError):
    """None of the three ways to have Kafka and MongoDB works; the message says why for each."""


class NoContainers(RuntimeError):
    """No Docker engine answers, or its containers do not start."""


@contextmanager
def provided(
    root: Path = ROOT, progress: Progress = lambda line: None, cache: Path = CACHE
) -> Iterator[Addresses]:
    """Kafka with its topics, MongoDB and a mailbox for the block; what was started is stopped.

    ALLIANCE_PROVIDER=testcontainers takes containers, whatever else there is.
    A stack that runs in `root` already is used and left running; its data stay in any case.
    Addresses that are given are used or refused, never replaced. Raises NotProvided, TopicWrong.
    """
    with ExitStack() as started:
        yield _provide(started, root, progress, cache)


def _provide(started: ExitStack, root: Path, progress: Progress, cache: Path) -> Addresses:
    if os.environ.get(PROVIDER_VARIABLE) == TESTCONTAINERS:
        kafka, mongodb = started.enter_context(contained(progress))
        return _with_topics(replace(_mailbox(started, root), kafka=kafka, mongodb=mongodb))
    kafka, mongodb = os.environ.get(KAFKA_VARIABLE, ""), os.environ.get(MONGODB_VARIABLE, "")
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
        kafka, mongodb = started.enter_context(contained(progress))
        return _with_topics(replace(_mailbox(started, root), kafka=kafka, mongodb=mongodb))
    except NoContainers as error:
        reasons.append(f"testcontainers, where a Docker engine answers: {error}")
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


@contextmanager
def contained(progress: Progress = lambda line: None) -> Iterator[tuple[str, str]]:
    """One broker and one MongoDB as containers of the configured images, with the local stack's
    settings: their addresses. Raises NoContainers."""
    with ExitStack() as started:
        yield _containers(started, progress)


def _containers(started: ExitStack, progress: Progress) -> tuple[str, str]:
    try:
        import docker  # type: ignore[import-untyped,unused-ignore]
        from testcontainers.core.config import testcontainers_config
        from testcontainers.core.container import DockerContainer
    except ImportError as error:
        raise NoContainers(str(error)) from error
    testcontainers_config.ryuk_disabled = True  # its image is one more to be had; we stop ours
    images = (
        os.environ.get(KAFKA_IMAGE_VARIABLE) or KAFKA_IMAGE,
        os.environ.get(MONGODB_IMAGE_VARIABLE) or MONGODB_IMAGE,
    )
    kafka, port = Kafka(ROOT, ROOT, free_port(), 9093), free_port()
    try:
        docker.from_env(timeout=5).ping()
        broker = DockerContainer(images[0]).with_env("BROKER", broker_settings(kafka.bootstrap))
        broker.with_env("CLUSTER", base64.urlsafe_b64encode(os.urandom(16)).decode().rstrip("="))
        broker.with_env("KAFKA_HEAP_OPTS", "-Xmx384m").with_kwargs(
            entrypoint=["/bin/bash", "-c", _FIRST_START]
        )
        store = DockerContainer(images[1]).with_command(f"--replSet {REPLICA_SET} --bind_ip_all")
        progress(f"starting {images[0]} and {images[1]}")
        started.enter_context(broker.with_bind_ports(9092, kafka.port))
        started.enter_context(store.with_bind_ports(27017, port))
        _until(kafka.ready, images[0])
        _until(lambda: takes_writes(port, "127.0.0.1:27017"), images[1])
    except (docker.errors.DockerException, OSError, RuntimeError) as error:
        raise NoContainers(f"{type(error).__name__}: {error}") from error
    return kafka.bootstrap, f"mongodb://127.0.0.1:{port}/?directConnection=true"


def broker_settings(advertised: str) -> str:
    """The broker's settings in a container: the local stack's, on all its addresses."""
    text = SETTINGS.format(
        port=9092, controller_port=9093, advertised=advertised, data="/tmp/kafka"
    )
    return text.replace("CLIENT://127.0.0.1:9092,", "CLIENT://0.0.0.0:9092,")


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
