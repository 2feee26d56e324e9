"""Tokens: who is let in, and every way of not being let in."""

import asyncio
import base64
import hashlib
import hmac
import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from shared.actor import Actor
from shared.auth import KEPT, LEEWAY, PAUSE, Issuer, KeysUnavailable, Tokens, Unauthorized
from shared.keys import OVERLAP, SigningKeys, add_key, thumbprint

ISSUER = "https://alliance.example"
MEMBER = "01818ba0-0002-7001-8000-000000000002"


@pytest.fixture
def issuer(tmp_path: Path) -> Issuer:
    """An issuer with a new key, its public key written where services read it."""
    found = Issuer(tmp_path / "issuer.pem", ISSUER)
    found.write_jwks(tmp_path / "jwks.json")
    return found


@pytest.fixture
def tokens(tmp_path: Path, issuer: Issuer) -> Tokens:
    """A service that trusts the issuer."""
    return Tokens(tmp_path / "jwks.json", ISSUER, "alliance")


def claims(**changes: Any) -> dict[str, Any]:
    """Good claims with some replaced; None leaves one out."""
    good = {"iss": ISSUER, "aud": "alliance", "sub": "cli", "exp": int(time.time()) + 900}
    return {name: value for name, value in (good | changes).items() if value is not None}


def signed(issuer: Issuer, kid: str | None = None, **changes: Any) -> str:
    """A token with the issuer's signature and any claims."""
    return jwt.encode(
        claims(**changes), issuer.key.private, algorithm="EdDSA", headers={"kid": kid or issuer.kid}
    )


def actor_of(tokens: Tokens, authorization: str | None) -> Actor:
    """Who a service takes the bearer of an Authorization header for."""
    return asyncio.run(tokens.actor(authorization))


def refused(tokens: Tokens, authorization: str | None) -> str:
    """Why an Authorization header is refused; fails where it is taken."""
    with pytest.raises(Unauthorized) as caught:
        actor_of(tokens, authorization)
    return caught.value.detail()


def test_members_token_gives_member_and_roles(issuer: Issuer, tokens: Tokens) -> None:
    """The actor is the member it acts for, with the token's roles."""
    token = issuer.token("portal", member_id=MEMBER, roles=("monitor",))
    actor = actor_of(tokens, f"Bearer {token}")
    assert actor == Actor(f"member:{MEMBER}", MEMBER, frozenset({"monitor"}))


@pytest.mark.parametrize(
    ("roles", "name"),
    [(("operator",), "operator:desk"), (("auditor",), "client:desk"), ((), "client:desk")],
)
def test_token_of_no_member_names_its_subject(
    issuer: Issuer, tokens: Tokens, roles: tuple[str, ...], name: str
) -> None:
    """Without member_id the subject acts: as an operator by that role only."""
    token = issuer.token("desk", roles=roles)
    assert actor_of(tokens, f"bearer {token}") == Actor(name, None, frozenset(roles))


@pytest.mark.parametrize(
    "authorization", [None, "", "Bearer", "Bearer ", "Basic YTpi", "Token abc", "Bearerabc"]
)
def test_no_bearer_token_is_refused(tokens: Tokens, authorization: str | None) -> None:
    """The answer says what to send."""
    assert refused(tokens, authorization) == "send `Authorization: Bearer <token>`"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"exp": int(time.time()) - LEEWAY - 60}, "expired"),
        ({"exp": None}, '"exp" claim'),
        ({"aud": "someone-else"}, "Audience"),
        ({"aud": None}, '"aud" claim'),
        ({"iss": "https://evil.example"}, "issuer"),
        ({"iss": None}, '"iss" claim'),
        ({"sub": None}, '"sub" claim'),
        ({"nbf": int(time.time()) + 86_400}, "not yet valid"),
    ],
)
def test_claim_that_is_wrong_or_absent_is_refused_and_named(
    issuer: Issuer, tokens: Tokens, changes: dict[str, Any], said: str
) -> None:
    """Expired, early, for another audience, by another issuer, or without saying so."""
    assert said.lower() in refused(tokens, f"Bearer {signed(issuer, **changes)}").lower()


def test_clocks_may_differ_by_the_leeway(issuer: Issuer, tokens: Tokens) -> None:
    """A token that expired a second ago is taken."""
    actor = actor_of(tokens, f"Bearer {signed(issuer, exp=int(time.time()) - 1)}")
    assert actor.name == "client:cli"


def part(value: object) -> str:
    """One part of a JWT."""
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def unsigned(issuer: Issuer) -> str:
    """alg none, as the well-known attack has it."""
    return f"{part({'alg': 'none', 'typ': 'JWT', 'kid': issuer.kid})}.{part(claims())}."


def public_bytes(issuer: Issuer) -> bytes:
    """The public key as PEM: what everyone knows."""
    return issuer.key.private.public_key().public_bytes(
        Encoding.PEM, PublicFormat.SubjectPublicKeyInfo
    )


def hmac_of(issuer: Issuer, secret: bytes) -> str:
    """HS256 with a public text as the secret, put together by hand since PyJWT refuses to."""
    signing = f"{part({'alg': 'HS256', 'typ': 'JWT', 'kid': issuer.kid})}.{part(claims())}"
    return f"{signing}.{part(hmac.new(secret, signing.encode(), hashlib.sha256).digest())}"


@pytest.mark.parametrize(
    ("forge", "said"),
    [
        (unsigned, "alg value is not allowed"),
        (lambda issuer: hmac_of(issuer, public_bytes(issuer)), "alg value is not allowed"),
        (lambda issuer: hmac_of(issuer, issuer.jwks["keys"][0]["x"].encode()), "not allowed"),
        (lambda issuer: hmac_of(issuer, b""), "alg value is not allowed"),
        (
            lambda issuer: jwt.encode(
                claims(),
                Ed25519PrivateKey.generate(),
                algorithm="EdDSA",
                headers={"kid": issuer.kid},
            ),
            "Signature verification failed",
        ),
    ],
    ids=["alg-none", "hs256-public-pem", "hs256-public-x", "hs256-empty", "anothers-key"],
)
def test_forged_token_is_refused(
    issuer: Issuer, tokens: Tokens, forge: Callable[[Issuer], str], said: str
) -> None:
    """No signature, a signature with what is public, a signature with another's key."""
    forged = forge(issuer)
    assert jwt.get_unverified_header(forged)["kid"] == issuer.kid
    assert said in refused(tokens, f"Bearer {forged}")


def test_changed_payload_is_refused(issuer: Issuer, tokens: Tokens) -> None:
    """The signature is over the claims."""
    head, _, signature = issuer.token("cli").split(".")
    refused(tokens, f"Bearer {head}.{part(claims(scope='everything'))}.{signature}")


@pytest.mark.parametrize(
    "token", ["a", "a.b", "a.b.c", "..", "é.é.é", "eyJhbGciOiJFZERTQSJ9.e30.", "[].[].[]"]
)
def test_garbage_is_refused_and_is_no_error_of_ours(tokens: Tokens, token: str) -> None:
    """Whatever stands where a token belongs, the answer is 401."""
    assert "is not valid" in refused(tokens, f"Bearer {token}")


@pytest.mark.parametrize("kid", ["unknown", "../jwks", ""])
def test_unknown_key_is_refused_and_named(issuer: Issuer, tokens: Tokens, kid: str) -> None:
    """A token of a key that is not in the JWKS file, or of no key."""
    token = jwt.encode(claims(), issuer.key.private, algorithm="EdDSA", headers={"kid": kid})
    assert f"its key {kid!r} is not one of ours" in refused(tokens, f"Bearer {token}")


def test_token_without_a_key_id_is_refused(issuer: Issuer, tokens: Tokens) -> None:
    """Which key it was must be said."""
    refused(tokens, f"Bearer {jwt.encode(claims(), issuer.key.private, algorithm='EdDSA')}")


def rewrite(file: Path, jwks: dict[str, Any]) -> None:
    """Write the JWKS file as of a second later, whatever the file system's clock resolves."""
    later = file.stat().st_mtime_ns + 1_000_000_000
    file.write_text(json.dumps(jwks))
    os.utime(file, ns=(later, later))


def test_keys_are_rotated_by_rewriting_the_file(
    tmp_path: Path, issuer: Issuer, tokens: Tokens
) -> None:
    """Both keys are good while both are in the file; a key that is taken out is refused."""
    file = tmp_path / "jwks.json"
    new = Issuer(tmp_path / "new.pem", ISSUER)
    old_token, new_token = f"Bearer {issuer.token('old')}", f"Bearer {new.token('new')}"
    assert actor_of(tokens, old_token).name == "client:old"
    refused(tokens, new_token)
    rewrite(file, {"keys": issuer.jwks["keys"] + new.jwks["keys"]})
    assert actor_of(tokens, old_token).name == "client:old"
    assert actor_of(tokens, new_token).name == "client:new"
    rewrite(file, new.jwks)
    refused(tokens, old_token)
    assert actor_of(tokens, new_token).name == "client:new"


def test_symmetric_key_in_the_file_does_not_open_another_algorithm(
    tmp_path: Path, issuer: Issuer, tokens: Tokens
) -> None:
    """A symmetric key that slips into the JWKS verifies nothing."""
    secret = part(b"public-knowledge")
    key = {"kty": "oct", "kid": "weak", "k": secret, "alg": "HS256"}
    rewrite(tmp_path / "jwks.json", {"keys": [*issuer.jwks["keys"], key]})
    token = jwt.encode(claims(), "public-knowledge" * 2, algorithm="HS256", headers={"kid": "weak"})
    refused(tokens, f"Bearer {token}")


def test_key_of_another_kind_does_not_lock_the_good_ones_out(
    tmp_path: Path, issuer: Issuer, tokens: Tokens
) -> None:
    """A JWKS file may hold keys for others; ours still work."""
    key = {"kty": "oct", "kid": "others", "k": part(b"s" * 32), "alg": "HS256"}
    rewrite(tmp_path / "jwks.json", {"keys": [key, *issuer.jwks["keys"]]})
    assert actor_of(tokens, f"Bearer {issuer.token('cli')}").name == "client:cli"


def test_half_written_key_file_leaves_the_old_keys_in_force(
    tmp_path: Path, issuer: Issuer, tokens: Tokens
) -> None:
    """While the file is being rewritten, requests go on with the keys that were read last."""
    token = f"Bearer {issuer.token('cli')}"
    actor_of(tokens, token)
    file = tmp_path / "jwks.json"
    later = file.stat().st_mtime_ns + 1_000_000_000
    file.write_text('{"keys": [')
    os.utime(file, ns=(later, later))
    assert actor_of(tokens, token).name == "client:cli"


def test_issuers_key_file_is_the_owners_alone_and_is_kept(tmp_path: Path, issuer: Issuer) -> None:
    """No one else can read it, and a second issuer on the file has the same key."""
    file = tmp_path / "issuer.pem"
    assert file.stat().st_mode & 0o077 == 0
    assert Issuer(file, ISSUER).kid == issuer.kid
    assert "d" not in issuer.jwks["keys"][0]


@pytest.mark.parametrize(
    "other",
    [
        {"use": "enc"},
        {"alg": "ES256"},
        {"alg": "none"},
        {"alg": ["EdDSA"]},
        {"x": "AA"},
        {"kty": ["OKP"]},
        {"kid": {}},
        7,
        None,
        [],
    ],
)
def test_entry_of_the_keys_that_makes_no_sense_does_not_lock_the_good_ones_out(
    tmp_path: Path, issuer: Issuer, tokens: Tokens, other: Any
) -> None:
    """Another use, another algorithm than the key's kind, half a key, no key: left out."""
    spoilt = Issuer(tmp_path / "spoilt.pem", ISSUER)
    entry = spoilt.jwks["keys"][0] | other if isinstance(other, dict) else other
    rewrite(tmp_path / "jwks.json", {"keys": [entry, *issuer.jwks["keys"]]})
    assert actor_of(tokens, f"Bearer {issuer.token('cli')}").name == "client:cli"
    assert "not one of ours" in refused(tokens, f"Bearer {spoilt.token('cli')}")


@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
def test_rsa_key_that_is_too_short_is_not_used(tmp_path: Path) -> None:
    """RFC 7518, 3.3: 2,048 bits or more, whoever the issuer is."""
    keys = {str(bits): generate_private_key(65537, bits) for bits in (1024, 2048)}
    jwks = [
        jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True) | {"kid": bits}
        for bits, key in keys.items()
    ]
    (tmp_path / "jwks.json").write_text(json.dumps({"keys": jwks}))
    tokens = Tokens(tmp_path / "jwks.json", ISSUER, "alliance", algorithms=("RS256",))
    weak, good = (
        f"Bearer {jwt.encode(claims(), key, 'RS256', headers={'kid': bits})}"
        for bits, key in keys.items()
    )
    assert "not one of ours" in refused(tokens, weak)
    assert actor_of(tokens, good).name == "client:cli"


class Published:
    """A JWKS on a server of its own, which counts how often it was asked for."""

    def __init__(self) -> None:
        self.jwks: dict[str, Any] | None = {"keys": []}
        self.asked = 0
        outer = self

        class Answer(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked += 1
                self.send_response(200 if outer.jwks else 500)
                self.end_headers()
                self.wfile.write(json.dumps(outer.jwks).encode())

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        self.url = f"http://127.0.0.1:{self.server.server_port}/jwks"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def published() -> Iterator[Published]:
    """An issuer's JWKS by HTTP."""
    found = Published()
    yield found
    found.server.shutdown()
    found.server.server_close()


class Clock:
    """The time that shared.auth sees."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    time = staticmethod(time.time)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """A clock that stands still until it is moved."""
    found = Clock()
    monkeypatch.setattr("shared.auth.time", found)
    return found


def test_keys_of_a_url_are_fetched_once_and_kept(
    issuer: Issuer, published: Published, clock: Clock
) -> None:
    """Fetched with the first token, and again after five minutes."""
    published.jwks = issuer.jwks
    tokens = Tokens(published.url, ISSUER, "alliance")
    header = f"Bearer {issuer.token('cli')}"
    for after, fetched in ((0, 1), (KEPT - 1, 1), (2, 2), (1, 2)):
        clock.now += after
        assert actor_of(tokens, header).name == "client:cli"
        assert published.asked == fetched


def test_unknown_keys_do_not_fetch_each_time(
    tmp_path: Path, issuer: Issuer, published: Published, clock: Clock
) -> None:
    """A storm of tokens of unknown keys fetches once in ten seconds; a new key is found then."""
    published.jwks = issuer.jwks
    tokens = Tokens(published.url, ISSUER, "alliance")
    new = Issuer(tmp_path / "new.pem", ISSUER)

    async def storm() -> list[Any]:
        headers = [f"Bearer {signed(issuer, kid=f'unknown{n}')}" for n in range(50)]
        return await asyncio.gather(*map(tokens.actor, headers), return_exceptions=True)

    assert {type(found) for found in asyncio.run(storm())} == {Unauthorized}
    assert published.asked == 1
    published.jwks = {"keys": issuer.jwks["keys"] + new.jwks["keys"]}
    refused(tokens, f"Bearer {new.token('cli')}")
    clock.now += PAUSE + 1
    assert actor_of(tokens, f"Bearer {new.token('cli')}").name == "client:cli"
    assert published.asked == 2


def test_known_keys_go_on_while_their_url_does_not_answer(
    issuer: Issuer, published: Published, clock: Clock
) -> None:
    """An issuer that is away for an hour stops nobody whose key is known."""
    published.jwks = issuer.jwks
    tokens = Tokens(published.url, ISSUER, "alliance")
    header = f"Bearer {issuer.token('cli')}"
    actor_of(tokens, header)
    published.jwks = None
    clock.now += 3600
    for fetched in (2, 2):
        assert actor_of(tokens, header).name == "client:cli"
        assert published.asked == fetched


@pytest.mark.parametrize("url", [True, False])
def test_keys_that_were_never_to_be_had_are_no_fault_of_the_token(
    url: bool, tmp_path: Path, issuer: Issuer, published: Published
) -> None:
    """503: who asks may ask again with the same token."""
    published.jwks = None
    source = published.url if url else tmp_path / "absent.json"
    with pytest.raises(KeysUnavailable):
        actor_of(Tokens(source, ISSUER, "alliance"), f"Bearer {issuer.token('cli')}")


def test_token_of_a_p256_key_is_taken_under_its_own_algorithm_only(tmp_path: Path) -> None:
    """ES256; the same key id with another algorithm's signature is refused."""
    issuer, other = Issuer(tmp_path / "other.pem"), tmp_path / "p256"
    key = add_key(other, "ES256")
    file = tmp_path / "jwks.json"
    file.write_text(json.dumps({"keys": [key.public]}))
    tokens = Tokens(file, ISSUER, "alliance")
    assert actor_of(tokens, f"Bearer {key.sign(claims())}").name == "client:cli"
    assert "not allowed" in refused(tokens, f"Bearer {signed(issuer, kid=key.kid)}")


def test_external_issuers_tokens_are_taken_by_its_own_names(tmp_path: Path) -> None:
    """RS256 where it is allowed; roles at a path of claims, as OpenID Connect servers have it."""
    private = generate_private_key(65537, 2048)
    public = jwt.algorithms.RSAAlgorithm.to_jwk(private.public_key(), as_dict=True)
    file = tmp_path / "jwks.json"
    file.write_text(json.dumps({"keys": [public | {"kid": "theirs", "alg": "RS256"}]}))
    names = {"roles_claim": "realm_access.roles", "member_claim": "https://example.org/member"}
    theirs = claims(realm_access={"roles": ["member"]}) | {names["member_claim"]: MEMBER}
    token = jwt.encode(theirs, private, algorithm="RS256", headers={"kid": "theirs"})
    tokens = Tokens(file, ISSUER, "alliance", algorithms=("RS256",), **names)
    assert actor_of(tokens, f"Bearer {token}") == Actor(
        f"member:{MEMBER}", MEMBER, frozenset({"member"})
    )
    with pytest.raises(KeysUnavailable):  # its only key is of an algorithm that is not allowed
        actor_of(Tokens(file, ISSUER, "alliance"), f"Bearer {token}")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"roles": 7}, "no list of roles"),
        ({"roles": [1]}, "no list of roles"),
        ({"member_id": "Irpin"}, "no member's id"),
        ({"member_id": f"{MEMBER}\n"}, "no member's id"),
        ({"member_id": 7}, "no member's id"),
        ({"sub": "a\nb"}, "printable"),
    ],
)
def test_claim_of_ours_that_makes_no_sense_is_refused(
    issuer: Issuer, tokens: Tokens, changes: dict[str, Any], said: str
) -> None:
    """An issuer's mistake gives no odd actor."""
    assert said in refused(tokens, f"Bearer {signed(issuer, **changes)}")


def test_newest_key_signs_once_it_was_shown_for_the_overlap(tmp_path: Path) -> None:
    """A single key at once, a second one ten minutes later; a removed one is gone."""
    keys = SigningKeys(tmp_path)
    assert (keys.signer(), keys.jwks()) == (None, {"keys": []})
    old, new = add_key(tmp_path), add_key(tmp_path, "ES256")
    now = time.time()
    os.utime(old.file, (now - 5, now - 5))
    os.utime(new.file, (now, now))

    def signs(at: float) -> str:
        signer = keys.signer(at)
        assert signer is not None
        return signer.kid

    assert [signs(now), signs(now + OVERLAP - 1), signs(now + OVERLAP + 1)] == [
        old.kid,
        old.kid,
        new.kid,
    ]
    assert [key["kid"] for key in keys.jwks()["keys"]] == [old.kid, new.kid]
    (tmp_path / "notes.pem").write_text("no key")
    old.file.unlink()
    assert [key["kid"] for key in keys.jwks()["keys"]] == [new.kid]
    assert signs(now) == new.kid
    assert all("d" not in key for key in keys.jwks()["keys"])


def test_key_id_is_the_thumbprint_of_rfc_8037() -> None:
    """RFC 8037, A.3."""
    public = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
    assert thumbprint(public | {"use": "sig"}) == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
