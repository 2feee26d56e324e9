"""The file of a backup: a tar of small members, compressed, encrypted for age's recipients.

`age -d -i KEY FILE | tar xz` unpacks one without us, and MongoDB's own tools read its `.bson`.
Age authenticates every 64 KiB and the end, so a file that was damaged or cut short gives an error
and never other data. All of it streams: memory does not grow with the data.
"""

import gzip
import hashlib
import io
import os
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Thread
from types import TracebackType
from typing import BinaryIO, Self

import pyrage

from cli.backup.manifest import Member

MOST = 300 * 2**20
"""Most bytes of one member that is read: those we write have a few MiB, but for a huge letter."""


class BackupRefused(RuntimeError):
    """Nothing was done, and the message says why."""


def recipients(keys: Sequence[str], file: Path | None = None) -> list[pyrage.x25519.Recipient]:
    """Whom a backup is for: age's public keys, and those in a file, one a line, `#` for comments.

    Raises BackupRefused.
    """
    lines = [*keys, *(_lines(file) if file else ())]
    if not lines:
        raise BackupRefused("name at least one recipient: --recipient age1… or --recipients-file")
    found = []
    for line in lines:
        try:
            found.append(pyrage.x25519.Recipient.from_str(line))
        except pyrage.RecipientError as error:
            raise BackupRefused(f"{line[:12]}… is no public key of age: {error}") from None
    return found


def identities(file: Path) -> list[pyrage.x25519.Identity]:
    """The private keys in a file as age-keygen writes it. Raises BackupRefused."""
    found = []
    for line in _lines(file):
        try:
            found.append(pyrage.x25519.Identity.from_str(line))
        except pyrage.IdentityError:
            raise BackupRefused(f"{file} has a line that is no private key of age") from None
    if not found:
        raise BackupRefused(f"{file} holds no private key")
    return found


def _lines(file: Path) -> list[str]:
    try:
        lines = [line.strip() for line in file.read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise BackupRefused(f"{file} can't be read: {error}") from None
    return [line for line in lines if line and not line.startswith("#")]


class Writing:
    """A backup while it is written: `add` members, then `finish`.

    Nothing stands under the file's name before all of it is on disk; left by an error, it leaves
    nothing. What was there before is never overwritten.
    """

    def __init__(self, out: Path, for_whom: Sequence[pyrage.x25519.Recipient]) -> None:
        self._out = out
        self._not_there()
        self._partial = out.with_name(f".{out.name}.partial-{os.getpid()}")
        self._for_whom = for_whom
        self.members: list[Member] = []
        self._failed: BaseException | None = None
        try:
            handle = os.open(self._partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        except OSError as error:
            raise BackupRefused(f"{self._partial} can't be made: {error.strerror}") from None
        self._file = _Hashed(os.fdopen(handle, "wb"))
        read, write = os.pipe()
        self._plain = os.fdopen(write, "wb")
        self._encrypting = Thread(target=self._encrypt, args=(os.fdopen(read, "rb"),), daemon=True)
        self._encrypting.start()
        self._packed = gzip.GzipFile(fileobj=self._plain, mode="wb", compresslevel=3, mtime=0)
        self._tar = tarfile.open(fileobj=self._packed, mode="w|")  # noqa: SIM115 - see `finish`

    def add(self, name: str, data: bytes) -> None:
        """Write a member. Raises BackupRefused, as for a full disk."""
        about = tarfile.TarInfo(name)
        about.size = len(data)
        about.mode = 0o600
        try:
            self._tar.addfile(about, io.BytesIO(data))
        except BrokenPipeError:
            self._encrypting.join()
            raise BackupRefused(f"{self._out} can't be written: {self._failed}") from self._failed
        self.members.append(
            Member(name=name, size=len(data), sha256=hashlib.sha256(data).hexdigest())
        )

    def finish(self) -> tuple[int, str]:
        """Give the file its name, once it is on disk: its bytes, and their SHA-256."""
        with suppress(BrokenPipeError):
            self._tar.close()
            self._packed.close()
            self._plain.close()
        self._encrypting.join()
        if self._failed:
            raise BackupRefused(f"{self._out} can't be written: {self._failed}") from self._failed
        self._file.sync()
        self._not_there()
        self._partial.rename(self._out)
        directory = os.open(self._out.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
        return self._file.size, self._file.digest.hexdigest()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        for part in (self._tar, self._packed, self._plain):
            with suppress(OSError, ValueError):
                part.close()
        self._encrypting.join()
        self._file.inner.close()
        self._partial.unlink(missing_ok=True)

    def _encrypt(self, plain: BinaryIO) -> None:
        with plain:
            try:
                pyrage.encrypt_io(plain, self._file, self._for_whom)
            except BaseException as error:
                self._failed = error

    def _not_there(self) -> None:
        if self._out.exists():
            raise BackupRefused(f"{self._out} is there already; a backup is never overwritten")


class _Hashed:
    """A file that counts and hashes what is written to it."""

    def __init__(self, inner: BinaryIO) -> None:
        self.inner = inner
        self.size = 0
        self.digest = hashlib.sha256()

    def write(self, data: bytes) -> int:
        self.inner.write(data)
        self.digest.update(data)
        self.size += len(data)
        return len(data)

    def flush(self) -> None:
        self.inner.flush()

    def sync(self) -> None:
        self.inner.flush()
        os.fsync(self.inner.fileno())


def read(file: Path, keys: Sequence[pyrage.x25519.Identity]) -> Iterator[tuple[str, bytes]]:
    """Every member of a backup, in its order, each with its bytes.

    Raises BackupRefused for a file that is damaged, cut short, or for somebody else's key; that
    may come after members that were whole.
    """
    try:
        encrypted = file.open("rb")
    except OSError as error:
        raise BackupRefused(f"{file} can't be read: {error.strerror}") from None
    ended: list[BaseException] = []
    read_end, write_end = os.pipe()
    plain = os.fdopen(read_end, "rb")

    def decrypt() -> None:
        with encrypted, suppress(BrokenPipeError), os.fdopen(write_end, "wb") as sink:
            try:
                pyrage.decrypt_io(encrypted, sink, keys)
            except BaseException as error:
                ended.append(error)

    decrypting = Thread(target=decrypt, daemon=True)
    decrypting.start()
    try:
        yield from _members(plain)
        while plain.read(
            2**20
        ):  # what follows the tar: age knows only at the end whether it is whole
            pass
        decrypting.join()
        broken: Exception | None = None
    except (tarfile.TarError, gzip.BadGzipFile, EOFError, OSError, ValueError) as error:
        broken = error
    finally:
        plain.close()
        decrypting.join()
    if ended:
        raise BackupRefused(_why(file, ended[0])) from ended[0]
    if broken:
        raise BackupRefused(f"{file} is no backup, or is damaged: {broken}") from broken


def _members(plain: BinaryIO) -> Iterator[tuple[str, bytes]]:
    with gzip.GzipFile(fileobj=plain, mode="rb") as packed:
        with tarfile.open(fileobj=packed, mode="r|") as tar:
            for about in tar:
                if not about.isreg() or about.size > MOST:
                    raise ValueError(f"its member {about.name[:200]} is none that we write")
                found = tar.extractfile(about)
                assert found is not None, "it is a regular file"
                yield about.name, found.read()
        while packed.read(2**20):
            pass


def _why(file: Path, error: BaseException) -> str:
    if isinstance(error, pyrage.DecryptError):
        if "No matching keys" in str(error):
            return f"{file} was not encrypted for this key, or its header is damaged"
        return f"{file} is no file of age, or its header is damaged: {error}"
    return f"{file} is damaged or cut short: {error}"
