"""Kafka's jars, brought once and checked: by Maven where it is installed, else by PyPI's jgo.

`deploy/kafka/jars.lock` names each jar and its SHA-256, so both ways end with the same bytes;
jgo by itself only warns when a checksum differs. `python -m deploy.local.jars` writes the lock
again from what Maven resolves.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.local.processes import alone

VERSION = "4.1.1"
LOCK = Path(__file__).parent.parent / "kafka" / "jars.lock"
Progress = Callable[[str], None]

_ROOTS = (
    f"org.apache.kafka:kafka_2.13:{VERSION}",
    f"org.apache.kafka:kafka-tools:{VERSION}",
    "org.slf4j:slf4j-simple:1.7.36",
)
_COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"
_EVERY = 2.0  # seconds between two lines of progress


class JarsMissing(RuntimeError):
    """Kafka's jars could not be brought, or are not the ones the lock names."""


def kafka_jars(cache: Path, progress: Progress = lambda line: None) -> list[Path]:
    """Kafka's jars in `<cache>/kafka-4.1.1/`, downloaded when they are not there in full.

    54 MB, once. A marker is written when all are there and match the lock: a download that was
    interrupted has none, and is done again. Raises JarsMissing.
    """
    home = cache / f"kafka-{VERSION}"
    with alone(cache / f"kafka-{VERSION}.lock"):  # tests and a demo may start at once
        if not _complete(home):
            _bring(home, progress)
    return sorted((home / "jars").glob("*.jar"))


def _complete(home: Path) -> bool:
    marker = home / "complete"
    return marker.is_file() and marker.read_text() == _digest(LOCK)


def _bring(home: Path, progress: Progress) -> None:
    shutil.rmtree(home, ignore_errors=True)
    jars = home / "jars"
    jars.mkdir(parents=True)
    with _reported(jars, progress):
        (_by_maven if shutil.which("mvn") else _by_jgo)(home, jars)
    check(jars)
    (home / "complete").write_text(_digest(LOCK))
    progress(f"Kafka {VERSION}: {_amount(jars)}, checked")


def check(jars: Path) -> None:
    """Raises JarsMissing, naming the jar, unless all the lock names is there, byte for byte."""
    for wanted, coordinate in locked():
        jar = jars / _file_name(coordinate)
        if not jar.is_file():
            raise JarsMissing(f"{jar.name} was not downloaded to {jars}")
        if (found := _digest(jar)) != wanted:
            raise JarsMissing(f"{jar} has the SHA-256 {found}, and {LOCK} wants {wanted}")


def locked() -> Iterator[tuple[str, str]]:
    """SHA-256 and coordinate (group:artifact:version) of each jar in the lock."""
    for line in LOCK.read_text().splitlines():
        if line and not line.startswith("#"):
            digest, coordinate = line.split()
            yield digest, coordinate


def _by_maven(home: Path, jars: Path, *options: str) -> None:
    """The machine's Maven settings (mirrors, proxies) are in force, and its repository is used."""
    pom = home / "pom.xml"
    wanted = "".join(
        f"<dependency><groupId>{group}</groupId><artifactId>{artifact}</artifactId><version>{version}</version></dependency>"
        for group, artifact, version in (root.split(":") for root in _ROOTS)
    )
    pom.write_text(
        '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>'
        "<groupId>alliance</groupId><artifactId>kafka-jars</artifactId><version>1</version><packaging>pom</packaging>"
        f"<dependencies>{wanted}</dependencies></project>\n"
    )
    command = [
        "mvn",
        "-B",
        "-q",
        "-f",
        str(pom),
        _COPY,
        f"-DoutputDirectory={jars.resolve()}",
        "-DincludeScope=runtime",
        *options,
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
            f"Maven could not bring Kafka's jars (exit {done.returncode}):\n{done.stdout[-2000:]}"
        )


def _by_jgo(home: Path, jars: Path) -> None:
    """The lock is the resolution, so jgo fetches no POM; one jar after the other was fastest."""
    from jgo.maven import MavenContext

    # jgo writes straight to the final name and takes what is there, so half a jar would stay:
    # its repository is inside the directory that an unfinished download loses.
    context = MavenContext(repo_cache=home / "repository", timeout=60)
    try:
        for _, coordinate in locked():
            shutil.move(
                context.create_dependency(coordinate).artifact.resolve(),
                jars / _file_name(coordinate),
            )
    except (RuntimeError, OSError) as error:  # an error of requests is an OSError
        raise JarsMissing(f"jgo could not bring Kafka's jars: {error}") from error
    shutil.rmtree(home / "repository", ignore_errors=True)


@contextmanager
def _reported(jars: Path, progress: Progress) -> Iterator[None]:
    """Says every two seconds how many jars are there."""
    done = threading.Event()

    def report() -> None:
        start = time.monotonic()
        while not done.wait(_EVERY):
            progress(f"Kafka {VERSION}: {_amount(jars)} after {time.monotonic() - start:.0f} s")

    reporter = threading.Thread(target=report, daemon=True)
    progress(f"Kafka {VERSION}: bringing its jars, once")
    reporter.start()
    try:
        yield
    finally:
        done.set()
        reporter.join()


def _amount(jars: Path) -> str:
    sizes = [jar.stat().st_size for jar in jars.glob("*.jar")]
    return f"{len(sizes)} of {sum(1 for _ in locked())} jars, {sum(sizes) / 1e6:.0f} MB"


def _file_name(coordinate: str) -> str:
    _, artifact, version = coordinate.split(":")
    return f"{artifact}-{version}.jar"


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def main() -> None:
    """Write the lock again from what Maven resolves for Kafka now."""
    with tempfile.TemporaryDirectory() as work:
        home, jars = Path(work), Path(work) / "jars"
        jars.mkdir()
        _by_maven(home, jars, "-Dmdep.useRepositoryLayout=true")
        lines = sorted(
            f"{_coordinate(jar.relative_to(jars))} {_digest(jar)}" for jar in jars.rglob("*.jar")
        )
    head = [line for line in LOCK.read_text().splitlines() if line.startswith("#")]
    LOCK.write_text(
        "\n".join(head + [f"{line.split()[1]}  {line.split()[0]}" for line in lines]) + "\n"
    )


def _coordinate(jar: Path) -> str:
    *group, artifact, version, _name = jar.parts
    return f"{'.'.join(group)}:{artifact}:{version}"


if __name__ == "__main__":
    main()
