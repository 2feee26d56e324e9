"""The events of a deployment, read inside of it: its bus is reached from nowhere else."""

import asyncio
import base64
import json
from contextlib import suppress
from uuid import uuid4

from cli.timeline import Timeline
from shared.events import read_record
from tests.compose.deployment import CommandFailed, Deployment, docker, environment

READER = """
import asyncio, base64, json, os
from pathlib import Path
from aiokafka import AIOKafkaConsumer
from aiokafka.helpers import create_ssl_context

def text(given):
    return None if given is None else base64.b64encode(given).decode()

async def main():
    consumer = AIOKafkaConsumer(
        *(f"{owner}.events" for owner in ("members", "projects", "matching", "notify")),
        bootstrap_servers=os.environ["ALLIANCE_KAFKA"],
        auto_offset_reset="earliest", enable_auto_commit=False,
        security_protocol="SASL_SSL", sasl_mechanism="SCRAM-SHA-512", sasl_plain_username="auditor",
        sasl_plain_password=Path("/run/secrets/kafka-auditor.password").read_text().strip(),
        ssl_context=create_ssl_context(cafile="/run/secrets/ca.pem"))
    await consumer.start()
    async for record in consumer:
        headers = [[name, text(value)] for name, value in record.headers]
        print(json.dumps([headers, text(record.value)]), flush=True)

asyncio.run(main())
"""
"""As the auditor, whom the table of rights lets read every log and nothing else."""


class Followed(Timeline):
    """All logs from their beginning, as a container on the bus reads them."""

    def __init__(self, deployment: Deployment) -> None:
        super().__init__("", lambda entry: None)
        self._deployment = deployment
        self._last = 0.0

    async def follow(self) -> None:
        """Read until cancelled."""
        loop = asyncio.get_running_loop()
        name = f"{self._deployment.project}-reader-{uuid4().hex[:8]}"
        run = ("run", "--rm", "-T", "--no-deps", "--name", name, "ops", "python", "-c", READER)
        reading = await asyncio.create_subprocess_exec(
            *("docker", "compose", *run),
            cwd=self._deployment.root,
            env=environment(),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=2**24,
        )
        assert reading.stdout is not None
        assert reading.stderr is not None
        try:
            while True:
                try:
                    async with asyncio.timeout(0.1):
                        line = await reading.stdout.readline()
                except TimeoutError:
                    self._advance(loop.time())
                    continue
                if not line:
                    said = (await reading.stderr.read()).decode()[-2000:]
                    raise RuntimeError(f"the auditor's reader ended: {said}")
                headers, value = json.loads(line)
                found = [(name, _bytes(text)) for name, text in headers]
                self._last = loop.time()
                self._take(read_record(found, _bytes(value)), self._last)
                self._advance(self._last)
        finally:
            with suppress(CommandFailed):  # it ended by itself
                await asyncio.to_thread(docker, "rm", "-f", name)
            await reading.wait()

    async def quiet(self, seconds: float, timeout: float) -> None:
        """Return when nothing was published for so long. Raises TimeoutError."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(timeout):
            while loop.time() - self._last < seconds:
                await asyncio.sleep(0.1)


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else base64.b64decode(text)
