"""The file of a backup: whole under its name or not there, and no change to it goes unseen."""

import asyncio
import os
import stat
import subprocess
import tarfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pyrage
import pytest
from typer.testing import CliRunner

from cli.backup import commands
from cli.backup.archive import BackupRefused, Writing, identities, read, recipients
from cli.backup.manifest import FORMAT
from cli.backup.restore import restore
from cli.backup.verify import verify
from cli.places import Places
from tests.cli.backup.made import KEY, OTHER_KEY, parts

FULL = Path("/dev/full")
"""A disk that is always full."""


@pytest.fixture(scope="module")
def backup(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole one."""
    return parts().write(tmp_path_factory.mktemp("backup") / "alliance.age")


def changed(backup: Path, out: Path, change: Callable[[bytearray], Any]) -> Path:
    """The file with something done to its bytes."""
    data = bytearray(backup.read_bytes())
    change(data)
    out.write_bytes(data)
    return out


def test_whole_backup_is_verified_and_its_states_are_what_its_logs_give(backup: Path) -> None:
    """Each folded collection is told of with its hash."""
    said: list[str] = []
    manifest = verify(backup, [KEY], said.append)
    hashes = [c.state for s in manifest.services.values() for c in s.collections.values()]
    assert [s for s in said if "folded again, equal" in s]
    assert all(any(h in line for line in said) for h in hashes if h)


def test_one_flipped_bit_anywhere_is_refused(backup: Path, tmp_path: Path) -> None:
    """In age's header, in any of the payload and in its last byte."""
    size = backup.stat().st_size
    for at in sorted({*range(0, 240, 7), *range(240, size, 331), size - 1}):

        def flip(data: bytearray, at: int = at) -> None:
            data[at] ^= 1

        spoilt = changed(backup, tmp_path / "spoilt.age", flip)
        with pytest.raises(BackupRefused, match="damaged"):
            verify(spoilt, [KEY])


def test_file_that_was_cut_short_or_grew_is_refused(backup: Path, tmp_path: Path) -> None:
    """Wherever it ends."""
    whole = backup.read_bytes()
    short = tmp_path / "short.age"
    for length in (0, 1, 100, 200, 300, len(whole) // 2, len(whole) - 17, len(whole) - 1):
        short.write_bytes(whole[:length])
        with pytest.raises(BackupRefused, match="damaged"):
            verify(short, [KEY])
    with pytest.raises(BackupRefused, match="damaged"):
        verify(changed(backup, tmp_path / "long.age", lambda d: d.extend(b"more")), [KEY])


def test_backup_for_another_key_is_refused(backup: Path) -> None:
    """Whose key is needed is not in the file, so the message can't say it."""
    with pytest.raises(BackupRefused, match="was not encrypted for this key"):
        verify(backup, [OTHER_KEY])


def test_what_age_can_read_and_is_no_backup_is_refused(tmp_path: Path) -> None:
    """Another file, a tar of something else, and one that is not there."""
    text = tmp_path / "text.age"
    text.write_bytes(pyrage.encrypt(b"a letter to my sister", [KEY.to_public()]))
    with pytest.raises(BackupRefused, match="is no backup"):
        verify(text, [KEY])
    with Writing(tmp_path / "other.age", [KEY.to_public()]) as writing:
        writing.add("photo.jpg", b"...")
        writing.finish()
    with pytest.raises(BackupRefused, match=r"begins with photo\.jpg"):
        verify(tmp_path / "other.age", [KEY])
    with pytest.raises(BackupRefused, match="can't be read"):
        verify(tmp_path / "none.age", [KEY])


def test_newer_format_is_refused_by_its_number(tmp_path: Path) -> None:
    """Before anything else of it is read, as its contents may mean something else."""
    newer = parts()
    newer.format = FORMAT + 1
    with pytest.raises(
        BackupRefused, match=f"has format {FORMAT + 1}, this alliance reads {FORMAT}"
    ):
        verify(newer.write(tmp_path / "newer.age"), [KEY])


def test_damaged_backup_touches_nothing(backup: Path, tmp_path: Path) -> None:
    """A restore of one does not even ask where the stores are."""

    class Untouched(Places):
        def store(self, service: str, database: str = "") -> Any:
            raise AssertionError(f"the store of {service} was opened")

    spoilt = changed(backup, tmp_path / "spoilt.age", lambda d: d.__setitem__(-1, d[-1] ^ 1))
    with pytest.raises(BackupRefused, match="damaged"):
        asyncio.run(restore(Untouched("nowhere", "nowhere"), spoilt, [KEY], lambda line: None))


def written(
    out: Path, blocks: int, then: Exception | None = None, disk: Path | None = None
) -> None:
    """Write so many MiB that do not compress, to another file where one is given."""
    with Writing(out, [KEY.to_public()]) as writing:
        if disk:
            writing._file.inner = disk.open("wb", buffering=0)
        for number in range(blocks):
            writing.add(str(number), os.urandom(2**20))
        assert not out.exists()
        if then:
            raise then
        writing.finish()


def test_nothing_is_left_where_writing_fails(tmp_path: Path) -> None:
    """Neither the file nor a part of it; and the error is that of whoever wrote."""
    with pytest.raises(RuntimeError, match="the store is away"):
        written(tmp_path / "a.age", 1, RuntimeError("the store is away"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not FULL.exists(), reason="there is no /dev/full here")
def test_full_disk_is_said_and_leaves_nothing(tmp_path: Path) -> None:
    """Whether it is met while there is more to write, or at the end."""
    for blocks in (1, 40):
        with pytest.raises(BackupRefused, match="No space left"):
            written(tmp_path / "a.age", blocks, disk=FULL)
        assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_there_is_never_overwritten(tmp_path: Path) -> None:
    """Also when it appears while the backup is written."""
    out = tmp_path / "a.age"
    with Writing(out, [KEY.to_public()]) as writing:
        out.write_text("somebody's")
        with pytest.raises(BackupRefused, match="never overwritten"):
            writing.finish()
    assert out.read_text() == "somebody's"
    with pytest.raises(BackupRefused, match="never overwritten"):
        Writing(out, [KEY.to_public()])


def test_standard_tools_unpack_it(backup: Path) -> None:
    """age, gzip and tar as any machine has them; nobody but the owner may read the file."""
    plain = pyrage.decrypt(backup.read_bytes(), [KEY])
    names = subprocess.run(
        ["tar", "-tz"], input=plain, capture_output=True, check=True, timeout=20
    ).stdout.decode()
    assert names.splitlines()[0] == "format.json"
    assert "matching/log/000000.bson" in names
    with tarfile.open(fileobj=BytesIO(plain), mode="r:gz") as tar:
        assert {m.mode for m in tar} == {0o600}
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600


def test_several_recipients_can_each_read_it(tmp_path: Path) -> None:
    """Two operators, each with a key of their own."""
    keys = tmp_path / "recipients"
    keys.write_text(f"# the second operator\n{OTHER_KEY.to_public()}\n\n")
    with Writing(tmp_path / "a.age", recipients([str(KEY.to_public())], keys)) as writing:
        writing.add("one", b"1")
        writing.finish()
    for key in (KEY, OTHER_KEY):
        assert list(read(tmp_path / "a.age", [key])) == [("one", b"1")]


@pytest.mark.parametrize(
    "key", ["age1nope", "ssh-ed25519 AAAA", str(KEY)], ids=["age", "ssh", "private"]
)
def test_what_is_no_public_key_is_refused(key: str) -> None:
    """A private key by mistake, too; it is not repeated whole."""
    with pytest.raises(BackupRefused, match="no public key of age") as refused:
        recipients([key])
    assert key[20:] not in str(refused.value) or len(key) < 20
    with pytest.raises(BackupRefused, match="at least one recipient"):
        recipients([])


def test_made_key_reads_what_was_written_for_it(tmp_path: Path) -> None:
    """`alliance backup key`: the private one in a file that its owner alone can read."""
    file = tmp_path / "backup.key"
    done = CliRunner().invoke(commands.app, ["key", "--out", str(file)])
    assert done.exit_code == 0
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    public = identities(file)[0].to_public()
    assert str(public) == done.stdout.strip()
    again = CliRunner().invoke(commands.app, ["key", "--out", str(file)])
    assert isinstance(again.exception, BackupRefused)
    assert str(identities(file)[0].to_public()) == str(public)
