"""Code lists that services check input against: places of Ukraine, regions of partners, currencies.

The files are generated from packages that ship the official lists (`python -m
shared.codelists.generate`), so that a running service needs neither the packages nor a network;
but for the population of hromadas, which no package ships (`sizes`).
"""

from shared.codelists.currencies import currencies, currency_decimals
from shared.codelists.finding import find_place
from shared.codelists.places import (
    HROMADA_LEVEL,
    INSIDE_A_HROMADA,
    OBLAST_LEVEL,
    Place,
    asked_chain,
    chain,
    codes_below,
    places,
)
from shared.codelists.regions import Region, asked_lau, asked_nuts, nuts
from shared.codelists.sizes import oblast_of, size_of

__all__ = [
    "HROMADA_LEVEL",
    "INSIDE_A_HROMADA",
    "OBLAST_LEVEL",
    "Place",
    "Region",
    "asked_chain",
    "asked_lau",
    "asked_nuts",
    "chain",
    "codes_below",
    "currencies",
    "currency_decimals",
    "find_place",
    "nuts",
    "oblast_of",
    "places",
    "size_of",
]
