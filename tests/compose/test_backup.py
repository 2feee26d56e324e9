"""A backup that is taken while everybody works, the loss of all volumes, and the way back.

The commands are those of docs/runbook.md#backup-and-restore.
"""

import os
import re
import subprocess
import time
from pathlib import Path

import pytest

from deploy.local.system import SERVICES
from tests.compose.acting import Inbox, Tokens
from tests.compose.deployment import Deployment
from tests.compose.story import Played, logs
from tests.compose.work import Work

pytestmark = pytest.mark.timeout(1200)


def test_everything_comes_back_from_a_backup(
    deployment: Deployment, played: Played, tokens: Tokens
) -> None:
    """Taken under load; a changed byte is refused before anything is touched; restored on empty
    volumes every log and state is the backup's, no mail is sent again, and work goes on."""
    earlier_mails = {mail["Message-ID"] for mail in Inbox(deployment.mail_url).unread()}
    public = backup(deployment, "key", "--out", "/backups/backup.key").stdout.strip()
    work = Work(deployment, tokens, played.members)
    work.start()
    work.goes_on()
    began = time.monotonic()
    made = backup(deployment, "create", "--out", "/backups/all.age", "--recipient", public)
    print(f"\nbackup: {time.monotonic() - began:.1f} s; {made.stderr.strip()}")
    work.goes_on()
    work.stop()
    cut = {owner: int(n) for owner, n in re.findall(r"\b([a-z]+) (\d+)(?=,|$)", cut_line(made))}
    assert cut.keys() == set(SERVICES)

    checked("verify", deployment, "all.age", "is whole")
    spoil(deployment.root / "backups" / "all.age", deployment.root / "backups" / "spoilt.age")
    refused("verify", deployment, "spoilt.age", "damaged")
    refused("restore", deployment, "spoilt.age", "damaged")
    refused("restore", deployment, "all.age", "nothing was touched")
    before = logs(deployment)
    assert work.lost(before) == []
    assert all(len(before[owner]) > cut[owner] for owner in SERVICES), "nothing came after it"

    deployment.compose("--profile", "*", "down", "-v")
    began = time.monotonic()
    deployment.compose("up", "-d", "kafka", *(f"{service}-db" for service in SERVICES))
    for job in ("kafka-setup", *(f"{service}-db-setup" for service in SERVICES)):
        deployment.compose("run", "--rm", "-T", job)
    refused("restore", deployment, "spoilt.age", "damaged")
    restored = checked("restore", deployment, "all.age", "states and logs are equal")
    assert restored.count("  equal  ") > 2 * len(SERVICES)
    assert logs(deployment) == {owner: before[owner][: cut[owner]] for owner in SERVICES}
    deployment.up()
    print(f"restored and up after {time.monotonic() - began:.1f} s, from events {cut}")

    in_it = next(c for c in work.commands if c.service == "projects")
    assert work.again(in_it) == in_it.subject, "its answer was not in the backup"
    further = Work(deployment, tokens, played.members)
    further.start()
    further.goes_on()
    further.stop()
    after = logs(deployment)
    assert {o: log[: cut[o]] for o, log in after.items()} == {
        o: log[: cut[o]] for o, log in before.items()
    }
    assert further.lost(after) == []
    assert further.faults() == []
    again = {mail["Message-ID"] for mail in Inbox(deployment.mail_url).unread()} & earlier_mails
    assert again == set()
    found = deployment.alliance("rebuild", "all", check=False)
    assert found.returncode == 0, found.stdout + found.stderr
    assert "DIFFERENT" not in found.stdout


def backup(
    deployment: Deployment, *arguments: str, check: bool = True
) -> "subprocess.CompletedProcess[str]":
    """`alliance backup …` in `ops`, as whom the files in backups/ belong to."""
    whose = ("run", "--rm", "-T", "--no-deps", "--user", str(os.getuid()))
    return deployment.compose(*whose, "ops", "alliance", "backup", *arguments, check=check)


def checked(command: str, deployment: Deployment, file: str, says: str) -> str:
    """What `verify` or `restore` prints, which ends well."""
    done = backup(deployment, command, f"/backups/{file}", "--identity", "/backups/backup.key")
    assert says in done.stdout
    return done.stdout + done.stderr


def refused(command: str, deployment: Deployment, file: str, says: str) -> None:
    """`verify` or `restore` ends with status 2 and says why."""
    file, key = f"/backups/{file}", "/backups/backup.key"
    done = backup(deployment, command, file, "--identity", key, check=False)
    assert done.returncode == 2, done.stdout + done.stderr
    assert says in done.stderr


def cut_line(made: "subprocess.CompletedProcess[str]") -> str:
    """Where `create` says how long each log was."""
    found = next(line for line in made.stderr.splitlines() if line.startswith("the cut is at"))
    return found.partition(": ")[2]


def spoil(file: Path, copy: Path) -> None:
    """A copy in which one bit in the middle is another."""
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    copy.write_bytes(data)
