"""Canonical JSON of what an event may hold: the bytes that are stored, hashed and published.

RFC 8785 (JSON Canonicalization Scheme), restricted to strings, integers below 2^53,
booleans, null, arrays and objects with ASCII keys. Events hold no floats and no other keys,
and on that subset the standard library's encoder, written in C, gives RFC 8785's bytes at a
sixth of the cost of the `rfc8785` package (docs/decisions/0003). The tests hold the two against
each other.
"""

import json
from typing import Any

_encode = json.JSONEncoder(
    sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False
).encode


def canonical(value: Any) -> str:
    """The canonical JSON text of `value`; encode it as UTF-8 to get RFC 8785's bytes."""
    return _encode(value)
