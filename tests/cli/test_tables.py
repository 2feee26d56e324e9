"""Tables say amounts with their currency, places by name, and each thing whole at any width."""

from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from cli.tables import MATCH, NEED, PLEDGE, amount, listed, one

LINE = {"kind": "funding", "line": 1, "amount": {"amount": "500000.00", "currency": "EUR"}}
NEED_ID = "01818ba0-0002-7001-8000-000000000001"
A_NEED = {
    "id": NEED_ID,
    "title": {"uk": "Садок [bold]", "en": "Crèche [bold]"},
    "territory": ["UA32080150010049888", "UA32000000000030281"],
    "sector": "education",
    "status": "identification",
    "urgency": "high",
    "lines": [LINE],
    "site_withheld": True,
    "planned_value": [{"amount": "1234.50", "currency": "UAH"}],
}
A_PLEDGE = {
    "id": NEED_ID,
    "title": {"en": "A pledge"},
    "status": "open",
    "balances": [
        {"line": LINE, "reserved": 10000000, "delivered": 5, "withdrawn": 0, "expired": 0}
    ],
}


def drawn(table: Any, width: int = 160) -> str:
    """A table as a terminal of a width shows it."""
    out = StringIO()
    Console(file=out, width=width, markup=False, highlight=False).print(table)
    return out.getvalue()


def test_amounts_are_as_people_read_them() -> None:
    """Grouped digits and the currency or unit; never a float."""
    assert amount({"amount": "500000.00", "currency": "EUR"}) == "500,000.00 EUR"
    assert amount({"amount": "0.1", "currency": "BHD"}) == "0.1 BHD"
    assert amount({"quantity": 1200, "unit": "piece"}) == "1,200 piece"


@pytest.mark.parametrize("width", [60, 80, 160])
def test_list_shows_ids_whole_at_any_width(width: int) -> None:
    """An id is there to be copied; text of others is no markup."""
    text = drawn(listed(NEED)([A_NEED], "en"), width)
    assert all(word in text for word in (NEED_ID, "Crèche [bold]", "Ірпінь", "500,000.00 EUR"))


def test_one_thing_shows_all_that_is_known() -> None:
    """In the reader's language, other fields below."""
    text = drawn(one(NEED)(A_NEED, "uk"))
    assert all(w in text for w in ("Садок", "Київська", "site withheld", "yes", "1,234.50 UAH"))
    assert "Crèche" not in text


def test_pledge_shows_what_is_available() -> None:
    """Offered less what is reserved and delivered, in its currency and not in cents."""
    assert "1: 399,999.95 EUR" in drawn(listed(PLEDGE)([A_PLEDGE], "en"))


def test_empty_list_is_a_table_of_nothing() -> None:
    """The heads say what there would be."""
    assert "reserved" in drawn(listed(MATCH)([], "en"))
