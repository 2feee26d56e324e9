"""Example bodies of this service's commands, as OpenAPI shows them; each is run as a test."""

from typing import Any

LINES: list[dict[str, Any]] = [
    {
        "kind": "funding",
        "line": 1,
        "amount": {"amount": "525000.00", "currency": "EUR"},
        "purpose": "equipment",
    },
    {
        "kind": "goods",
        "line": 2,
        "category": "boiler",
        "amount": {"quantity": 2, "unit": "piece"},
        "unit_value": {"amount": "12000.00", "currency": "EUR"},
    },
    {
        "kind": "services",
        "line": 3,
        "category": "shelter-construction",
        "amount": {"quantity": 120, "unit": "person-day"},
    },
]
"""What the need of the example asks for."""

EXAMPLES: dict[str, dict[str, Any]] = {
    "post_need": {
        "place": "UA32080030010080493",
        "sector": "education",
        "project_type": "rehabilitation",
        "title": {"uk": "Дитячий садок «Піноккіо»", "en": "Kindergarten “Pinocchio”"},
        "lines": LINES,
        "urgency": "critical",
        "urgency_reason": "The building is damaged and the children have no shelter.",
        "damage_date": "2022-03-01",
        "site": {"coordinates": {"latitude": "50.6447", "longitude": "29.9211"}},
        "site_withheld": True,
    },
    "amend_need": {
        "reason": "A third boiler is needed.",
        "lines": [LINES[0], LINES[1] | {"amount": {"quantity": 3, "unit": "piece"}}, LINES[2]],
    },
    "withdraw_need": {"reason": "It was built with other means."},
    "prepare_project": {"plan": "Designs, permits and the tender for the repairs."},
    "start_project": {
        "start_date": "2022-08-01",
        "planned_scope": "the repaired kindergarten with equipment, shelter and water",
        "planned_end_date": "2023-08-31",
        "planned_value": [{"amount": "525000.00", "currency": "EUR"}],
    },
    "suspend_project": {"cause": "security", "reason": "The quarter is under fire."},
    "resume_project": {"reason": "It has been quiet for a month."},
    "cancel_project": {"reason": "The ground does not hold."},
    "record_milestone": {
        "milestone": 1,
        "title": {"uk": "Дах відновлено", "en": "The roof is restored"},
        "status": "met",
        "date": "2023-05-12",
    },
    "complete_project": {
        "end_date": "2023-09-15",
        "final_value": [{"amount": "540000.00", "currency": "EUR"}],
        "final_scope": "the repaired kindergarten with equipment and shelter",
        "scope_reason": "The town's own water works supply it now.",
        "end_date_reason": "Work stood still during attacks.",
        "value_reason": "Steel had become dearer.",
    },
    "verify_completion": {
        "finding": "confirmed",
        "report": "Visited: the kindergarten works, with its shelter.",
    },
}
"""The body of each command, by its name."""
