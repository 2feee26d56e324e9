"""The stack keeps its data, is found by other processes, and leaves nothing running."""

import asyncio
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped,unused-ignore]
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from pymongo import MongoClient

from deploy.local.ports import free_port
from deploy.local.processes import python_module
from deploy.local.stack import Addresses, NotStarted, Stack
from deploy.local.store import SERVER_VARIABLE, NoStore, Store
from tests.waiting import within


async def published(kafka: str, value: bytes) -> int:
    """Publish to the first partition of a log; the offset it got."""
    async with AIOKafkaProducer(bootstrap_servers=kafka, enable_idempotence=True) as producer:
        return int((await producer.send_and_wait("projects.events", value, partition=0)).offset)


async def read_at(kafka: str, offset: int) -> bytes:
    partition = TopicPartition("projects.events", 0)
    async with AIOKafkaConsumer(bootstrap_servers=kafka) as consumer:
        consumer.assign([partition])
        consumer.seek(partition, offset)
        return bytes((await asyncio.wait_for(consumer.getone(), within(10))).value)


def committed(addresses: Addresses, _id: str) -> None:
    """One transaction over two collections, acknowledged as the services ask for it."""
    with (
        MongoClient[dict[str, Any]](addresses.mongodb, w="majority", journal=True) as client,
        client.start_session() as session,
        session.start_transaction(),
    ):
        client.deploy.state.insert_one({"_id": _id}, session=session)
        client.deploy.log.insert_one({"_id": _id}, session=session)


def kept(addresses: Addresses, _id: str) -> bool:
    with MongoClient[dict[str, Any]](addresses.mongodb) as client:
        return all(
            collection.find_one({"_id": _id})
            for collection in (client.deploy.state, client.deploy.log)
        )


def remains(root: Path) -> list[psutil.Process]:
    """Processes whose command or working directory names the stack's root."""
    return [
        process
        for process in psutil.process_iter(["cmdline", "status"])
        if str(root) in " ".join(process.info["cmdline"] or [])
        and process.info["status"] != psutil.STATUS_ZOMBIE
    ]


def test_restart_keeps_what_broker_and_store_had(stack: Stack) -> None:
    """After stop and start record, transaction and addresses are what they were."""
    addresses, value = stack.addresses, uuid.uuid4().bytes
    offset = asyncio.run(published(addresses.kafka, value))
    committed(addresses, value.hex())
    stack.stop()
    assert not stack.running()
    assert stack.start() == addresses
    assert asyncio.run(read_at(addresses.kafka, offset)) == value
    assert kept(addresses, value.hex())


def test_killed_broker_and_store_keep_what_they_acknowledged(stack: Stack) -> None:
    """SIGKILL right after the acknowledgement loses nothing, and each part comes back by itself."""
    addresses, value = stack.addresses, uuid.uuid4().bytes
    offset = asyncio.run(published(addresses.kafka, value))
    committed(addresses, value.hex())
    stack.kafka.process.kill()
    stack.store.process.kill()
    stack.kafka.start()
    stack.store.start()
    assert asyncio.run(read_at(addresses.kafka, offset)) == value
    assert kept(addresses, value.hex())


def test_another_process_finds_the_stack(stack: Stack) -> None:
    """`alliance status` knows nothing but the root."""
    code = (
        "from deploy.local.stack import *;"
        f"s = Stack.attach(Path({str(stack.root)!r})); print(s.running(), s.addresses)"
    )
    said = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    assert said.strip() == f"True {stack.addresses}"


def test_stack_that_was_never_started_is_not_attached(tmp_path: Path) -> None:
    """There is nothing to find in an empty root, and the error names it."""
    with pytest.raises(NotStarted, match=str(tmp_path)):
        Stack.attach(tmp_path)


def test_start_of_a_running_stack_starts_nothing(stack: Stack) -> None:
    """Asking twice is harmless: the same processes run afterwards."""
    pids = {process.name: process.pid for process in stack.processes()}
    assert stack.start() == stack.addresses
    assert {process.name: process.pid for process in stack.processes()} == pids


def test_leftovers_of_a_crashed_stack_are_cleaned_by_the_next_start(
    tmp_path: Path,
) -> None:
    """The broker died, a service and the store run on: start ends them and begins anew."""
    code = (
        "import os; from deploy.local.stack import *;"
        "from deploy.local.processes import python_module;"
        f"s = Stack(Path({str(tmp_path)!r})); s.start(); s.kafka.process.kill();"
        "s.process('service', python_module('http.server', '--bind', '127.0.0.1', '0')).start();"
        "os._exit(9)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 9
    crashed = Stack.attach(tmp_path)
    left = [process.pid for process in crashed.processes()]
    assert len(left) == 3
    assert not crashed.running()
    try:
        addresses = Stack(tmp_path).start()
        assert not any(psutil.pid_exists(pid) for pid in left if pid)
        assert asyncio.run(published(addresses.kafka, b"anew")) == 0
        crashed.process("service", python_module("http.server", "--bind", "127.0.0.1", "0")).start()
        assert len(remains(tmp_path)) >= 3
        assert len(crashed.processes()) == 4
    finally:
        Stack(tmp_path).wipe()
    assert remains(tmp_path) == []
    assert crashed.processes() == []
    assert [path.name for path in tmp_path.iterdir()] == ["stack.lock"]


def test_what_is_missing_is_said_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store server that does not exist stops the start at once, with no broker left behind."""
    monkeypatch.setenv(SERVER_VARIABLE, "no-such-server")
    with pytest.raises(NoStore, match="no-such-server"):
        Stack(tmp_path).start()
    assert remains(tmp_path) == []


def test_data_of_another_server_are_refused(tmp_path: Path) -> None:
    """Two servers must not share a data directory: the error names both, and what to do."""
    store = Store(tmp_path, free_port())
    store.data.mkdir()
    (store.data / "made-by").write_text("secantusd-elsewhere")
    with pytest.raises(NoStore, match=r"are secantusd-elsewhere's and .* would run: wipe, or run"):
        store.start()
