"""members: who belongs to the alliance.

Owns applications, endorsement and admission, suspension and leaving, partnerships, and the text of
the principles. A body that was rejected or has left may apply again and is the same member then,
under the same id.
Publishes `members.events`: member-applied, member-admitted, member-rejected, member-suspended,
member-reinstated, member-left, partnership-declared, partnership-confirmed, partnership-ended.
Consumes nothing.
"""
