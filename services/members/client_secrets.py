"""Secrets of credentials: only their hashes are kept, and only here, folded from no log.

A secret has 256 random bits, so its hash need not be slow against guessing; Argon2id with OWASP's
least parameters keeps a check cheap enough to be made for anybody who asks.
"""

import asyncio
import secrets
from datetime import datetime
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from shared.events.ids import CredentialId
from shared.mongo import Session, Store

SECRETS = "secrets"
HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
_NOBODYS = HASHER.hash(secrets.token_urlsafe(32))


async def first(
    store: Store, session: Session, credential_id: CredentialId, made: str | None = None
) -> str:
    """A new credential's secret, which is known to nobody after this; or `made`, the one that was
    made for the first operator before there was a store."""
    secret = made or secrets.token_urlsafe(32)
    document = {"_id": credential_id, "hash": await asyncio.to_thread(HASHER.hash, secret)}
    await store[SECRETS].insert_one(document, session=session)
    return secret


async def rotate(
    store: Store, session: Session, credential_id: CredentialId, old_until: datetime
) -> str:
    """Another secret; the one before is good until then, an earlier one no more."""
    secret = secrets.token_urlsafe(32)
    before = await store[SECRETS].find_one({"_id": credential_id}, session=session)
    document: dict[str, Any] = {"_id": credential_id}
    document["hash"] = await asyncio.to_thread(HASHER.hash, secret)
    if before is not None:
        document |= {"old_hash": before["hash"], "old_until": old_until}
    await store[SECRETS].replace_one({"_id": credential_id}, document, upsert=True, session=session)
    return secret


async def forget(store: Store, session: Session, credential_id: CredentialId) -> None:
    """No secret of the credential is good any more."""
    await store[SECRETS].delete_one({"_id": credential_id}, session=session)


async def is_right(store: Store, credential_id: str, secret: str, now: datetime) -> bool:
    """Whether this is a secret of the credential. It costs the same where there is none."""
    found: dict[str, Any] = await store[SECRETS].find_one({"_id": credential_id}) or {}
    old_until = found.get("old_until")
    old = found.get("old_hash") if old_until is not None and now < old_until else None
    hashes = (found.get("hash", _NOBODYS), old or _NOBODYS)
    return await asyncio.to_thread(_any_is_right, hashes, secret)


def _any_is_right(hashes: tuple[str, ...], secret: str) -> bool:
    return sum([_verify(known, secret) for known in hashes]) > 0  # all of them, always


def _verify(known: str, secret: str) -> bool:
    try:
        return HASHER.verify(known, secret)
    except (VerificationError, InvalidHashError):
        return False
