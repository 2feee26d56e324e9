"""Who asks: bearer tokens (JWT), checked against public keys (JWKS, from a file or a URL).

Claims: `sub`, `exp`, `iss`, `aud`, and ours `roles` and `member_id`, whose names an external issuer
may choose. Whoever holds the private key issues; a service holds public keys only.
"""

import asyncio
import json
import logging
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import httpx
import jwt

from shared.actor import Actor
from shared.errors import Refused
from shared.events.ids import UUID_PATTERN
from shared.keys import SigningKey, add_key

log = logging.getLogger("alliance.auth")

ALGORITHMS = ("EdDSA", "ES256")
KINDS = {"EdDSA": ("OKP", "Ed25519"), "ES256": ("EC", "P-256"), "RS256": ("RSA", None)}
"""Algorithms that can be allowed: the kind and curve of their keys."""

LEAST_RSA = 2048
"""Bits that an RSA key has at least (RFC 7518, 3.3)."""

LEEWAY = 5
"""Seconds that the clocks of issuer and service may differ."""

KEPT = 300.0
"""Seconds for which fetched keys are kept before they are fetched again."""

PAUSE = 10.0
"""Seconds between two fetches at least, whatever tokens come."""

SUBJECT = re.compile(r"[\x20-\x7e]{1,255}")

Keys = Mapping[str, jwt.PyJWK]


class Unauthorized(Refused):
    """There is no token, or it is not valid."""

    status = 401
    title = "A valid token is needed"


class KeysUnavailable(Refused):
    """The public keys that tokens are checked with were never to be had."""

    status = 503
    title = "Tokens cannot be checked now"

    def headers(self) -> dict[str, str]:
        return {"Retry-After": "10"}


class _Source(Protocol):
    async def keys(self, kid: str) -> Keys:
        """The keys as they are known, read again where that may bring key `kid`."""


class Tokens:
    """Checks tokens of one issuer. `jwks` is where its public keys are: a file, or a URL.

    A claim's name may be a path (`realm_access.roles`) where no claim has the whole name.
    """

    def __init__(
        self,
        jwks: Path | str,
        issuer: str,
        audience: str,
        *,
        algorithms: Sequence[str] = ALGORITHMS,
        roles_claim: str = "roles",
        member_claim: str = "member_id",
    ) -> None:
        self._source: _Source = (
            _File(jwks, algorithms) if isinstance(jwks, Path) else _Remote(jwks, algorithms)
        )
        self._issuer, self._audience = issuer, audience
        self._roles_claim, self._member_claim = roles_claim, member_claim

    async def actor(self, authorization: str | None) -> Actor:
        """The actor of an `Authorization` header. Raises Unauthorized, KeysUnavailable."""
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Unauthorized("send `Authorization: Bearer <token>`")
        try:
            kid = str(jwt.get_unverified_header(token).get("kid", ""))
            keys = await self._source.keys(kid)
            if not keys:
                raise KeysUnavailable("the public keys of tokens can't be had; try again soon")
            if kid not in keys:
                raise jwt.InvalidKeyError(f"its key {kid!r} is not one of ours")
            claims = jwt.decode(
                token,
                keys[kid],
                algorithms=[keys[kid].algorithm_name],  # the key's own, whatever the token says
                issuer=self._issuer,
                audience=self._audience,
                leeway=LEEWAY,
                options={"require": ["exp", "sub", "iss", "aud"]},
            )
            return self._actor_of(claims)
        except jwt.PyJWTError as error:
            raise Unauthorized("the token is not valid: {error}", error=str(error)) from None

    def _actor_of(self, claims: dict[str, Any]) -> Actor:
        roles = _claim(claims, self._roles_claim) or ()
        if isinstance(roles, str):
            roles = roles.split()
        if not isinstance(roles, list | tuple) or not all(isinstance(r, str) for r in roles):
            raise jwt.InvalidTokenError(f"its claim {self._roles_claim!r} is no list of roles")
        client = claims["sub"]
        if not SUBJECT.fullmatch(client):
            raise jwt.InvalidTokenError('its claim "sub" is not 1–255 printable ASCII characters')
        member = _claim(claims, self._member_claim)
        if member is not None:
            if not isinstance(member, str) or not re.fullmatch(UUID_PATTERN, member):
                raise jwt.InvalidTokenError(f"its claim {self._member_claim!r} is no member's id")
            return Actor(f"member:{member}", member, frozenset(roles), client)
        kind = "operator" if "operator" in roles else "client"
        return Actor(f"{kind}:{client}", None, frozenset(roles), client)


def _claim(claims: dict[str, Any], name: str) -> Any:
    if name in claims:
        return claims[name]
    found: Any = claims
    for part in name.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found


class _File:
    """A JWKS file, which is read again when it changes."""

    def __init__(self, file: Path, algorithms: Sequence[str]) -> None:
        self._file, self._algorithms = file, algorithms
        self._keys: Keys = {}
        self._read_at = -1

    async def keys(self, kid: str) -> Keys:
        try:
            changed = self._file.stat().st_mtime_ns
            if changed != self._read_at:
                self._keys = dict(_usable(json.loads(self._file.read_text()), self._algorithms))
                self._read_at = changed
        except (OSError, ValueError, KeyError, TypeError) as error:
            log.warning("the JWKS file is not readable, the keys stay: %s", type(error).__name__)
        return self._keys


class _Remote:
    """A JWKS at a URL: kept for a while; fetched early, but not often, where a key is unknown."""

    def __init__(self, url: str, algorithms: Sequence[str]) -> None:
        self._url, self._algorithms = url, algorithms
        self._keys: Keys = {}
        self._fetched = self._tried = float("-inf")
        self._fetching = asyncio.Lock()

    async def keys(self, kid: str) -> Keys:
        if self._wanted(kid) and not (self._fetching.locked() and kid in self._keys):
            async with self._fetching:
                if self._wanted(kid):  # who was here before may have fetched it
                    await self._fetch()
        return self._keys

    def _wanted(self, kid: str) -> bool:
        now = time.monotonic()
        return (kid not in self._keys or now - self._fetched > KEPT) and now - self._tried > PAUSE

    async def _fetch(self) -> None:
        try:
            async with httpx.AsyncClient(timeout=3) as client:
                answer = await client.get(self._url, headers={"Accept": "application/json"})
            self._keys = dict(_usable(answer.raise_for_status().json(), self._algorithms))
            self._fetched = time.monotonic()
        except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError, TypeError) as error:
            log.warning("the JWKS can't be fetched, the keys stay: %r", error)
        finally:  # not before: until then, others wait for what comes of it
            self._tried = time.monotonic()


def _usable(jwks: dict[str, Any], algorithms: Sequence[str]) -> Iterator[tuple[str, jwt.PyJWK]]:
    """Keys by id; those of another algorithm or use, or too weak, are somebody else's."""
    for key in jwks["keys"]:
        try:
            kid, kind = str(key["kid"]), (key["kty"], key.get("crv"))
            algorithm = next(name for name in algorithms if KINDS[name] == kind)
            if key.get("alg", algorithm) != algorithm or key.get("use", "sig") != "sig":
                raise ValueError
            found = jwt.PyJWK(key, algorithm)  # the key's kind says which, it was checked
            if algorithm == "RS256" and found.key.key_size < LEAST_RSA:
                raise ValueError
        except (jwt.PyJWTError, StopIteration, KeyError, ValueError, TypeError, AttributeError):
            named = key.get("kid") if isinstance(key, dict) else None
            log.info("a key of the JWKS is not used: kid %r", named)
            continue
        yield kid, found


class Issuer:
    """Issues tokens with a private key in a file; for the local stack and the tests."""

    def __init__(self, key_file: Path, issuer: str = "https://alliance.example") -> None:
        if not key_file.exists():
            add_key(key_file.parent, name=key_file.stem)
        self.key = SigningKey.read(key_file)
        self.kid = self.key.kid
        self._issuer = issuer
        self.jwks: dict[str, Any] = {"keys": [self.key.public]}

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
        return self.key.sign(claims | ({"member_id": member_id} if member_id else {}))
