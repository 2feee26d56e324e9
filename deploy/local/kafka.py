"""Apache Kafka itself, as one process: a KRaft node that is broker and controller."""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import socket
import struct
import subprocess
import uuid
from pathlib import Path

from deploy.local.jars import VERSION, JarsMissing, Progress, kafka_jars
from deploy.local.java import Java, runtime
from deploy.local.processes import Process, alone

# A topic's own settings are in deploy/kafka/topics.toml; these are the broker's.
SETTINGS = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller_port}
listeners=CLIENT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners=CLIENT://{advertised}
listener.security.protocol.map=CLIENT:PLAINTEXT,CONTROLLER:PLAINTEXT
controller.listener.names=CONTROLLER
inter.broker.listener.name=CLIENT
log.dirs={data}
auto.create.topics.enable=false
log.retention.ms=-1
log.message.timestamp.type=LogAppendTime
# A consumer that was away for a year goes on where it was.
offsets.retention.minutes=5256000
# One node holds every replica; few partitions of the inner topics make the start short.
offsets.topic.num.partitions=5
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
# A broker that was killed comes back when its session has ended: 3 s instead of 9.
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
# A consumer gets its partitions at once; production waits 3 s for others to join.
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
"""

# Measured on 2 cores: an archive of parsed classes starts it in 1 s instead of 3; the quick
# compiler alone starts it as fast, takes 40 MB less and publishes as much or more.
_JVM = (
    "-Xmx384m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-Xshare:auto",
    "-XX:-UsePerfData",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSZ",
)


class Kafka:
    """One broker on 127.0.0.1, its data in `<root>/kafka`; started again there, it has all it had.

    `advertised` is the host:port that clients are told to use, where it is not `port` here.
    `process` is the running program, for tests that kill or pause it; `start` brings it back.
    """

    def __init__(
        self,
        root: Path,
        cache: Path,
        port: int,
        controller_port: int,
        advertised: str | None = None,
    ) -> None:
        self.home = root / "kafka"
        self.cache = cache
        self.port = port
        self.controller_port = controller_port
        self.bootstrap = advertised or f"127.0.0.1:{port}"
        self.process = Process("kafka", [], root=root / "run")
        self._archive_made = self.home / "classes.jsa"

    def start(self, progress: Progress = lambda line: None, timeout: float = 60.0) -> None:
        """Bring the jars if they are missing, start, and wait until the broker takes requests.

        `timeout` is in seconds and does not count the download. Raises NoJava, JarsMissing,
        ProcessFailed.
        """
        java = runtime()
        jars = kafka_jars(self.cache, progress)
        data = self._formatted(java, jars)
        settings = self.home / "server.properties"
        settings.write_text(
            SETTINGS.format(
                port=self.port,
                controller_port=self.controller_port,
                advertised=self.bootstrap,
                data=data.resolve(),
            )
        )
        archive = self._archive(java)
        self._keep_archive(archive)
        sharing = (
            f"-XX:SharedArchiveFile={archive}"
            if archive.exists()
            else f"-XX:ArchiveClassesAtExit={self._archive_made}"
        )
        self.process.command = [
            str(java.program),
            *_JVM,
            sharing,
            *_classpath(jars),
            "kafka.Kafka",
            str(settings),
        ]
        self.process.start()
        self.process.wait_ready(self.ready, timeout)
        progress(f"Kafka {VERSION} is ready on {self.bootstrap}")

    def stop(self, grace: float = 30.0) -> None:
        """Stop it in order, at most `grace` seconds; the first stop ever takes 2 s more."""
        self.process.stop(grace)
        if self._archive_made.exists():
            self._keep_archive(self._archive(runtime()))

    @property
    def starts_fast(self) -> bool:
        """Whether a stop has left in the cache what makes each further start faster."""
        return self._archive(runtime()).exists()

    def ready(self) -> bool:
        """Whether the broker is registered and answers; an open port alone can be too early."""
        with socket.create_connection(("127.0.0.1", self.port), 1.0) as connection:
            connection.settimeout(5.0)
            # Metadata, version 1, correlation 1, no client id, no topics.
            connection.sendall(struct.pack(">ihhihi", 14, 3, 1, 1, -1, 0))
            with connection.makefile("rb") as reply:
                _length, _correlation, brokers = struct.unpack(">iii", reply.read(12))
        return bool(brokers >= 1)

    def _formatted(self, java: Java, jars: list[Path]) -> Path:
        """The data directory, given its cluster id and features when it is new.

        Kafka's own tool takes 2 s and its result differs in two ids only, so it runs once a cache.
        """
        data = self.home / "data"
        if (data / "meta.properties").exists():
            return data
        shutil.rmtree(data, ignore_errors=True)
        data.mkdir(parents=True)
        model = self.cache / f"kafka-{VERSION}" / "formatted"
        with alone(self.cache / f"kafka-{VERSION}.lock"):
            if not (model / "meta.properties").exists():
                _format(java, jars, model)
        shutil.copy(model / "bootstrap.checkpoint", data)
        new = data / "meta.properties.new"
        new.write_text(
            f"version=1\nnode.id=1\ncluster.id={_random_id()}\ndirectory.id={_random_id()}\n"
        )
        new.replace(data / "meta.properties")  # last: its presence says that the rest is there
        return data

    def _archive(self, java: Java) -> Path:
        """Where parsed classes are kept for the next start; each build of Java has its own."""
        build = hashlib.sha256(f"{java.program.resolve()} {java.build}".encode()).hexdigest()[:12]
        return (self.cache / f"kafka-{VERSION}" / f"classes-{build}.jsa").resolve()

    def _keep_archive(self, archive: Path) -> None:
        """Java writes it as it ends; it gets to the cache after that, in one step."""
        if self._archive_made.exists() and not archive.exists():
            shutil.copy(self._archive_made, archive.with_suffix(f".{os.getpid()}"))
            archive.with_suffix(f".{os.getpid()}").replace(archive)
        self._archive_made.unlink(missing_ok=True)


def _format(java: Java, jars: list[Path], model: Path) -> None:
    work = model.with_name(f"formatting-{os.getpid()}")
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    settings = work / "server.properties"
    data = work / "data"
    settings.write_text(
        SETTINGS.format(
            port=9092,
            controller_port=9093,
            advertised="127.0.0.1:9092",
            data=data.resolve(),
        )
    )
    tool = [
        "kafka.tools.StorageTool",
        "format",
        "-t",
        _random_id(),
        "-c",
        str(settings),
    ]
    command = [
        str(java.program),
        *_JVM,
        "-XX:TieredStopAtLevel=1",
        *_classpath(jars),
        *tool,
    ]
    done = subprocess.run(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise JarsMissing(
            f"Kafka could not format a directory (exit {done.returncode}):\n{done.stdout[-2000:]}"
        )
    shutil.rmtree(model, ignore_errors=True)
    data.replace(model)
    shutil.rmtree(work)


def _classpath(jars: list[Path]) -> tuple[str, str]:
    return "-cp", os.pathsep.join(str(jar.resolve()) for jar in jars)


def _random_id() -> str:
    """Kafka's form of a UUID, 22 characters of base64; with '-' first it reads as an option."""
    while (text := base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")).startswith(
        "-"
    ):
        pass
    return text
