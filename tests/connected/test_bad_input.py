"""Naughty strings in every text field: stored and returned exactly, or refused with a reason.

Nothing is 5xx, nothing is half written. The strings are ../shared/data/strings/blns.json.
"""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.connected.acting import THREE, Acting, Json, euros
from tests.system import TestBuild, running

BLNS = Path(__file__).parents[2].parent / "shared" / "data" / "strings" / "blns.json"
OTHERS = [
    "  blanks around  ",
    "Ірпiнь with a Latin i",
    "a" * 300,
    "a" * 301,
    "я" * 5000,
    "\u202egnirts",
    "zero\u200bwidth",
    "\u2028",
    "е\u0301",  # a letter and its accent apart
    "\x7f",
]


@pytest.fixture(scope="module")
def system() -> Iterator[TestBuild]:
    """The same, without a matching round over all pledges for each new one."""
    with running({"ALLIANCE_ROUND_DEBOUNCE_SECONDS": "5"}, services=THREE) as started:
        yield started


def strings() -> list[str]:
    """Every string, and some of ours."""
    if not BLNS.exists():
        pytest.skip(f"{BLNS} is not there")
    found: list[str] = json.loads(BLNS.read_text(encoding="utf-8"))
    return [*found, *OTHERS]


def a_need(text: str) -> Json:
    """A need with the text wherever one may stand; a place and codes that are good."""
    return {
        "place": "UA32080150010049888",
        "sector": "education",
        "project_type": "rehabilitation",
        "title": {"uk": text},
        "description": {"en": text},
        "lines": [euros("2.50") | {"purpose": text}],
        "urgency_reason": text,
        "site": {"description": text},
    }


def a_pledge(text: str) -> Json:
    """The same of a pledge."""
    return {
        "title": {"en": text},
        "lines": [euros("2.50") | {"purpose": text}],
        "conditions": text,
    }


def an_application(text: str) -> Json:
    """The same of an application."""
    return {
        "side": "partner",
        "kind": "city",
        "organisation_id": text,
        "names": {"en": text},
        "country": "PT",
        "principles": [],
    }


def texts(found: Any, text: str) -> int:
    """How often a text stands in what was answered, whole."""
    if isinstance(found, dict):
        return sum(texts(value, text) for value in found.values())
    if isinstance(found, list):
        return sum(texts(value, text) for value in found)
    return int(found == text)


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("who", "service", "path", "body", "fields"),
    [("irpin", "projects", "/needs", a_need, 5), ("cascais", "matching", "/pledges", a_pledge, 3)],
    ids=["need", "pledge"],
)
async def test_text_is_returned_exactly_or_refused_with_a_reason(
    acting: Acting, who: str, service: str, path: str, body: Any, fields: int
) -> None:
    """Each string in every text field at once: all are stored, or each that is not is named."""
    outcome: Counter[str] = Counter()
    for text in strings():
        before = acting.recorded()[service] if service != "matching" else 0
        answer = await acting.ask(who, service, path, body(text))
        assert answer.status_code in (201, 422), (text, answer.status_code, answer.text)
        if answer.status_code == 201:
            stored = await acting.got(service, answer.headers["Location"])
            assert texts(stored, text) == fields, (text, stored)
            outcome["stored"] += 1
        else:
            problem = answer.json()
            for error in problem["errors"]:
                assert error["pointer"].startswith("/"), problem
                assert error["detail"], problem
                assert error["given"] in (text[:200], None), problem
            assert service == "matching" or acting.recorded()[service] == before
            outcome["refused"] += 1
    assert outcome["stored"] > 400, outcome
    assert outcome["refused"] > 10, outcome


async def test_naughty_strings_where_codes_are_wanted_are_refused(acting: Acting) -> None:
    """Ids, codes, dates, amounts and names of fields: 422 or 404, and nothing recorded."""
    await acting.at_rest()
    before = acting.recorded()["projects"], acting.recorded()["members"]
    need = acting.a_need()
    for text in strings():
        key = text if text not in need else "odd"
        for who, service, path, body in (
            ("irpin", "projects", "/needs", need | {"sector": text}),
            ("irpin", "projects", "/needs", need | {"damage_date": text}),
            ("irpin", "projects", "/needs", need | {key: text}),
            ("irpin", "projects", "/needs", need | {"lines": [euros(f"{text}!")]}),
            ("operator", "members", "/members", an_application(text)),
        ):
            answer = await acting.ask(who, service, path, body, Dry_Run="true")
            assert answer.status_code == 422, (text, path, answer.status_code, answer.text)
    assert (acting.recorded()["projects"], acting.recorded()["members"]) == before


@pytest.mark.parametrize(
    "amount",
    [
        "0",
        "0.00",
        "-1",
        "-0.01",
        "+1",
        "1e3",
        "NaN",
        "Infinity",
        "1,000.00",
        "1.001",
        "1.",
        ".5",
        "01.00",
        "１.00",
        "1.00 ",
        "9" * 16,
        "9" * 400,
        "",
        1,
        1.5,
        None,
        True,
        {"amount": "1.00"},
        ["1.00"],
    ],
)
async def test_amount_that_is_none_is_refused_at_its_field(acting: Acting, amount: Any) -> None:
    """Money is a decimal string above zero with no more decimals than its currency."""
    line = {"kind": "funding", "line": 1, "amount": {"amount": amount, "currency": "EUR"}}
    answer = await acting.ask("irpin", "projects", "/needs", acting.a_need(line))
    assert answer.status_code == 422, answer.text
    (error,) = answer.json()["errors"]
    assert error["pointer"].startswith("/lines/0"), error


@pytest.mark.parametrize("day", ["2014-02-19", "2999-01-01", "0000-00-00", "2023-02-29", "1.3.22"])
async def test_damage_on_an_absurd_day_is_refused(acting: Acting, day: str) -> None:
    """Before the war, in the future, in no calendar."""
    body = acting.a_need() | {"damage_date": day}
    answer = await acting.ask("irpin", "projects", "/needs", body)
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["pointer"] == "/damage_date"
