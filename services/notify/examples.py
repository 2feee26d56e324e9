"""Example bodies of this service's commands, as OpenAPI shows them; each is run as a test."""

from typing import Any

EXAMPLES: dict[str, dict[str, Any]] = {
    "set_contact": {
        "email": "office@example.org",
        "name_for_greeting": "the mayor's office",
        "language": "uk",
        "timezone": "Europe/Kyiv",
    },
    "register_webhook": {
        "url": "https://hooks.irpin.example/alliance",
        "kinds": ["matches", "projects"],
        "member_id": "018a0000-0000-7000-8000-000000000001",
    },
    "rotate_webhook_secret": {"overlap_seconds": 86400},
    "replay_notice": {"notice_id": "018a0000-0000-7000-8000-000000000002"},
}
"""The body of each command, by its name."""
