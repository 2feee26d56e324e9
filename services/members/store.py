"""Collections of members, and which event changes which document."""

from pymongo import IndexModel

from services.members import credentials as credential
from services.members import model, twinning
from services.members.client_secrets import SECRETS
from services.members.credentials import Credential
from services.members.model import Member
from services.members.twinning import Partnership
from shared.events.credentials import CredentialIssued, CredentialRevoked, CredentialRotated
from shared.events.members import (
    MemberAdmitted,
    MemberApplied,
    MemberLeft,
    MemberReinstated,
    MemberRejected,
    MemberSuspended,
    PartnershipConfirmed,
    PartnershipDeclared,
    PartnershipEnded,
)
from shared.log import Folded, Records

members = Folded(
    "members",
    Member,
    model.evolve_member,
    {
        MemberApplied: "member_id",
        MemberAdmitted: "member_id",
        MemberRejected: "member_id",
        MemberSuspended: "member_id",
        MemberReinstated: "member_id",
        MemberLeft: "member_id",
    },
    [IndexModel("organisation_id", unique=True)],
)

partnerships = Folded(
    "partnerships",
    Partnership,
    twinning.evolve_partnership,
    {
        PartnershipDeclared: "partnership_id",
        PartnershipConfirmed: "partnership_id",
        PartnershipEnded: "partnership_id",
    },
    [
        IndexModel(
            [("ukrainian_id", 1), ("partner_id", 1)],
            name="one living partnership per pair",
            unique=True,
            partialFilterExpression={"living": True},
        ),
        IndexModel([("ukrainian_id", 1), ("_id", 1)]),
        IndexModel([("partner_id", 1), ("_id", 1)]),
    ],
)

credentials = Folded(
    "credentials",
    Credential,
    credential.evolve_credential,
    {
        CredentialIssued: "credential_id",
        CredentialRotated: "credential_id",
        CredentialRevoked: "credential_id",
    },
    [IndexModel([("member_id", 1), ("_id", 1)])],
    begins=(CredentialIssued,),
)

RECORDS = Records("members", members, partnerships, credentials, plain=(SECRETS,))
