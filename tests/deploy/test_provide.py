"""Kafka and MongoDB: from the environment, else the local stack, else containers, else an error."""

import asyncio
from pathlib import Path

import pytest

from deploy.local.provide import (
    KAFKA_VARIABLE,
    MONGODB_VARIABLE,
    NotProvided,
    broker_settings,
    provided,
)
from deploy.local.stack import Stack
from deploy.local.store import SERVER_VARIABLE


@pytest.fixture(autouse=True)
def _no_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(KAFKA_VARIABLE, raising=False)
    monkeypatch.delenv(MONGODB_VARIABLE, raising=False)


def test_addresses_of_the_environment_come_first(
    stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are used as given, only a mailbox is started, and it is gone afterwards."""
    monkeypatch.setenv(KAFKA_VARIABLE, stack.addresses.kafka)
    monkeypatch.setenv(MONGODB_VARIABLE, stack.addresses.mongodb)
    with provided(tmp_path) as addresses:
        assert (addresses.kafka, addresses.mongodb) == (
            stack.addresses.kafka,
            stack.addresses.mongodb,
        )
        assert [process.name for process in Stack(tmp_path).processes()] == ["mailbox"]
    assert Stack(tmp_path).processes() == []
    assert stack.running()


def test_address_that_does_not_answer_is_refused_and_not_replaced(
    tmp_path: Path, stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who names a broker means that one: another is not started in its place."""
    monkeypatch.setenv(KAFKA_VARIABLE, "127.0.0.1:1")
    monkeypatch.setenv(MONGODB_VARIABLE, stack.addresses.mongodb)
    with pytest.raises(NotProvided, match=r"127\.0\.0\.1:1 is not usable"), provided(tmp_path):
        pass
    assert Stack(tmp_path).processes() == []


def test_running_stack_is_used_and_left_running(stack: Stack) -> None:
    """A second demo does not stop the first one's stack; works inside an event loop too."""

    async def inside_a_loop() -> str:
        with provided(stack.root) as addresses:
            return addresses.kafka

    assert asyncio.run(inside_a_loop()) == stack.addresses.kafka
    assert stack.running()


def test_stack_that_was_started_for_the_block_is_stopped_after_it(tmp_path: Path) -> None:
    """Even when the block fails; its data stay for the next time."""

    def fail() -> None:
        with provided(tmp_path) as addresses:
            assert Stack.attach(tmp_path).running()
            assert addresses.environment()[KAFKA_VARIABLE] == addresses.kafka
            raise InterruptedError

    with pytest.raises(InterruptedError):
        fail()
    assert Stack.attach(tmp_path).processes() == []
    assert (tmp_path / "kafka/data/meta.properties").exists()


def test_error_names_all_three_ways(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No addresses, no store server, no Docker engine: one error says what each way would need."""
    monkeypatch.setenv(SERVER_VARIABLE, "no-such-server")
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    with pytest.raises(NotProvided) as error, provided(tmp_path):
        pass
    said = str(error.value)
    local = f"the local stack: {SERVER_VARIABLE} names 'no-such-server'"
    for way in (KAFKA_VARIABLE, MONGODB_VARIABLE, local, "testcontainers"):
        assert way in said


def test_container_has_the_local_stacks_settings() -> None:
    """A container's Kafka has the same settings, but listens on all its addresses."""
    settings = broker_settings("127.0.0.1:29092").splitlines()
    assert "auto.create.topics.enable=false" in settings
    assert "listeners=CLIENT://0.0.0.0:9092,CONTROLLER://127.0.0.1:9093" in settings
    assert "advertised.listeners=CLIENT://127.0.0.1:29092" in settings
