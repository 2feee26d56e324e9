"""Example bodies of this service's commands, as OpenAPI shows them; each is run as a test."""

from typing import Any

LINES: list[dict[str, Any]] = [
    {
        "kind": "funding",
        "line": 1,
        "amount": {"amount": "500000.00", "currency": "EUR"},
        "minimum": {"amount": "100000.00", "currency": "EUR"},
    },
    {
        "kind": "goods",
        "line": 2,
        "category": "truck",
        "amount": {"quantity": 3, "unit": "piece"},
        "indivisible": True,
    },
]
"""What the pledge of the example holds."""

EXAMPLES: dict[str, dict[str, Any]] = {
    "make_pledge": {
        "title": {"en": "For kindergartens in Kyiv oblast", "uk": "Для дитсадків Київщини"},
        "lines": LINES,
        "earmark": {"territories": ["UA32000000000030281"], "sectors": ["education"]},
        "conditions": "A plaque names the donor.",
        "valid_until": "2099-12-31",
    },
    "preview_pledge": {
        "partner_id": "01818ba0-0003-7001-8000-000000000003",
        "title": {"en": "For kindergartens in Kyiv oblast"},
        "lines": LINES,
        "earmark": {"territories": ["UA32000000000030281"], "sectors": ["education"]},
    },
    "amend_pledge": {
        "lines": [LINES[0] | {"amount": {"amount": "600000.00", "currency": "EUR"}}, LINES[1]],
        "reason": "The city council gave more.",
    },
    "withdraw_pledge": {"reason": "The budget was cut."},
    "propose_match": {
        "pledge_id": "01818ba0-0003-7003-8000-000000000003",
        "pledge_line": 1,
        "need_id": "01818ba0-0003-7002-8000-000000000003",
        "need_line": 1,
        "reason": "The two mayors agreed on it when they met.",
    },
    "decline_match": {"reason": "We have found another way to do it."},
    "deliver": {
        "amount": {"amount": "250000.00", "currency": "EUR"},
        "date": "2023-08-31",
        "scope": "the first half of the equipment",
    },
    "ask_for_round": {"reason": "All pledges of the conference are in."},
    "set_rates": {
        "date": "2022-06-22",
        "source": "an example, no quotation",
        "per_eur": {"UAH": "30.8940", "PLN": "4.6590"},
    },
}
"""The body of each command, by its name."""
