"""Credentials: who issues them to whom, in which roles, and what becomes of them."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from services.members import client_secrets, credentials, issuing, oauth
from services.members.credentials import Credential, CredentialClosed, token_roles
from services.members.issuing import IssueCredential, RevokeCredential, RotateCredential
from services.members.model import Member, NotAdmitted
from services.members.settings import MembersSettings
from services.members.store import RECORDS
from shared.errors import InvalidInput, NotFound, NotYours
from shared.events.credentials import CredentialIssued
from shared.events.ids import CredentialId, MemberId
from shared.limiting import Limits
from shared.problems import add_problem_handlers
from tests.given import NOW, Notebook, an_id
from tests.members.samples import (
    CASCAIS,
    CITIES,
    IRPIN_MEMBER,
    admitted,
    core_of_ukraine,
    irpin_applies,
)

IRPIN = admitted(irpin_applies())
CORE = core_of_ukraine()


def the_book(*members: Member) -> Notebook:
    """A notebook in which these are members."""
    book = Notebook(RECORDS)
    book.states["members"] |= {member.id: member for member in members or (IRPIN, CORE)}
    return book


def wanted(*roles: str, member_id: MemberId | None = None, **more: Any) -> IssueCredential:
    """What is asked for."""
    facts = {"roles": roles, "member_id": member_id, "label": "test"} | more
    return IssueCredential.model_validate(facts)


def issued(book: Notebook, *roles: str, member_id: MemberId | None = IRPIN_MEMBER) -> Credential:
    """A credential that an operator issued."""
    command = wanted(*roles or ("member",), member_id=member_id)
    return book.do(issuing.issue_credential, command, roles=["operator"])


@pytest.mark.parametrize(
    ("member", "roles"),
    [
        (None, ["operator"]),
        (None, ["monitor", "auditor"]),
        (IRPIN_MEMBER, ["member", "monitor"]),
        (CITIES, ["core", "member", "monitor"]),
    ],
)
def test_operator_issues_to_anybody_what_it_may_be(
    member: MemberId | None, roles: list[str]
) -> None:
    """Operators, monitors and auditors are no members; a core member may be all a member is."""
    credential = issued(the_book(), *roles, member_id=member)
    assert (credential.member_id, list(credential.roles)) == (member, roles)


@pytest.mark.parametrize(
    ("member", "roles", "allowed"),
    [
        (None, ["member"], ["operator", "monitor", "auditor"]),
        (None, ["operator", "core"], ["operator", "monitor", "auditor"]),
        (IRPIN_MEMBER, ["core"], ["member", "monitor"]),
        (IRPIN_MEMBER, ["operator"], ["member", "monitor"]),
        (CITIES, ["auditor"], ["core", "member", "monitor"]),
        (CITIES, ["core", "core"], ["core", "member", "monitor"]),
    ],
)
def test_roles_that_are_not_to_be_had_are_refused_with_those_that_are(
    member: MemberId | None, roles: list[str], allowed: list[str]
) -> None:
    """Nobody becomes by a credential what it is not."""
    book = the_book()
    with pytest.raises(InvalidInput) as refused:
        issued(book, *roles, member_id=member)
    assert (refused.value.facts["given"], refused.value.facts["allowed"]) == (roles, allowed)
    assert book.recorded() == 0


def test_member_issues_to_itself_and_to_nobody_else() -> None:
    """One that names nobody means itself."""
    book = the_book()
    own = book.do(issuing.issue_credential, wanted("member"), by=IRPIN_MEMBER, roles=["member"])
    assert own.member_id == IRPIN_MEMBER
    command = wanted("member", member_id=CITIES)
    with pytest.raises(NotYours):
        book.do(issuing.issue_credential, command, by=IRPIN_MEMBER, roles=["member"])


def test_token_that_may_less_makes_no_secret_that_may_more() -> None:
    """A member's token issues and rotates in its own roles only, an operator's in all."""
    book = the_book()
    with pytest.raises(NotYours):
        book.do(issuing.issue_credential, wanted("core"), by=CITIES, roles=["member"])
    core = issued(book, "core", "member", member_id=CITIES)
    rotate = (issuing.rotate_credential, core.id, RotateCredential())
    with pytest.raises(NotYours):
        book.do(*rotate, by=CITIES, roles=["member"])
    assert book.do(*rotate, by=CITIES, roles=["member", "core"]).id == core.id
    assert book.do(*rotate, roles=["operator"]).id == core.id


@pytest.mark.parametrize("status", ["applied", "rejected", "suspended", "left"])
def test_one_that_is_not_admitted_gets_no_credential_and_its_old_one_what_is_left(
    status: Any,
) -> None:
    """Suspended, it goes on with what it may still do; else it is worth nothing."""
    barred = IRPIN.model_copy(update={"status": status})
    with pytest.raises(NotAdmitted):
        issued(the_book(barred))
    credential = issued(the_book())
    assert token_roles(credential, IRPIN) == ("member",)
    assert token_roles(credential, barred) == (("member",) if status == "suspended" else ())
    assert token_roles(credential, None) == ()


def test_member_that_is_core_no_more_has_no_token_of_a_core_member() -> None:
    """Roles are looked at when the token is asked for, not only when the secret was made."""
    credential = issued(the_book(), "core", "member", member_id=CITIES)
    assert token_roles(credential, CORE) == ("core", "member")
    assert token_roles(credential, CORE.model_copy(update={"role": "member"})) == ("member",)


def test_credential_for_a_member_that_is_not_there_is_refused() -> None:
    """No such member."""
    with pytest.raises(NotFound):
        issued(the_book(), member_id=CASCAIS)


def test_old_secret_is_good_for_the_overlap_that_was_asked_for() -> None:
    """A day, where nothing was said."""
    book = the_book()
    credential = issued(book)
    for seconds, until in ((None, "2023-09-02T09:00:00"), (60, "2023-09-01T09:01:00")):
        command = RotateCredential() if seconds is None else RotateCredential(overlap_seconds=60)
        rotated = book.do(
            issuing.rotate_credential, credential.id, command, by=IRPIN_MEMBER, roles=["member"]
        )
        assert rotated.old_secret_valid_until == f"{until}.000000Z"


def test_revoked_credential_is_not_rotated_nor_revoked_again() -> None:
    """It is over for good."""
    book = the_book()
    credential = issued(book)
    revoke = (issuing.revoke_credential, credential.id, RevokeCredential(reason="lost"))
    with pytest.raises(NotYours):
        book.do(*revoke, by=CITIES, roles=["core", "member"])
    assert book.do(*revoke, by=IRPIN_MEMBER, roles=["member"]).status == "revoked"
    for again in (revoke, (issuing.rotate_credential, credential.id, RotateCredential())):
        with pytest.raises(CredentialClosed):
            book.do(*again, roles=["operator"])


def test_credential_lives_to_its_moment_and_one_of_the_past_is_not_issued() -> None:
    """At the moment itself it is over; the moment is recorded in the one form of all times."""
    book = the_book()
    command = wanted("member", member_id=IRPIN_MEMBER, valid_until="2023-09-01T10:00:00Z")
    credential = book.do(issuing.issue_credential, command, roles=["operator"])
    assert credential.valid_until == "2023-09-01T10:00:00.000000Z"
    assert credential.lives(NOW + timedelta(minutes=59))
    assert not credential.lives(NOW + timedelta(hours=1))
    with pytest.raises(InvalidInput, match="this moment is over"):
        book.do(
            issuing.issue_credential,
            wanted("member", valid_until="2023-09-01T09:00:00Z"),
            by=IRPIN_MEMBER,
            roles=["member"],
        )


def test_event_that_cannot_follow_is_an_error() -> None:
    """A credential is issued once."""
    event = CredentialIssued(
        credential_id=an_id(CredentialId, "one"), roles=("auditor",), label="test"
    )
    credential = credentials.evolve_credential(None, event)
    with pytest.raises(TypeError):
        credentials.evolve_credential(credential, event)


def test_hash_says_nothing_of_the_secret_and_only_the_secret_fits() -> None:
    """Argon2id, salted: two hashes of one secret differ."""
    one, other = client_secrets.HASHER.hash("secret"), client_secrets.HASHER.hash("secret")
    assert one != other
    assert one.startswith("$argon2id$")
    assert client_secrets._any_is_right((one, client_secrets._NOBODYS), "secret")
    assert not client_secrets._any_is_right((one, client_secrets._NOBODYS), "Secret")


class _Secrets:
    """A collection of secrets, and the store it is in."""

    def __init__(self, document: dict[str, Any] | None) -> None:
        self._document = document

    def __getitem__(self, name: str) -> "_Secrets":
        return self

    async def find_one(self, query: dict[str, Any]) -> dict[str, Any] | None:
        return self._document


@pytest.mark.parametrize(
    ("document", "right"),
    [
        (None, False),
        ({"hash": "wrong"}, False),
        ({"hash": client_secrets.HASHER.hash("x")}, True),
        ({"hash": "new", "old_hash": client_secrets.HASHER.hash("x"), "old_until": NOW}, False),
        (
            {
                "hash": "new",
                "old_hash": client_secrets.HASHER.hash("x"),
                "old_until": NOW + timedelta(seconds=1),
            },
            True,
        ),
    ],
    ids=["unknown", "wrong", "right", "old and over", "old and good"],
)
def test_every_attempt_costs_two_hashes_whatever_is_known(
    document: dict[str, Any] | None, right: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who measures the answer's time does not learn which clients there are."""
    hashed: list[str] = []
    verify = client_secrets._verify

    def counted(known: str, secret: str) -> bool:
        hashed.append(known)
        return verify(known, secret)

    monkeypatch.setattr(client_secrets, "_verify", counted)
    store: Any = _Secrets(document)
    assert asyncio.run(client_secrets.is_right(store, "somebody", "x", NOW)) is right
    assert len(hashed) == 2


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/oauth/token"),
        ("GET", "/.well-known/jwks.json"),
        ("GET", "/.well-known/oauth-authorization-server"),
    ],
)
def test_members_gives_no_tokens_where_the_issuer_is_another(
    method: str, path: str, tmp_path: Path
) -> None:
    """404 with the issuer that does; and 503 where there is a directory and no key in it."""
    settings: dict[str, Any] = {
        "kafka": "k:1",
        "mongodb": "mongodb://m",
        "jwks_url": "https://login.example.org/jwks",
        "issuer": "https://login.example.org",
    }

    def ask(**more: Any) -> Any:
        app = FastAPI()
        app.state.limits = Limits(10, 10)
        add_problem_handlers(app)
        app.include_router(oauth.routes(MembersSettings(**settings, **more)))
        return TestClient(app).request(method, path)

    answer = ask()
    assert (answer.status_code, answer.json()["issuer"]) == (404, "https://login.example.org")
    assert answer.json()["type"] == "urn:alliance:problem:tokens-are-issued-elsewhere"
    without_keys = ask(signing_keys_dir=tmp_path)
    assert without_keys.status_code == (503 if method == "POST" else 200)
