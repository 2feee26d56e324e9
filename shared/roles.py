"""Who may do what: the commands of each role, of all services, in one table.

Whether the thing is the caller's own is another question, which each command answers itself.
Reading public facts needs no role.
"""

ROLES: dict[str, frozenset[str]] = {
    "operator": frozenset(
        {
            "apply",
            "found",
            "suspend_member",
            "reinstate_member",
            "issue_credential",
            "rotate_credential",
            "revoke_credential",
            "preview_pledge",
            "propose_match",
            "set_rates",
            "ask_for_round",
            "set_contact",
            "erase_contact",
            "ask_verification",
            "register_webhook",
            "rotate_webhook_secret",
            "ping_webhook",
            "enable_webhook",
            "remove_webhook",
            "replay_notice",
            "set_preferences",
            "resend_notice",
            "replay_letter",
            "replay_letters",
            "drop_letter",
        }
    ),
    "core": frozenset({"apply", "endorse", "reject", "suspend_member", "reinstate_member"}),
    "member": frozenset(
        {
            "ask_verification",
            "leave",
            "declare_partnership",
            "confirm_partnership",
            "end_partnership",
            "post_need",
            "amend_need",
            "withdraw_need",
            "prepare_project",
            "start_project",
            "suspend_project",
            "resume_project",
            "cancel_project",
            "record_milestone",
            "complete_project",
            "make_pledge",
            "preview_pledge",
            "amend_pledge",
            "withdraw_pledge",
            "propose_match",
            "accept_match",
            "decline_match",
            "deliver",
            "set_preferences",
            "issue_credential",
            "rotate_credential",
            "revoke_credential",
            "register_webhook",
            "rotate_webhook_secret",
            "ping_webhook",
            "enable_webhook",
            "remove_webhook",
            "replay_notice",
        }
    ),
    "monitor": frozenset({"verify_completion"}),
    "auditor": frozenset(),
}
"""Commands by role; a command has the name of the function that does it."""


def roles_for(command: str) -> list[str]:
    """The roles that may do a command."""
    return [role for role, commands in ROLES.items() if command in commands]
