"""`make bench-spine`: our spine beside bare Motor and aiokafka, on the same broker and store.

Four measurements, each printed with what limits it:

1. commands and events end to end: `floor.py` (bare libraries) and our unit of work, relay and
   inbox, in turn, several times; the ratios are of the medians;
2. the relay's own cost: store and broker that answer at once;
3. the relay from a filled log, on the real ones, beside raw pipelined aiokafka;
4. resident memory of each idle service.

A faster server than SecantusDB's Python one is used where ALLIANCE_STORE_SERVER names it.
"""

import argparse
import asyncio
import logging
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from deploy.local.stack import Stack
from deploy.local.system import System
from shared.actor import Actor, Cause
from shared.consume import Consumer
from shared.dead_letters import DeadLetters
from shared.events.ids import MemberId, NeedId
from shared.inbox import Inbox
from shared.kafka import Producer
from shared.log import LOG
from shared.mongo import Session, Store
from shared.relay import Relay
from shared.uow import UnitOfWork
from tests.bench.fakes import InstantProducer, InstantStore
from tests.bench.thing import ON, PAD, READER, WRITER, ThingHappened, log_documents, things

FLOOR = Path(__file__).with_name("floor.py")
FLOOR_LINE = re.compile(
    r"commands (\d+)/s +relayed (\d+)/s +end-to-end (\d+)/s +latency p50 (\d+) ms p99 (\d+) ms"
)

Figures = tuple[float, float, float, float, float]
"""commands/s, relayed/s, end-to-end/s, p50 ms, p99 ms."""


NAMED = (
    "import runpy, sys, types, uuid\n"
    "name = sys.argv.pop(1)\n"
    "real = uuid.uuid4\n"
    "def first():\n"
    "    uuid.uuid4 = real\n"
    "    return types.SimpleNamespace(hex=name)\n"
    "uuid.uuid4 = first\n"
    "runpy.run_path(sys.argv.pop(1), run_name='__main__')\n"
)
"""Runs the floor, with the name of its topic given: the broker makes none by itself."""


def floor(stack: Stack, commands: int, concurrency: int) -> Figures:
    """One run of the bare libraries, on a topic with as many partitions as ours."""
    name = f"{time.time_ns() % 16**6:06x}"
    asyncio.run(_create(stack.addresses.kafka, f"floor-{name}"))
    uri, kafka = stack.addresses.mongodb, stack.addresses.kafka
    program = [sys.executable, "-c", NAMED, name, str(FLOOR)]
    command = [*program, uri, kafka, str(commands), str(concurrency)]
    out = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    found = FLOOR_LINE.search(out.stdout)
    if not found:
        raise SystemExit(f"the floor failed:\n{out.stdout}\n{out.stderr[-2000:]}")
    a, b, c, d, e = map(float, found.groups())
    return a, b, c, d, e


async def _create(bootstrap: str, topic: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(topic, num_partitions=3, replication_factor=1)])
    await admin.close()


async def ours(stack: Stack, commands: int, concurrency: int) -> Figures:
    """One run of our unit of work, relay and inbox, in one process as the floor's loops are."""
    at = stack.addresses
    store = Store(at.mongodb, "bench_writer", patience=30)
    other = Store(at.mongodb, "bench_reader", patience=30)
    await store.drop()
    await other.drop()
    await store.ensure(WRITER.indexes())
    await other.ensure(READER.indexes())
    producer = Producer(at.kafka, client_id="bench")
    relay = Relay(store, "projects", producer)
    group = f"bench-{time.time_ns()}"
    born: dict[str, float] = {}
    done: dict[str, float] = {}
    finished = asyncio.Event()

    letters = DeadLetters("matching", other, producer)
    inbox = Inbox("matching", other, READER, ON, letters)
    handle = inbox.handle

    async def timed(batch: object) -> None:
        await handle(batch)  # type: ignore[arg-type]
        now = time.perf_counter()
        for record in batch:  # type: ignore[attr-defined]
            key = record.key.decode()
            if key in born and key not in done:
                done[key] = now - born[key]
        if len(done) == commands:
            finished.set()

    inbox.handle = timed  # type: ignore[method-assign]
    consumer = Consumer(group, inbox, ["projects.events"], at.kafka)
    relaying = asyncio.create_task(relay.worker.run())
    consuming = asyncio.create_task(consumer.run())
    while not consumer.started:
        await asyncio.sleep(0.05)
    await asyncio.sleep(1.0)
    numbers = iter(range(commands))

    async def client() -> None:
        for _ in numbers:
            need_id = NeedId.new()
            born[need_id] = time.perf_counter()

            async def work(session: Session, need_id: NeedId = need_id) -> None:
                uow = UnitOfWork(
                    store,
                    session,
                    WRITER,
                    actor=Actor("member:bench"),
                    cause=Cause(str(MemberId.new())),
                    now=datetime.now(UTC),
                )
                await uow.record(things, ThingHappened(need_id=need_id, pad=PAD))
                await uow.flush()

            await store.transaction(work)
            relay.worker.wake()

    started = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(concurrency)))
    commanded = time.perf_counter() - started
    while await relay.backlog():
        await asyncio.sleep(0.005)
    relayed = time.perf_counter() - started
    await asyncio.wait_for(finished.wait(), 300)
    ended = time.perf_counter() - started
    for task in (relaying, consuming):
        task.cancel()
    await asyncio.gather(relaying, consuming, return_exceptions=True)
    await consumer.stop()
    await producer.discard()
    store.close()
    other.close()
    latencies = sorted(done.values())
    return (
        commands / commanded,
        commands / relayed,
        commands / ended,
        latencies[commands // 2] * 1e3,
        latencies[int(commands * 0.99)] * 1e3,
    )


async def relay_alone(events: int) -> float:
    """Events/s of the relay's own code: store and broker answer at once."""
    store = InstantStore(log_documents(events))
    relay = Relay(store, "projects", InstantProducer())  # type: ignore[arg-type]
    lease = relay.worker._lease
    await lease.take()
    started = time.perf_counter()
    while await relay.step(lease):
        pass
    return events / (time.perf_counter() - started)


async def relay_from_full_log(stack: Stack, events: int) -> tuple[float, float]:
    """(the relay's events/s from a filled log, raw pipelined aiokafka's with the same records)."""
    at = stack.addresses
    store = Store(at.mongodb, "bench_full", patience=30)
    await store.drop()
    await store.ensure(WRITER.indexes())
    documents = log_documents(events)
    for i in range(0, events, 1000):
        await store[LOG].insert_many(documents[i : i + 1000])
    producer = Producer(at.kafka, client_id="bench-full")
    relay = Relay(store, "projects", producer)
    lease = relay.worker._lease
    assert await lease.take()
    await producer.partitions("projects.events", 10)
    started = time.perf_counter()
    while await relay.step(lease):
        pass
    rate = events / (time.perf_counter() - started)
    await producer.discard()
    records = _records(documents)
    raw = AIOKafkaProducer(bootstrap_servers=at.kafka, enable_idempotence=True, acks="all")
    await raw.start()
    started = time.perf_counter()
    futures = [
        await raw.send("projects.events", value, key=key, headers=headers)
        for key, value, headers in records
    ]
    await raw.flush()
    await asyncio.gather(*futures)
    raw_rate = events / (time.perf_counter() - started)
    await raw.stop()
    await store.drop()
    store.close()
    return rate, raw_rate


def _records(
    documents: list[dict[str, object]],
) -> list[tuple[bytes, bytes, list[tuple[str, bytes]]]]:
    from shared.log import envelope

    found = []
    for position, document in enumerate(documents):
        event = envelope("projects", document | {"position": position})
        found.append((event.key(), event.value(), event.headers()))
    return found


def idle_memory() -> dict[str, int]:
    """Resident bytes of each service, 5 s after it was ready."""
    with tempfile.TemporaryDirectory(prefix="alliance-bench-") as root:
        system = System(Path(root))
        try:
            system.start()
            time.sleep(5)
            return {name: system.process(name).memory() for name in system.services}
        finally:
            system.stop()


def main() -> None:
    logging.getLogger("alliance.faststream").setLevel(logging.WARNING)
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--commands", type=int, default=3000)
    parser.add_argument("--concurrency", type=int, default=32)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", choices=("end-to-end", "relay", "full-log", "memory"))
    options = parser.parse_args()
    wanted = [options.only] if options.only else ["end-to-end", "relay", "full-log", "memory"]
    if "relay" in wanted:
        rates = [asyncio.run(relay_alone(50_000)) for _ in range(3)]
        print(
            f"relay, store and broker answering at once: {statistics.median(rates):,.0f} events/s"
        )
    if {"end-to-end", "full-log"} & set(wanted):
        with tempfile.TemporaryDirectory(prefix="alliance-bench-") as root:
            stack = Stack(Path(root))
            stack.start()
            print(f"store: {os.environ.get('ALLIANCE_STORE_SERVER', 'the default')}")
            try:
                if "end-to-end" in wanted:
                    _end_to_end(stack, options.commands, options.concurrency, options.runs)
                if "full-log" in wanted:
                    rate, raw = asyncio.run(relay_from_full_log(stack, 20_000))
                    print(
                        f"relay from a filled log: {rate:,.0f} events/s; "
                        f"raw pipelined aiokafka: {raw:,.0f} records/s; ratio {rate / raw:.2f}"
                    )
            finally:
                stack.stop()
    if "memory" in wanted:
        for name, used in idle_memory().items():
            print(f"idle {name}: {used / 2**20:.0f} MiB resident")


def _end_to_end(stack: Stack, commands: int, concurrency: int, runs: int) -> None:
    floors, spines = [], []
    for run in range(runs):
        floors.append(floor(stack, commands, concurrency))
        print(f"  run {run + 1} floor: {_words(floors[-1])}")
        spines.append(asyncio.run(ours(stack, commands, concurrency)))
        print(f"  run {run + 1} ours:  {_words(spines[-1])}")
    bare = [statistics.median(column) for column in zip(*floors, strict=True)]
    own = [statistics.median(column) for column in zip(*spines, strict=True)]
    names = ("commands/s", "relayed/s", "end-to-end/s", "p50", "p99")
    told = ", ".join(f"{n} {o / b:.2f}" for n, o, b in zip(names, own, bare, strict=True))
    print(f"ours / floor: {told}")
    print(f"  (medians of {runs} runs of {commands} commands, {concurrency} at a time)")


def _words(figures: Figures) -> str:
    commands, relayed, end, p50, p99 = figures
    return (
        f"{commands:,.0f} commands/s, {relayed:,.0f} relayed/s, {end:,.0f} end-to-end/s, "
        f"p50 {p50:.0f} ms, p99 {p99:.0f} ms"
    )


if __name__ == "__main__":
    main()
