"""Who asks: bearer tokens (JWT, EdDSA), checked against public keys (JWKS).

Claims: `sub`, `exp`, `iss`, `aud`, and ours `member_id` and `roles`.
Whoever holds the private key issues; a service holds public keys only.
"""

import json
import logging
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from shared.actor import Actor
from shared.errors import Refused

log = logging.getLogger("alliance.auth")

ALGORITHM = "EdDSA"
LEEWAY = 5
"""Seconds that the clocks of issuer and service may differ."""


class Unauthorized(Refused):
    """There is no token, or it is not valid."""

    status = 401
    title = "A valid token is needed"


class Tokens:
    """Checks tokens against a JWKS file, which is read again when it changes (key rotation)."""

    def __init__(self, jwks_file: Path, issuer: str, audience: str) -> None:
        self._file, self._issuer, self._audience = jwks_file, issuer, audience
        self._keys: dict[str, jwt.PyJWK] = {}
        self._read_at = -1

    def actor(self, authorization: str | None) -> Actor:
        """The actor of an `Authorization` header. Raises Unauthorized."""
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Unauthorized("send `Authorization: Bearer <token>`")
        try:
            key = self._key(jwt.get_unverified_header(token).get("kid", ""))
            claims = jwt.decode(
                token,
                key,
                algorithms=[ALGORITHM],
                issuer=self._issuer,
                audience=self._audience,
                leeway=LEEWAY,
                options={"require": ["exp", "sub", "iss", "aud"]},
            )
        except jwt.PyJWTError as error:
            raise Unauthorized("the token is not valid: {error}", error=str(error)) from None
        member_id = claims.get("member_id")
        return Actor(
            f"member:{member_id}" if member_id else f"operator:{claims['sub']}",
            member_id,
            frozenset(claims.get("roles", ())),
        )

    def _key(self, kid: str) -> jwt.PyJWK:
        changed = self._file.stat().st_mtime_ns
        if changed != self._read_at:
            try:
                self._keys = dict(_usable(json.loads(self._file.read_text())["keys"]))
                self._read_at = changed
            except (ValueError, KeyError, TypeError) as error:
                log.warning(
                    "the JWKS file is not readable, the keys stay: %s", type(error).__name__
                )
        if kid not in self._keys:
            raise jwt.InvalidKeyError(f"its key {kid!r} is not one of ours")
        return self._keys[kid]


def _usable(keys: list[dict[str, Any]]) -> Iterator[tuple[str, jwt.PyJWK]]:
    """Keys by id; those of another algorithm are somebody else's."""
    for key in keys:
        try:
            yield key["kid"], jwt.PyJWK(key, algorithm=ALGORITHM)
        except (jwt.PyJWTError, KeyError, ValueError):
            log.info("a key of the JWKS is not used: kid %r", key.get("kid"))


class Issuer:
    """Issues tokens with a private key in a file; for the local stack and the tests."""

    def __init__(self, key_file: Path, issuer: str = "https://alliance.example") -> None:
        if not key_file.exists():
            key_file.parent.mkdir(parents=True, exist_ok=True)
            key_file.touch(mode=0o600)
            key_file.write_bytes(
                Ed25519PrivateKey.generate().private_bytes(
                    Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
                )
            )
        key = load_pem_private_key(key_file.read_bytes(), None)
        assert isinstance(key, Ed25519PrivateKey)
        self._key, self._issuer = key, issuer
        public = jwt.algorithms.OKPAlgorithm.to_jwk(key.public_key(), as_dict=True)
        self.kid = public["x"][:12]
        self.jwks: dict[str, Any] = {
            "keys": [public | {"kid": self.kid, "use": "sig", "alg": ALGORITHM}]
        }

    def write_jwks(self, file: Path) -> None:
        """Write the public key where services read it."""
        file.parent.mkdir(parents=True, exist_ok=True)
        fresh = file.with_suffix(".new")
        fresh.write_text(json.dumps(self.jwks, indent=1))
        fresh.replace(file)

    def token(
        self,
        subject: str,
        *,
        member_id: str | None = None,
        roles: tuple[str, ...] = (),
        audience: str = "alliance",
        seconds: int = 900,
    ) -> str:
        """A token that is valid for `seconds`."""
        claims = {
            "iss": self._issuer,
            "aud": audience,
            "sub": subject,
            "exp": int(time.time()) + seconds,
            "roles": list(roles),
        }
        if member_id:
            claims["member_id"] = member_id
        return jwt.encode(claims, self._key, algorithm=ALGORITHM, headers={"kid": self.kid})
