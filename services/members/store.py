"""Collections of members, and which event changes which document."""

from pymongo import IndexModel

from services.members import model
from services.members.model import Member, Partnership
from shared.events.members import (
    MemberAdmitted,
    MemberApplied,
    MemberRejected,
    PartnershipDeclared,
)
from shared.log import Folded, Records

members = Folded(
    "members",
    Member,
    model.evolve_member,
    {MemberApplied: "member_id", MemberAdmitted: "member_id", MemberRejected: "member_id"},
    [IndexModel("organisation_id", unique=True)],
)

partnerships = Folded(
    "partnerships",
    Partnership,
    model.evolve_partnership,
    {PartnershipDeclared: "partnership_id"},
    [IndexModel([("ukrainian_id", 1), ("partner_id", 1)], unique=True)],
)

RECORDS = Records("members", members, partnerships)
