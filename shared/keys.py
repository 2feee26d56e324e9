"""Signing keys: a directory of private keys (PEM), the one that signs, and what the public sees.

Every key of the directory stands in the JWKS. The newest signs once it is older than an overlap,
so that whoever keeps the JWKS for a while knows a key before it meets its first token. A file's
own time says how old its key is; removing the file retires the key.
"""

import base64
import hashlib
import json
import logging
import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

log = logging.getLogger("alliance.keys")

OVERLAP = 600.0
"""Seconds for which a new key is only shown: longer than a JWKS is kept by those who read it."""

Algorithm = Literal["EdDSA", "ES256"]
PrivateKey = Ed25519PrivateKey | EllipticCurvePrivateKey


class NotASigningKey(ValueError):
    """The file holds no private key of Ed25519 or P-256."""


@dataclass(frozen=True)
class SigningKey:
    """A private key with its id (RFC 7638 thumbprint) and the moment it was made."""

    private: PrivateKey
    algorithm: Algorithm
    public: dict[str, Any]
    made: float
    file: Path

    @property
    def kid(self) -> str:
        """Its id in tokens and in the JWKS."""
        return str(self.public["kid"])

    @classmethod
    def read(cls, file: Path) -> "SigningKey":
        """Raises NotASigningKey."""
        try:
            made = file.stat().st_mtime
            private = load_pem_private_key(file.read_bytes(), None)
        except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise NotASigningKey(f"{file}: {type(error).__name__}") from None
        algorithm: Algorithm
        if isinstance(private, Ed25519PrivateKey):
            algorithm = "EdDSA"
            public = jwt.algorithms.OKPAlgorithm.to_jwk(private.public_key(), as_dict=True)
        elif isinstance(private, EllipticCurvePrivateKey) and private.curve.name == SECP256R1.name:
            algorithm = "ES256"
            public = jwt.algorithms.ECAlgorithm.to_jwk(private.public_key(), as_dict=True)
        else:
            raise NotASigningKey(f"{file}: a key of Ed25519 or P-256 is needed")
        public = {name: public[name] for name in ("kty", "crv", "x", "y") if name in public}
        own = {"kid": thumbprint(public), "use": "sig", "alg": algorithm}
        return cls(private, algorithm, public | own, made, file)

    def sign(self, claims: dict[str, Any]) -> str:
        """An access token (RFC 9068) that says this."""
        headers = {"kid": self.kid, "typ": "at+jwt"}
        return jwt.encode(claims, self.private, algorithm=self.algorithm, headers=headers)


class SigningKeys:
    """The keys of a directory, read again when anything in it changes."""

    def __init__(self, directory: Path, overlap: float = OVERLAP) -> None:
        self._directory, self._overlap = directory, overlap
        self._seen: list[tuple[str, int, int]] | None = None
        self._keys: list[SigningKey] = []

    def all(self) -> list[SigningKey]:
        """Every key, the oldest first."""
        found = sorted(self._directory.glob("*.pem"))
        seen = [(f.name, s.st_mtime_ns, s.st_size) for f in found if (s := _stat(f))]
        if seen != self._seen:
            keys = []
            for file in found:
                try:
                    keys.append(SigningKey.read(file))
                except NotASigningKey as error:
                    log.warning("a signing key is not used: %s", error)
            self._keys = sorted(keys, key=lambda key: (key.made, key.file.name))
            self._seen = seen
        return self._keys

    def signer(self, now: float | None = None) -> SigningKey | None:
        """The key that signs now: the newest that was shown for long enough, else the oldest."""
        keys = self.all()
        shown = (time.time() if now is None else now) - self._overlap
        return next((key for key in reversed(keys) if key.made <= shown), keys[0] if keys else None)

    def jwks(self) -> dict[str, Any]:
        """The public keys (RFC 7517)."""
        return {"keys": [key.public for key in self.all()]}


def add_key(directory: Path, algorithm: Algorithm = "EdDSA", name: str = "") -> SigningKey:
    """Make a key in a directory, in a file that its owner alone can read."""
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    private: PrivateKey = (
        Ed25519PrivateKey.generate() if algorithm == "EdDSA" else generate_private_key(SECP256R1())
    )
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    handle, written = tempfile.mkstemp(dir=directory, prefix=".new-")  # mode 0600
    with os.fdopen(handle, "wb") as file:
        file.write(pem)
        file.flush()
        os.fsync(file.fileno())
    made = SigningKey.read(Path(written))
    # the directory's reader meets the whole key or none
    place = Path(written).rename(directory / f"{name or made.kid}.pem")
    return SigningKey.read(place)


def thumbprint(public: dict[str, Any]) -> str:
    """RFC 7638: SHA-256 of the key's needed members in their order."""
    needed = {name: public[name] for name in sorted(public) if name in ("crv", "kty", "x", "y")}
    digest = hashlib.sha256(json.dumps(needed, separators=(",", ":")).encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _stat(file: Path) -> os.stat_result | None:
    try:
        return file.stat()
    except FileNotFoundError:  # removed since it was listed
        return None
