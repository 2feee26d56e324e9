"""Rates are read as they were published; what is broken, far apart or dangerous is refused."""

from datetime import date
from pathlib import Path

import pytest

from cli.documents import Unreadable
from cli.rates import ECB, NBU, merged, read_rates

SAMPLES = Path(__file__).parent / "samples"
ACTIVE = ("USD", "JPY", "CZK", "PLN", "UAH")
FRIDAY = date(2024, 1, 5)


@pytest.mark.parametrize(
    ("name", "publisher", "day", "rates"),
    [
        (
            "eurofxref.csv",
            ECB,
            FRIDAY,
            {"USD": "1.1000", "JPY": "150.00", "CZK": "24.500", "PLN": "4.3210"},
        ),
        (
            "eurofxref-hist.csv",
            ECB,
            FRIDAY,
            {"USD": "1.1000", "JPY": "150.00", "CZK": "24.500", "PLN": "4.3210"},
        ),
        (
            "eurofxref-daily.xml",
            ECB,
            FRIDAY,
            {"USD": "1.1000", "JPY": "150.00", "CZK": "24.500"},
        ),
        ("nbu.json", NBU, date(2024, 1, 8), {"UAH": "41.50"}),
    ],
)
def test_each_format_is_read_to_the_last_zero(
    name: str, publisher: str, day: date, rates: dict[str, str]
) -> None:
    """The newest day of the file; N/A is no rate; trailing zeros stay."""
    found = read_rates(SAMPLES / name)
    assert found.publisher == publisher
    assert found.on(None) == (day, rates)


def test_files_of_both_banks_make_one_set() -> None:
    """The euro's crosses and the hryvnia, a weekend apart; it is as old as the older."""
    found = merged(
        [read_rates(SAMPLES / "eurofxref.csv"), read_rates(SAMPLES / "nbu.json")], None, ACTIVE
    )
    assert found.body == {
        "date": "2024-01-05",
        "source": f"{ECB} of 2024-01-05 (eurofxref.csv); {NBU} of 2024-01-08 (nbu.json)",
        "per_eur": {
            "CZK": "24.500",
            "JPY": "150.00",
            "PLN": "4.3210",
            "UAH": "41.50",
            "USD": "1.1000",
        },
    }


def test_day_of_a_history_is_chosen_and_retired_currencies_are_told() -> None:
    """The kuna had a rate on that day; it is not sent, and named."""
    found = merged([read_rates(SAMPLES / "eurofxref-hist.csv")], date(2022, 12, 30), ACTIVE)
    assert (found.per_eur["USD"], found.inactive) == ("1.0500", ("HRK",))


def test_day_that_has_no_rates_is_refused() -> None:
    """New Year's Eve was a Saturday."""
    with pytest.raises(Unreadable, match="has no rates of 2022-12-31; it has 2022-12-30 to 2024"):
        read_rates(SAMPLES / "eurofxref-hist.csv").on(date(2022, 12, 31))


def test_files_that_are_too_far_apart_are_refused(tmp_path: Path) -> None:
    """Four days are more than a weekend."""
    late = tmp_path / "nbu.json"
    late.write_text((SAMPLES / "nbu.json").read_text().replace("08.01.2024", "09.01.2024"))
    with pytest.raises(Unreadable, match="2024-01-05 and 2024-01-09: more than 3 days apart"):
        merged([read_rates(SAMPLES / "eurofxref.csv"), read_rates(late)], None, ACTIVE)


def test_files_that_contradict_each_other_are_refused(tmp_path: Path) -> None:
    """Both values are named, and both files."""
    other = tmp_path / "other.csv"
    other.write_text((SAMPLES / "eurofxref.csv").read_text().replace("1.1000", "1.2000"))
    with pytest.raises(Unreadable, match=r"other.csv: USD is 1.2000, and 1.1000 in eurofxref.csv"):
        merged([read_rates(SAMPLES / "eurofxref.csv"), read_rates(other)], None, ACTIVE)


BOMB = '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]><a><Cube time="2024-01-05"/></a>'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is neither of the ECB"),
        ("<html></html>", "has no rates"),
        (BOMB, "has a document type declaration"),
        ("<Cube time='2024-01-05'><Cube currency='USD' rate='1.1'>", "line 1: no element found"),
        ("<Cube time='5.1.2024'><Cube currency='USD' rate='1'/></Cube>", "'5.1.2024' is no day"),
        ("<Cube time='2024-01-05'><Cube currency='USD' rate='1,1'/></Cube>", "USD: '1,1' is no ra"),
        ("Date, USD, \n05 January 2024, \n", "line 2 has 2 cells, the header 3"),
        ("Date,USD,\n2024-01-05,-1.1,\n", "line 2, USD: '-1.1' is no rate"),
        ("Date,USD,\n2024-01-05,N/A,\n", "has no rates"),
        ('{"cc": "EUR"}', "has no rate of cc EUR"),
        ('[{"cc": "USD", "rate": 38.1, "exchangedate": "05.01.2024"}]', "has no rate of cc EUR"),
        ('[{"cc": "EUR", "rate": 1e2, "exchangedate": "05.01.2024"}]', "'1e2' is no rate"),
        ('[{"cc": "EUR", "rate": 41.5}]', "exchangedate: 'None' is no day"),
        ('[{"cc": "EUR"', "Expecting"),
    ],
)
def test_broken_file_is_refused_with_the_place(tmp_path: Path, text: str, said: str) -> None:
    """Nothing of it is taken; the message says where it broke."""
    file = tmp_path / "file"
    file.write_text(text)
    with pytest.raises(Unreadable) as error:
        read_rates(file)
    assert said in str(error.value)
