"""Example bodies of this service's commands, as OpenAPI shows them; each is run as a test."""

from typing import Any, get_args

from shared.events.members import PrincipleCode

EXAMPLES: dict[str, dict[str, Any]] = {
    "apply": {
        "side": "ukraine",
        "kind": "hromada",
        "organisation_id": "UA-EDR-04054628",
        "names": {"uk": "Бородянська громада", "en": "Borodianka hromada"},
        "country": "UA",
        "territory": "UA32080030010080493",
        "principles": list(get_args(PrincipleCode)),
    },
    "endorse": {"reason": "Known to us, and committed to the principles."},
    "reject": {"reason": "The body does not govern a territory."},
    "declare_partnership": {
        "with_member": "018a0000-0000-7000-8000-000000000001",
        "statement": "Twinned by decision of both councils, 23 June 2022.",
    },
    "found": {"contacts": {}},
}
"""The body of each command, by its name."""
