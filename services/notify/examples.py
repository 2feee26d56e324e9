"""Example bodies of this service's commands, as OpenAPI shows them; each is run as a test."""

from typing import Any

EXAMPLES: dict[str, dict[str, Any]] = {
    "set_contact": {
        "email": "office@example.org",
        "name_for_greeting": "the mayor's office",
        "language": "uk",
        "timezone": "Europe/Kyiv",
    },
}
"""The body of each command, by its name."""
