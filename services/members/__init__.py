"""members: who belongs to the alliance.

Owns applications, endorsement and admission, and partnerships.
Publishes `members.events`: member-applied, member-admitted, member-rejected, partnership-declared.
Consumes nothing.
"""
