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
    "set_preferences": {
        "timings": {"needs": "daily", "projects": "weekly", "partnerships": "off"},
        "digest_hour": 8,
        "digest_weekday": "friday",
        "quiet_hours": {"begin": "22:00", "end": "07:00"},
    },
    "resend_notice": {"reason": "their mail server lost it"},
}
"""The body of each command, by its name."""
