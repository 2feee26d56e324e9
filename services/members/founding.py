"""The founding core members of the alliance, as its declaration of 30 June 2022 names them.

Their organisation ids are the alliance's own short names (`XI-ALLIANCE-…`): none is a register
number, and none is claimed to be one.
"""

from dataclasses import dataclass

from shared.events.facts import Side


@dataclass(frozen=True)
class FoundingMember:
    """One founding core member."""

    side: Side
    organisation_id: str
    country: str
    names: dict[str, str]


def _partner(number: str, english: str, ukrainian: str, country: str = "BE") -> FoundingMember:
    return FoundingMember(
        "partner", f"XI-ALLIANCE-{number}", country, {"en": english, "uk": ukrainian}
    )


def _ukrainian(number: str, english: str, ukrainian: str) -> FoundingMember:
    return FoundingMember(
        "ukraine", f"XI-ALLIANCE-{number}", "UA", {"en": english, "uk": ukrainian}
    )


MEMBERS = (
    _partner("COR", "European Committee of the Regions", "Європейський комітет регіонів"),
    _partner(
        "CEMR",
        "Council of European Municipalities and Regions",
        "Рада європейських муніципалітетів і регіонів",
    ),
    _partner("EUROCITIES", "Eurocities", "Єврокітіз"),
    _partner(
        "CALRE",
        "Conference of European Regional Legislative Assemblies",
        "Конференція європейських регіональних законодавчих асамблей",
    ),
    _partner(
        "CPMR",
        "Conference of Peripheral Maritime Regions",
        "Конференція периферійних морських регіонів",
        "FR",
    ),
    _partner("AER", "Assembly of European Regions", "Асамблея європейських регіонів"),
    _partner(
        "AEBR",
        "Association of European Border Regions",
        "Асоціація європейських прикордонних регіонів",
        "DE",
    ),
    _partner("COVENANT", "Covenant of Mayors", "Угода мерів"),
    _ukrainian("AUC", "Association of Ukrainian Cities", "Асоціація міст України"),
    _ukrainian(
        "UARC",
        "Ukrainian Association of District and Regional Councils",
        "Українська асоціація районних та обласних рад",
    ),
    _ukrainian(
        "ARVC",
        "Association of Rural and Village Councils of Ukraine",
        "Всеукраїнська асоціація сільських та селищних рад",
    ),
    _ukrainian(
        "AUATC",
        "All-Ukrainian Association of Amalgamated Hromadas",
        "Всеукраїнська асоціація об’єднаних територіальних громад",
    ),
)
