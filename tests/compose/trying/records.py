"""Writing, reading and being in a group, one request each, as the protocol has them.

Nothing of it changes anything, whether it is allowed or not: a record that no log takes, a member
that the group does not know.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

from aiokafka.protocol.admin import DeleteRecordsRequest, DescribeAclsRequest
from aiokafka.protocol.commit import OffsetCommitRequest
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.protocol.group import HeartbeatRequest, JoinGroupRequest
from aiokafka.protocol.offset import OffsetRequest
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.protocol.transaction import InitProducerIdRequest
from aiokafka.record.default_records import DefaultRecordBatchBuilder

from tests.compose.trying.answers import NOT_YET, outcome

_TAKEN = -1
"""No log may take what is written here."""

Ask = Callable[[Any, str], Awaitable[int]]


async def _write(connection: Any, topic: str) -> int:
    asked = ProduceRequest(None, -1, 5000, [(topic, [(0, _damaged())])])
    code: int = (await connection.send(asked)).topics[0][1][0][1]
    return code or _TAKEN


def _damaged() -> bytes:
    """One record whose checksum is wrong."""
    builder = DefaultRecordBatchBuilder(2, 0, 0, -1, -1, 0, 2**16)
    builder.append(0, timestamp=1, key=None, value=b"tried", headers=[])
    batch = bytearray(builder.build())
    batch[17] ^= 0xFF
    return bytes(batch)


async def _read(connection: Any, topic: str) -> int:
    asked = FetchRequest(0, 0, 1024, 0, [(topic, [(0, 0, 1024)])])
    code: int = (await connection.send(asked)).topics[0][1][0][1]
    return code


async def _describe(connection: Any, topic: str) -> int:
    asked = OffsetRequest(-1, 0, [(topic, [(0, -1)])])
    code: int = (await connection.send(asked)).topics[0][1][0][1]
    return code


async def _delete_records(connection: Any, topic: str) -> int:
    asked = DeleteRecordsRequest([(topic, [(0, 0)])], 5000)
    code: int = (await connection.send(asked)).topics[0][1][0][2]
    return code


async def _join(connection: Any, group: str) -> int:
    shortest, instance = 1, None
    asked = JoinGroupRequest(group, shortest, 1, "", instance, "consumer", [("range", b"")])
    code: int = (await connection.send(asked)).error_code
    return code


async def _stay(connection: Any, group: str) -> int:
    code: int = (await connection.send(HeartbeatRequest(group, 7, "nobody"))).error_code
    return code


async def _commit(connection: Any, group: str) -> int:
    asked = OffsetCommitRequest(group, 7, "nobody", -1, [("members.events", [(0, 0, "")])])
    code: int = (await connection.send(asked)).topics[0][1][0][1]
    return code


async def _idempotence(connection: Any, name: str) -> int:
    code: int = (await connection.send(InitProducerIdRequest(None, 1000))).error_code
    return code


async def _transactions(connection: Any, name: str) -> int:
    code: int = (await connection.send(InitProducerIdRequest(name, 1000))).error_code
    return code


async def _see_rights(connection: Any, name: str) -> int:
    anything: Any = None
    asked = DescribeAclsRequest(1, anything, 1, anything, anything, 1, 1)
    code: int = (await connection.send(asked)).error_code
    return code


OF_TOPICS: dict[str, Ask] = {
    "write": _write,
    "read": _read,
    "describe": _describe,
    "delete records": _delete_records,
}
OF_GROUPS: dict[str, Ask] = {"join": _join, "stay": _stay, "commit": _commit}
OF_CLUSTER: dict[str, Ask] = {"idempotence": _idempotence, "see rights": _see_rights}
OF_TRANSACTIONS: dict[str, Ask] = {"transactions": _transactions}


async def tries(
    connection: Any, topics: Sequence[str], groups: Sequence[str], transactions: Sequence[str]
) -> AsyncIterator[tuple[str, str, str]]:
    """Operation, name and outcome of each."""
    asked = [(word, name, ask) for word, ask in OF_TOPICS.items() for name in topics]
    asked += [(word, name, ask) for word, ask in OF_GROUPS.items() for name in groups]
    asked += [(word, name, ask) for word, ask in OF_TRANSACTIONS.items() for name in transactions]
    asked += [(word, "", ask) for word, ask in OF_CLUSTER.items()]
    for word, name, ask in asked:
        for _ in range(60):
            if (code := await ask(connection, name)) not in NOT_YET:
                break
            await asyncio.sleep(0.5)
        yield word, name, outcome(code)
