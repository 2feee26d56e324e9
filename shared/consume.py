"""Kafka to inbox: FastStream subscribers, set so that nothing is lost, and their watchdog.

FastStream's defaults acknowledge before handling, start at the end of the topic, and drop a whole
batch for one bad header; each is set otherwise here. The offsets are committed after the inbox
has committed its transactions. A consumer that makes no progress while there is lag, and that is
not waiting for the store or the broker, ends the process: its restart policy brings it back.
"""

import asyncio
import logging
import os
from typing import Any

from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError
from faststream import AckPolicy
from faststream.kafka import KafkaBroker, KafkaMessage
from faststream.kafka.message import KafkaAckableMessage
from faststream.security import BaseSecurity, SASLScram512

from shared.inbox import Inbox
from shared.kafka import BrokerAway, Security

log = logging.getLogger("alliance.consume")

# FastStream would start a failed consuming task again on the same consumer: see _exit_if_ended.
os.environ.setdefault("FASTSTREAM_SUPERVISOR_DISABLED", "1")

BATCH = 100
"""Most records in one batch, so in one transaction."""

EXIT_STUCK = 70
"""Exit status of a process whose consumer stood still (EX_SOFTWARE)."""


def _security(security: Security, password: str) -> BaseSecurity | None:
    context = security.context()
    if security.username is None:
        return BaseSecurity(ssl_context=context, use_ssl=True) if context else None
    return SASLScram512(
        security.username,
        password,
        ssl_context=context,
        use_ssl=bool(context),
    )


class Consumer:
    """One service's subscription to the topics its handlers name."""

    def __init__(
        self,
        service: str,
        inbox: Inbox,
        topics: list[str],
        bootstrap: str,
        *,
        security: Security = Security(),
        stuck_after: float = 120.0,
        session: float = 10.0,
    ) -> None:
        self._service = service
        self._inbox = inbox
        self._bootstrap = bootstrap
        self._security = security
        self._stuck_after = stuck_after
        self._session = session
        self.topics = topics
        self._progress = 0
        self._build()

    def _build(self) -> None:
        """What FastStream needs; it keeps the password that it was made with."""
        self.started = False
        self._in_hand: dict[tuple[str, int], int] = {}
        """Of each partition in the batch that is being handled, the first offset."""
        self._password = self._security.password
        self._broker = KafkaBroker(
            self._bootstrap.split(","),  # it would take a text for one address
            client_id=self._service,
            security=_security(self._security, self._password),
            allow_auto_create_topics=False,
            consumer_only=True,
            graceful_timeout=15,
            logger=logging.getLogger("alliance.faststream"),  # its own has a handler of its own
        )
        self._subscriber = self._broker.subscriber(
            *self.topics,
            group_id=self._service,
            batch=True,
            max_records=BATCH,
            batch_timeout_ms=20,
            auto_offset_reset="earliest",
            session_timeout_ms=int(self._session * 1000),
            heartbeat_interval_ms=int(self._session * 1000 / 4),
            ack_policy=AckPolicy.MANUAL,
            parser=self._parse,
            decoder=_no_decoding,
        )
        self._subscriber(self._handle)

    async def _parse(self, raw: tuple[ConsumerRecord[Any, Any], ...]) -> KafkaMessage:
        """All records as they are; reading them is the inbox's work, one by one."""
        return KafkaAckableMessage(
            body=b"", raw_message=raw, headers={}, consumer=self._subscriber.consumer
        )

    async def _handle(self, message: KafkaMessage) -> None:
        records = list(message.raw_message)
        self._in_hand = {(r.topic, r.partition): r.offset for r in reversed(records)}
        try:
            await self._inbox.handle(records)
        except Exception as error:  # going on would commit past these records
            log.critical("the inbox broke: exit, to be restarted", exc_info=error)
            os._exit(EXIT_STUCK)
        self._in_hand = {}
        try:
            await message.ack()
        except KafkaError as error:
            log.warning("offsets were not committed, the batch comes again: %s", error)
        self._progress += 1

    async def run(self) -> None:
        """Connect, however long the broker is away, then watch until cancelled; connect anew
        when the password was changed."""
        while True:
            await self._connect()
            await self._watch()
            log.info("the broker's password was changed, connecting with the new one")
            await self._broker.stop()
            self._build()

    async def _connect(self) -> None:
        pause = 0.5
        while not self.started:
            try:
                await self._broker.start()
                self.started = True
            except (KafkaError, OSError, TimeoutError) as error:
                log.warning("the broker is away, connecting again: %s", error)
                await self._broker.stop()
                await asyncio.sleep(pause)
                pause = min(pause * 2, 5.0)
                if self._password_changed():
                    self._build()

    def _password_changed(self) -> bool:
        try:
            return self._security.password != self._password
        except (OSError, UnicodeDecodeError) as error:
            log.warning("the broker's password can't be read: %s", error)
            return False

    async def stop(self) -> None:
        """Finish the batch in hand and leave the group."""
        await self._broker.stop()

    async def lag(self) -> dict[str, int]:
        """Records not yet handled, by `topic[partition]`, for every partition assigned."""
        return {f"{topic}[{at}]": n for (topic, at), n in (await self.behind()).items()}

    async def behind(self) -> dict[tuple[str, int], int]:
        """The same by topic and partition."""
        consumer = self._subscriber.consumer
        found: dict[tuple[str, int], int] = {}
        if consumer is None:
            return found
        for at in sorted(consumer.assignment()):
            try:
                async with asyncio.timeout(1.0):  # wait_for may lose a cancel, and stop would hang
                    position = await consumer.position(at)
            except (KafkaError, TimeoutError):
                continue  # the broker is away, or the partition was just taken from us
            if at not in consumer.assignment():
                continue  # taken while we waited; aiokafka would not say so, but fail
            where = at.topic, at.partition
            handled = self._in_hand.get(where, position)
            found[where] = max(0, (consumer.highwater(at) or 0) - handled)
        return found

    async def uncommitted(self, timeout: float = 3.0) -> dict[str, int]:
        """Records that no instance has handled and committed, by `topic[partition]`, for every
        partition, whoever has it. Raises BrokerAway after `timeout` seconds."""
        consumer = self._subscriber.consumer
        if consumer is None:
            raise BrokerAway("the consumer is not connected yet")
        try:
            async with asyncio.timeout(timeout):
                all_ = [
                    TopicPartition(topic, number)
                    for topic in self.topics
                    for number in sorted(consumer.partitions_for_topic(topic) or ())
                ]
                ends = await consumer.end_offsets(all_)
                done = [await consumer.committed(at) or 0 for at in all_]
        except (KafkaError, TimeoutError) as error:
            raise BrokerAway(str(error) or "no answer") from error
        return {
            f"{at.topic}[{at.partition}]": max(0, ends[at] - read)
            for at, read in zip(all_, done, strict=True)
        }

    @property
    def waits_for(self) -> str:
        """What the consumer waits for outside itself: store or broker, or nothing ("")."""
        return self._inbox.waits_for

    async def _watch(self) -> None:
        """Return when the password was changed."""
        seen, since = -1, asyncio.get_running_loop().time()
        while not self._password_changed():
            await asyncio.sleep(min(1.0, self._stuck_after / 4))
            now = asyncio.get_running_loop().time()
            self._exit_if_ended()
            behind = sum((await self.lag()).values())
            if self._progress != seen or self.waits_for or not behind:
                seen, since = self._progress, now
            elif now - since > self._stuck_after:
                log.critical(
                    "no progress for %.0f s with %d records waiting: exit, to be restarted",
                    now - since,
                    behind,
                )
                os._exit(EXIT_STUCK)

    def _exit_if_ended(self) -> None:
        """The consuming task never ends by itself; if it did, a restart reads again from what was
        committed. Going on with the same consumer would pass over what it had drained."""
        for task in self._subscriber.tasks:
            if task.done() and not task.cancelled():
                log.critical("consuming ended: exit, to be restarted", exc_info=task.exception())
                os._exit(EXIT_STUCK)


async def _no_decoding(message: KafkaMessage) -> None:
    return None
