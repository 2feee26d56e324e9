"""Whether the broker keeps a service's log for ever: a log that loses its beginning is none.

Everything else that would be unsafe can't be set: producers are idempotent and wait for all
replicas, a consumer's first read is from the beginning, writes are majority and journalled
(shared/kafka.py, consume.py, mongo.py; a connection string that says less is refused).
"""

import asyncio
import logging

from aiokafka.admin import AIOKafkaAdminClient  # type: ignore[import-untyped,unused-ignore]
from aiokafka.admin.config_resource import (  # type: ignore[import-untyped,unused-ignore]
    ConfigResource,
    ConfigResourceType,
)
from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    KafkaError,
    TopicAuthorizationFailedError,
    for_code,
)

from shared.kafka import Security

log = logging.getLogger("alliance.retention")

FOR_EVER = {"retention.ms": "-1", "retention.bytes": "-1", "cleanup.policy": "delete"}
EXIT_UNSAFE = 78
"""Exit status of a process whose topic would lose events (EX_CONFIG)."""


async def finite(topic: str, bootstrap: str, security: Security) -> dict[str, str]:
    """The settings by which a topic would lose events, asked for until the broker answers.

    None are found where the broker does not let us look: it is as whoever set it up left it.
    """
    pause = 0.5
    while True:
        try:
            found = await _settings(topic, bootstrap, security)
            return {n: found[n] for n, v in FOR_EVER.items() if found.get(n, v) != v}
        except (ClusterAuthorizationFailedError, TopicAuthorizationFailedError):
            log.info("we may not see how long %s is kept; deploy/kafka/setup.py checks it", topic)
            return {}
        except (KafkaError, OSError, TimeoutError) as error:
            log.debug("not known yet how long %s is kept: %s", topic, error)
        await asyncio.sleep(pause)
        pause = min(pause * 2, 10.0)


async def _settings(topic: str, bootstrap: str, security: Security) -> dict[str, str]:
    admin = AIOKafkaAdminClient(
        bootstrap_servers=bootstrap, request_timeout_ms=10_000, **security.options()
    )
    try:
        await admin.start()
        wanted = ConfigResource(ConfigResourceType.TOPIC, topic)
        (answer,) = await admin.describe_configs([wanted])
        ((code, reason, _type, _name, entries),) = answer.resources
        if code:
            raise for_code(code)(reason)
        return {entry[0]: entry[1] for entry in entries}
    finally:
        await admin.close()
