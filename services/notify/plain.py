"""Text that does no harm, whoever wrote it: in a header, in a body, in a terminal; pure."""

import re
import unicodedata

SUBJECT_LIMIT = 200
NAME_LIMIT = 300
TEXT_LIMIT = 5000
"""Characters; facts.py allows no more, so what is longer comes from elsewhere."""

_UNSEEN = re.compile(
    r"[\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ufffe\uffff"
    r"\U000e0000-\U000e007f]"
)
"""What reorders or hides text: facts.py refuses it, and names may come by other ways."""


def safe(text: str) -> str:
    """Without what could end a header, hide or reorder text: line feeds stay, as line feeds."""
    lines = text.splitlines()
    return "\n".join(line if line.isprintable() else _cleared(line) for line in lines)


def _cleared(line: str) -> str:
    line = _UNSEEN.sub("", line.replace("\t", " "))
    return "".join(c for c in line if unicodedata.category(c) not in ("Cc", "Cs", "Zl", "Zp"))


def cut(text: str, limit: int) -> str:
    """Text of at most `limit` characters, with an ellipsis where it was cut."""
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def one_line(text: str, limit: int = SUBJECT_LIMIT) -> str:
    """Text that is safe in a header: one line, no control or direction character, not endless."""
    return cut(" ".join(safe(text).split()), limit)
