"""Sending to Kafka: in order, acknowledged by all, never without a time limit; single records
read by their offsets.

An idempotent aiokafka producer has no time-out of its own while the broker is away, and can be
broken for good by one failed batch. So every wait has a limit here, and after any failure the
producer is thrown away: whoever sends sends again, from the first record that was not
acknowledged.
"""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from ssl import SSLContext
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError, MessageSizeTooLargeError, OffsetOutOfRangeError
from aiokafka.helpers import create_ssl_context
from aiokafka.partitioner import murmur2

from shared.secret_files import read_secret

log = logging.getLogger("alliance.kafka")

MAX_REQUEST = 1_048_576
"""Bytes of one request; not above the topics' `max.message.bytes`."""


def partition_of(key: bytes, partitions: int) -> int:
    """Which of a topic's partitions, from 0, holds a key's records: as aiokafka and Kafka's Java
    client place them (murmur2 of the key)."""
    return int(murmur2(key) & 0x7FFFFFFF) % partitions


class RecordTooLarge(Exception):
    """A record is larger than the broker takes; sending it again would not help."""


class RecordGone(Exception):
    """There is no record at an offset any more, or not yet."""


class BrokerAway(Exception):
    """The broker does not answer, or did not acknowledge in time; the records may be there."""


@dataclass(frozen=True, slots=True)
class Security:
    """How to speak to the broker; empty for plain text, as on a local machine."""

    username: str | None = None
    password_file: Path | None = None
    ca_file: str | None = None

    @property
    def password(self) -> str:
        """What the file holds now, so that it can be changed while we run."""
        return read_secret(self.password_file) if self.password_file else ""

    def context(self) -> SSLContext | None:
        """The TLS context, where a CA is given."""
        return create_ssl_context(cafile=self.ca_file) if self.ca_file else None

    def options(self) -> dict[str, object]:
        """aiokafka's arguments for it (SCRAM-SHA-512, TLS where a CA is given).

        Raises OSError where the password's file is gone.
        """
        context = self.context()
        if self.username is None:
            return {"security_protocol": "SSL", "ssl_context": context} if context else {}
        return {
            "security_protocol": "SASL_SSL" if context else "SASL_PLAINTEXT",
            "sasl_mechanism": "SCRAM-SHA-512",
            "sasl_plain_username": self.username,
            "sasl_plain_password": self.password,
            "ssl_context": context,
        }


@dataclass(frozen=True, slots=True)
class Record:
    """One record to send."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]]
    partition: int | None = None


class Producer:
    """An idempotent producer that is made when it is needed and again after it failed.

    `timeout` is how many seconds one `send` may take, from the first record to the last ack.
    """

    def __init__(
        self,
        bootstrap: str,
        *,
        client_id: str,
        security: Security = Security(),
        timeout: float = 10.0,
        max_request: int = MAX_REQUEST,
        compression: str | None = None,
    ) -> None:
        self._bootstrap = bootstrap
        self._client_id = client_id
        self._security = security
        self._timeout = timeout
        self._max_request = max_request
        self._compression = compression
        self._connecting = asyncio.Lock()
        self._producer: AIOKafkaProducer | None = None
        self._password = ""

    async def send(self, records: Sequence[Record]) -> list[int]:
        """Send all in order and return when all are acknowledged: the offset of each.

        Raises RecordTooLarge, and BrokerAway when that did not happen in time or a send failed:
        then any of them may have been written. The first failure stops the rest, so no key's
        later record passes an earlier one that failed.
        """
        try:
            async with asyncio.timeout(self._timeout):
                producer = await self._connected()
                futures = [
                    await producer.send(
                        r.topic,
                        r.value,
                        key=r.key,
                        partition=r.partition,
                        headers=r.headers,
                    )
                    for r in records
                ]
                offsets = []
                for outcome in await asyncio.gather(*futures, return_exceptions=True):
                    if isinstance(outcome, BaseException):
                        raise outcome
                    offsets.append(int(outcome.offset))
                return offsets
        except MessageSizeTooLargeError as error:
            await self.discard()
            raise RecordTooLarge(str(error)) from error
        except (KafkaError, TimeoutError, OSError) as error:
            await self.discard()
            raise BrokerAway(str(error) or type(error).__name__) from error
        except BaseException:
            await self.discard()
            raise

    async def partitions(self, topic: str, timeout: float = 2.0) -> int:
        """How many partitions a topic has, asked of the broker now, not of what was known.

        Raises BrokerAway after `timeout` seconds, and for a topic that does not exist.
        """
        try:
            async with asyncio.timeout(timeout):
                producer = await self._connected()
                if not await producer.client.force_metadata_update():
                    raise BrokerAway("it does not answer")
                return len(await producer.partitions_for(topic))
        except (BrokerAway, KafkaError, TimeoutError, OSError) as error:
            await self._forget_old_password()
            raise BrokerAway(str(error) or "no answer") from error

    async def _connected(self) -> AIOKafkaProducer:
        async with self._connecting:
            if self._producer is None:
                self._producer = await self._connect()
            return self._producer

    async def _forget_old_password(self) -> None:
        """A producer keeps the password it was made with; sending makes it anew, asking alone
        would not."""
        if self._producer is not None and self._password != self._security.password:
            await self.discard()

    async def _connect(self) -> AIOKafkaProducer:
        self._password = self._security.password
        producer = AIOKafkaProducer(
            bootstrap_servers=self._bootstrap,
            client_id=self._client_id,
            enable_idempotence=True,
            acks="all",
            linger_ms=0,
            max_request_size=self._max_request,
            compression_type=self._compression,
            request_timeout_ms=int(self._timeout * 1000),
            **self._security.options(),
        )
        try:
            await producer.start()
        except BaseException:
            await _stop(producer)
            raise
        return producer

    async def discard(self) -> None:
        """Stop the producer, without waiting for what it has not sent."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await _stop(producer)


class Reader:
    """Reads single records by their offsets, in no group; connects when it is first asked.

    `timeout` is how many seconds one `read` may take.
    """

    def __init__(
        self,
        bootstrap: str,
        *,
        client_id: str,
        security: Security = Security(),
        timeout: float = 10.0,
    ) -> None:
        self._bootstrap = bootstrap
        self._client_id = client_id
        self._security = security
        self._timeout = timeout
        self._one_at_a_time = asyncio.Lock()
        self._consumer: AIOKafkaConsumer | None = None

    async def read(self, topic: str, partition: int, offset: int) -> "ConsumerRecord[Any, Any]":
        """The record at an offset. Raises BrokerAway, and RecordGone where there is none."""
        at = TopicPartition(topic, partition)
        async with self._one_at_a_time:
            try:
                async with asyncio.timeout(self._timeout):
                    consumer = await self._connected()
                    consumer.assign([at])
                    consumer.seek(at, offset)
                    found = await consumer.getone(at)
            except OffsetOutOfRangeError as error:
                await self._discard()
                raise RecordGone(f"{topic}[{partition}]@{offset}") from error
            except (KafkaError, TimeoutError, OSError) as error:
                await self._discard()
                raise BrokerAway(str(error) or type(error).__name__) from error
            except BaseException:
                await self._discard()
                raise
        if found.offset != offset:
            raise RecordGone(f"{topic}[{partition}]@{offset}")
        return found

    async def end(self, topic: str, partition: int) -> int:
        """The offset that the next record will have. Raises BrokerAway."""
        at = TopicPartition(topic, partition)
        async with self._one_at_a_time:
            try:
                async with asyncio.timeout(self._timeout):
                    consumer = await self._connected()
                    return int((await consumer.end_offsets([at]))[at])
            except (KafkaError, TimeoutError, OSError) as error:
                await self._discard()
                raise BrokerAway(str(error) or type(error).__name__) from error

    async def _connected(self) -> AIOKafkaConsumer:
        if self._consumer is None:
            self._consumer = AIOKafkaConsumer(
                bootstrap_servers=self._bootstrap,
                client_id=self._client_id,
                enable_auto_commit=False,
                auto_offset_reset="none",
                fetch_max_wait_ms=100,
                **self._security.options(),
            )
            await self._consumer.start()
        return self._consumer

    async def discard(self) -> None:
        """Disconnect; the next `read` connects again."""
        async with self._one_at_a_time:
            await self._discard()

    async def _discard(self) -> None:
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            await _stop(consumer)


async def _stop(client: AIOKafkaProducer | AIOKafkaConsumer) -> None:
    """A client whose broker is away may never end its `stop`: give it a moment, then leave it."""
    stopping = asyncio.ensure_future(client.stop())
    done, _ = await asyncio.wait({stopping}, timeout=1.0)
    if not done:
        stopping.cancel()
        log.warning("a Kafka client did not stop in a second; it is left behind")
    elif error := stopping.exception():
        log.warning("a Kafka client stopped with: %s", error)
