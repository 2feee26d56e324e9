"""HTTP of credentials. A secret is in the answer that made it, and in no other place."""

from datetime import datetime
from typing import Literal

from fastapi import APIRouter, Response

from services.members import client_secrets, issuing
from services.members import credentials as model
from services.members.credentials import Credential, CredentialClosed
from services.members.issuing import IssueCredential, RevokeCredential, RotateCredential
from services.members.model import NotAdmitted
from services.members.store import credentials
from shared.auth import Unauthorized
from shared.errors import NotFound, NotYours
from shared.events.ids import CredentialId, MemberId
from shared.http import Act, Caller, Change, CommandRoute
from shared.openapi import refuses
from shared.reading import Lists, Reads
from shared.uow import UnitOfWork

router = APIRouter(route_class=CommandRoute, tags=["credentials"])

SHOWN_ONCE = (
    "The secret is shown once, in the first answer to the request that made it; a repeated request "
    "or a dry run does not show it. Whoever missed it rotates the credential."
)


class CredentialWithSecret(Credential):
    """A credential as OAuth 2.0 names it, with its secret."""

    client_id: CredentialId
    client_secret: str | None = None
    note: Literal[SHOWN_ONCE] = SHOWN_ONCE  # type: ignore[valid-type]


@router.post("/credentials", status_code=201, response_model_exclude_none=True)
@refuses(NotFound, NotAdmitted, NotYours, CredentialClosed)
async def issue_credential(
    body: IssueCredential, uow: Act, response: Response
) -> CredentialWithSecret:
    """Let a member, an operator, a monitor or an auditor ask for tokens."""
    credential = await issuing.issue_credential(body, uow)
    response.headers["Location"] = f"/credentials/{credential.id}"
    secret = await client_secrets.first(uow.store, uow.session, credential.id)
    return _with_secret(credential, secret, uow, response)


@router.post(
    "/credentials/{credential_id}/rotations", status_code=201, response_model_exclude_none=True
)
@refuses(CredentialClosed)
async def rotate_credential(
    credential_id: CredentialId, body: RotateCredential, uow: Change, response: Response
) -> CredentialWithSecret:
    """Give a credential a new secret; the one before stays good for an overlap."""
    credential = await issuing.rotate_credential(credential_id, body, uow)
    old_until = datetime.fromisoformat(credential.old_secret_valid_until or "")
    secret = await client_secrets.rotate(uow.store, uow.session, credential_id, old_until)
    return _with_secret(credential, secret, uow, response)


@router.post("/credentials/{credential_id}/revocations", status_code=201)
@refuses(CredentialClosed)
async def revoke_credential(
    credential_id: CredentialId, body: RevokeCredential, uow: Change
) -> Credential:
    """End a credential at once; tokens that it gave live out their quarter of an hour."""
    credential = await issuing.revoke_credential(credential_id, body, uow)
    await client_secrets.forget(uow.store, uow.session, credential_id)
    return credential


@router.get("/credentials/{credential_id}")
@refuses(Unauthorized, NotYours)
async def get_credential(credential_id: CredentialId, caller: Caller, read: Reads) -> Credential:
    """One credential, for its member, operators and auditors."""
    credential = await read.require(credentials, credential_id)
    model.may_see(caller, credential.member_id)
    return credential


@router.get("/credentials")
@refuses(Unauthorized, NotYours)
async def list_credentials(
    caller: Caller, page: Lists, member_id: MemberId | None = None
) -> list[Credential]:
    """Credentials in the order they were issued, of one member or (for operators) of all."""
    model.may_see(caller, member_id)
    return await page.find(credentials, {"member_id": member_id})


def _with_secret(
    credential: Credential, secret: str, uow: UnitOfWork, response: Response
) -> CredentialWithSecret:
    response.headers["Cache-Control"] = "no-store"
    shown = CredentialWithSecret(**credential.model_dump(), client_id=credential.id)
    uow.answer_again = shown.model_dump_json(exclude_none=True).encode()
    return shown.model_copy(update={"client_secret": secret})
