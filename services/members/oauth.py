"""OAuth 2.0 at members: tokens for client credentials (RFC 6749, 4.4), public keys, metadata.

The protocol is oauthlib's, which waits for nothing: the client is loaded and its secret checked
before. These routes are plain ones beside the commands: their form and errors are OAuth's own.
"""

import asyncio
import base64
import binascii
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, unquote_plus
from uuid import uuid4

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from oauthlib.oauth2 import BackendApplicationServer, RequestValidator
from oauthlib.oauth2.rfc6749.errors import (
    InvalidClientError,
    InvalidRequestError,
    OAuth2Error,
    UnauthorizedClientError,
)

from services.members import client_secrets
from services.members.credentials import Credential, token_roles
from services.members.settings import MembersSettings
from services.members.store import credentials, members
from shared.auth import KeysUnavailable
from shared.errors import Refused
from shared.keys import SigningKey, SigningKeys
from shared.limiting import Failures, Limits
from shared.log import Folded, held
from shared.mongo import Store
from shared.roles import ROLES

LIFETIME = 900
"""Seconds for which a token is valid."""

LONGEST = 200
"""Most characters of a client id or a secret that is looked at."""

AT_A_TIME = 2
"""Secrets that are checked at a time: each takes a core and 19 MiB for a moment."""

FORM = "application/x-www-form-urlencoded"
NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}


class TokensAreIssuedElsewhere(Refused):
    """This installation has an issuer of its own outside; members gives no tokens."""

    status = 404
    title = "Tokens are issued elsewhere"


@dataclass(frozen=True)
class Client:
    """A credential whose secret was right, and what its tokens may say today."""

    client_id: str
    member_id: str | None
    roles: tuple[str, ...]
    lifetime: int


@dataclass(frozen=True)
class Asked:
    """The form of a token request, and who says that it asks."""

    form: list[tuple[str, str]]
    client_id: str
    secret: str


def routes(settings: MembersSettings) -> APIRouter:
    """The three routes; without signing keys, each says where tokens come from instead."""
    router = APIRouter(include_in_schema=False)
    by_client = Failures(settings.token_failures_per_minute)
    by_address = Failures(10 * settings.token_failures_per_minute)  # of clients that are made up
    few = asyncio.Semaphore(AT_A_TIME)
    keys = (
        SigningKeys(settings.signing_keys_dir, settings.signing_key_overlap_seconds)
        if settings.signing_keys_dir
        else None
    )

    def own_keys(request: Request) -> SigningKeys:
        limits: Limits = request.app.state.limits
        limits.read(_address(request))
        if keys is None:
            raise TokensAreIssuedElsewhere(
                "tokens are issued by {issuer}, not here", issuer=settings.issuer
            )
        return keys

    @router.post("/oauth/token")
    async def token(request: Request) -> Response:
        """Give a token to a client that knows its secret."""
        key = own_keys(request).signer()
        if key is None:
            raise KeysUnavailable("there is no key to sign tokens with")
        try:
            asked = _asked(request.headers, request.url.query, await request.body())
            address = _address(request)
            attempt = f"{address} {asked.client_id}"
            async with few:  # else all that come at once pass before the first of them has failed
                by_client.check(attempt)
                by_address.check(address)
                client = await _client(request.app.state.store, asked)
                if client is None:
                    by_client.count(attempt)
                    by_address.count(address)
            return _answer(asked, client, key, settings)
        except OAuth2Error as error:
            return _refusal(error.status_code, error.json)

    @router.get("/.well-known/jwks.json")
    async def jwks(request: Request) -> Response:
        """The public keys that tokens are checked with."""
        headers = {"Cache-Control": "public, max-age=300"}
        return JSONResponse(own_keys(request).jwks(), 200, headers)

    @router.get("/.well-known/oauth-authorization-server")
    async def metadata(request: Request) -> dict[str, Any]:
        """What a client must know to ask for a token (RFC 8414)."""
        own_keys(request)
        at = (settings.public_url or settings.issuer).rstrip("/")
        return {
            "issuer": settings.issuer,
            "token_endpoint": f"{at}/oauth/token",
            "jwks_uri": f"{at}/.well-known/jwks.json",
            "scopes_supported": list(ROLES),
            "response_types_supported": [],
            "grant_types_supported": ["client_credentials"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        }

    return router


def _address(request: Request) -> str:
    return request.client.host if request.client else ""


def _asked(headers: Mapping[str, str], query: str, body: bytes) -> Asked:
    """Raises InvalidRequestError, InvalidClientError."""
    if query:
        raise InvalidRequestError("Parameters belong into the body.")
    if headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
        raise InvalidRequestError(f"The body must be {FORM}.")
    try:
        form = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=20, errors="strict")
    except ValueError:
        raise InvalidRequestError("The body is no form in UTF-8.") from None
    form = [(name, value) for name, value in form if value]  # RFC 6749, 3.2: as if left out
    given = dict(form)
    if len(given) != len(form):
        raise InvalidRequestError("A parameter is there twice.")
    client_id, secret = given.get("client_id", ""), given.get("client_secret", "")
    if authorization := headers.get("authorization"):
        basic_id, basic_secret = _basic(authorization)
        if secret or client_id not in ("", basic_id):
            raise InvalidRequestError("The client names itself in two ways.")
        client_id, secret = basic_id, basic_secret
    if not (client_id and secret) or len(client_id) > LONGEST or len(secret) > LONGEST:
        raise InvalidClientError("Send client_id and client_secret, by HTTP Basic or in the body.")
    return Asked(form, client_id, secret)


def _basic(authorization: str) -> tuple[str, str]:
    """Client id and secret of HTTP Basic, each of which is form-encoded (RFC 6749, 2.3.1)."""
    scheme, _, encoded = authorization.partition(" ")
    try:
        user, colon, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        colon = ""
    if scheme.lower() != "basic" or not colon:
        raise InvalidClientError("The Authorization header is not usable HTTP Basic.")
    return unquote_plus(user), unquote_plus(password)


async def _client(store: Store, asked: Asked) -> Client | None:
    """The client, if its secret is right and its credential lives."""
    now = datetime.now(UTC)
    right = await client_secrets.is_right(store, asked.client_id, asked.secret, now)
    credential = await _read(store, credentials, asked.client_id) if right else None
    if not isinstance(credential, Credential) or not credential.lives(now):
        return None
    member = await _read(store, members, credential.member_id) if credential.member_id else None
    lifetime = LIFETIME
    if credential.valid_until:
        left = (datetime.fromisoformat(credential.valid_until) - now).total_seconds()
        lifetime = min(lifetime, max(1, int(left)))
    roles = token_roles(credential, member)
    return Client(credential.id, credential.member_id, roles, lifetime)


async def _read(store: Store, collection: Folded[Any], key: str) -> Any:
    document = await store[collection.name].find_one({"_id": key})
    return held(collection, document).state if document else None


def _answer(
    asked: Asked, client: Client | None, key: SigningKey, settings: MembersSettings
) -> Response:
    def signed(request: Any) -> str:
        assert client is not None
        now = int(time.time())
        claims = {
            "iss": settings.issuer,
            "aud": settings.audience,
            "sub": client.client_id,
            "client_id": client.client_id,
            "iat": now,
            "exp": now + client.lifetime,
            "jti": str(uuid4()),
            "roles": list(request.scopes),
            "scope": " ".join(request.scopes),
        }
        return key.sign(claims | ({"member_id": client.member_id} if client.member_id else {}))

    lifetime = client.lifetime if client else LIFETIME
    server = BackendApplicationServer(_Rules(client), signed, lifetime)
    _, body, status = server.create_token_response("/oauth/token", "POST", dict(asked.form), {})
    if status != 200:
        return _refusal(status, body)
    return Response(body, status, NO_STORE, "application/json")


def _refusal(status: int, body: str) -> Response:
    """RFC 6749, 5.2; a client that is not known is told how to say who it is."""
    said = json.loads(body)
    if said["error"] == InvalidClientError.error:
        headers = NO_STORE | {"WWW-Authenticate": 'Basic realm="alliance", charset="UTF-8"'}
        return JSONResponse(said, 401, headers)
    return JSONResponse(said, status, NO_STORE)


class _Rules(RequestValidator):
    """What oauthlib asks about the one client that stands before it."""

    def __init__(self, client: Client | None) -> None:
        super().__init__()
        self._client = client

    def client_authentication_required(self, request: Any, *args: Any, **kwargs: Any) -> bool:
        return True

    def authenticate_client(self, request: Any, *args: Any, **kwargs: Any) -> bool:
        request.client = self._client
        return self._client is not None

    def validate_grant_type(
        self, client_id: Any, grant_type: Any, client: Any, request: Any, *args: Any, **kwargs: Any
    ) -> bool:
        if not client.roles:
            raise UnauthorizedClientError("The credential's member is not admitted.")
        return True

    def get_default_scopes(
        self, client_id: Any, request: Any, *args: Any, **kwargs: Any
    ) -> list[str]:
        return list(request.client.roles)

    def validate_scopes(
        self, client_id: Any, scopes: Any, client: Any, request: Any, *args: Any, **kwargs: Any
    ) -> bool:
        return bool(scopes) and set(scopes) <= set(client.roles)

    def save_bearer_token(self, token: Any, request: Any, *args: Any, **kwargs: Any) -> None:
        """A token is kept nowhere."""
