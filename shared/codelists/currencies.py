"""Currencies: ISO 4217."""

import json
from functools import cache
from pathlib import Path


@cache
def currencies() -> dict[str, int]:
    """Active ISO 4217 codes and how many decimals each has."""
    return _currencies()["active"]


@cache
def currency_decimals() -> dict[str, int]:
    """Decimals of every currency that is or ever was in the list: amounts outlive currencies."""
    return _currencies()["retired"] | _currencies()["active"]


@cache
def _currencies() -> dict[str, dict[str, int]]:
    file = Path(__file__).parent / "currencies.json"
    found: dict[str, dict[str, int]] = json.loads(file.read_text())
    return found
