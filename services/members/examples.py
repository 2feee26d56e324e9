"""Example bodies of this service's commands, as OpenAPI shows them; each is run as a test."""

from typing import Any

from services.members import principles

EXAMPLES: dict[str, dict[str, Any]] = {
    "apply": {
        "side": "ukraine",
        "kind": "hromada",
        "organisation_id": "UA-EDR-04054628",
        "names": {"uk": "Бородянська громада", "en": "Borodianka hromada"},
        "country": "UA",
        "territory": "UA32080030010080493",
        "principles": list(principles.CODES),
        "principles_version": principles.CURRENT,
    },
    "endorse": {"reason": "Known to us, and committed to the principles."},
    "reject": {"reason": "The body does not govern a territory."},
    "suspend_member": {"reason": "Letters have not been answered since spring."},
    "reinstate_member": {"reason": "The new city hall has answered."},
    "leave": {"reason": "The hromada has merged with its neighbour."},
    "declare_partnership": {
        "with_member": "018a0000-0000-7000-8000-000000000001",
        "statement": "Twinned by decision of both councils, 23 June 2022.",
    },
    "end_partnership": {"reason": "What both councils had agreed on is done."},
    "found": {"contacts": {}},
    "issue_credential": {
        "member_id": "018a0000-0000-7000-8000-000000000001",
        "roles": ["member"],
        "label": "Document system of the city hall",
    },
    "rotate_credential": {"overlap_seconds": 86400},
    "revoke_credential": {"reason": "The document system was replaced."},
}
"""The body of each command, by its name."""
