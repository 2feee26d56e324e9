"""How the columns of somebody's CSV file are read as those of a need."""

import difflib
from collections.abc import Iterable
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from cli.documents import Unreadable, read_document

OF_THE_LINE = ("kind", "category", "amount", "currency", "quantity", "unit", "purpose")
OF_THE_NEED = (
    "place",
    "title_uk",
    "title_en",
    "description_uk",
    "description_en",
    "sector",
    "project_type",
    "urgency",
    "urgency_reason",
    "damage_date",
    "site",
    "latitude",
    "longitude",
    "site_withheld",
)
COLUMNS = ("ref", *OF_THE_NEED, *OF_THE_LINE)


class Mapping(BaseModel):
    """How a file's columns are read as ours.

    `columns`: ours by theirs, or null for one that is not read. `values`: by our column, what
    theirs say in ours. `constants`: what each row has in a column of ours that the file lacks.
    """

    model_config = ConfigDict(extra="forbid")

    columns: dict[str, str | None] = {}
    values: dict[str, dict[str, str]] = {}
    constants: dict[str, str] = {}


DREAM = Mapping(
    columns={
        "katottg": "place",
        "title_uk": "title_uk",
        "top_sector": "sector",
        "hromada_uk": None,
        "dream_code_probable": None,
        "hromada_projects": None,
    },
    values={
        "sector": {
            "Освіта": "education",
            "Відновлення / реконструкція": "socialHousing",
            "Вода / каналізація (ЖКГ)": "waterAndWaste",
            "Охорона здоров'я": "health",
            "Соціальні послуги": "health",
            "Транспорт / логістика": "transport",
            "Безпека / ЦЗ": "governance",
            "Е-врядування": "governance",
            "Енергетика (ВДЕ)": "energy",
            "Довкілля / екологія": "naturalResources",
            "Підприємництво / МСБ": "economy",
            "Культура / спадщина": "cultureSportsAndRecreation",
        }
    },
    constants={"project_type": "rehabilitation", "kind": "funding"},
)
"""Titles of the DREAM system's projects. They have no amounts: those must be given. A sector of
theirs is the OC4IDS one whose description names it (human services: health; emergency services:
governance); `Відновлення / реконструкція` is mostly housing."""

PRESETS = {"dream": DREAM}


def read_mapping(
    preset: str | None, file: Path | None, columns: Iterable[str], constants: Iterable[str]
) -> Mapping:
    """A preset or a file of a mapping, and over it `THEIRS=OURS` and `OURS=VALUE`.

    Raises Unreadable.
    """
    if preset is not None and preset not in PRESETS:
        raise Unreadable(f"--preset {preset}: allowed: {', '.join(PRESETS)}")
    try:
        found = PRESETS[preset] if preset else Mapping()
        if file is not None:
            found = Mapping.model_validate(read_document(file))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise Unreadable(f"{file}: {where}: {first['msg']}") from None
    found = found.model_copy(
        update={
            "columns": found.columns | dict(_pair(c, "--map") for c in columns),
            "constants": found.constants | dict(_pair(c, "--set") for c in constants),
        }
    )
    for name in (*filter(None, found.columns.values()), *found.constants, *found.values):
        if name not in COLUMNS:
            raise Unreadable(f"the mapping names column {unknown(name)}")
    return found


def _pair(given: str, option: str) -> tuple[str, str]:
    theirs, equals, ours = given.rpartition("=") if option == "--map" else given.partition("=")
    if not equals:
        raise Unreadable(f"{option} {given}: write NAME=VALUE")
    return theirs, ours


def unknown(name: str) -> str:
    """A column that is none of ours, and which it may have been meant to be."""
    near = difflib.get_close_matches(name, COLUMNS, n=1)
    return f"{name!r}, which is none: " + (f"did you mean {near[0]}?" if near else "see --help")
