"""Letters of names: how Ukrainian is romanised, and which letters are mistaken for one another."""

import re
import unicodedata

_LETTERS = dict(zip("абвгґдезиіклмнопрстуф", "abvhgdezyiklmnoprstuf", strict=True)) | {
    **{"ж": "zh", "х": "kh", "ц": "ts", "ч": "ch", "ш": "sh", "щ": "shch", "ь": "", "’": ""},
    **{"є": "ie", "ї": "i", "й": "i", "ю": "iu", "я": "ia"},
}
_FIRST = {"є": "ye", "ї": "yi", "й": "y", "ю": "yu", "я": "ya"}

_APOSTROPHES = re.compile("['`´ʼʹʻʽˈ‘’‛′＇]")
_DASHES = re.compile("[‐‑‒–—−]")
_CYRILLIC = re.compile("[Ѐ-ӿ]")
_LATIN = re.compile("[A-Za-zÀ-ɏ]")

_ALIKE = ("aceiopxyABCEHIKMOPTXYïÏ", "асеіорхуАВСЕНІКМОРТХУїЇ")
TO_CYRILLIC = str.maketrans(*_ALIKE)
TO_LATIN = str.maketrans(*reversed(_ALIKE))


def romanised(ukrainian: str) -> str:
    """A Ukrainian name in Latin letters, by Cabinet Resolution 55 of 27 January 2010.

    Example: Згурський → Zghurskyi. What is no Ukrainian letter stays as it is.
    """
    text = _APOSTROPHES.sub("’", unicodedata.normalize("NFC", ukrainian))
    found = ""
    for at, letter in enumerate(text):
        small, before, after = letter.lower(), text[at - 1 : at], text[at + 1 : at + 2]
        if small == "г" and before.lower() == "з":
            latin = "gh"
        elif small in _FIRST and not (before.isalpha() or before == "’"):
            latin = _FIRST[small]
        else:
            latin = _LETTERS.get(small, letter)
        if letter.isupper():
            capitals = after.isupper() or (before.isupper() and not after.isalpha())
            latin = latin.upper() if capitals else latin[:1].upper() + latin[1:]
        found += latin
    return found


def one_form(name: str) -> str:
    """A name with one sort of apostrophe and dash, single blanks, and composed letters."""
    text = _DASHES.sub("-", _APOSTROPHES.sub("’", unicodedata.normalize("NFC", name)))
    return " ".join(text.split())


def in_one_script(name: str) -> str | None:
    """A name with letters of the other script replaced by those they look like.

    None where that leaves both Latin and Cyrillic letters.
    """
    if not (_CYRILLIC.search(name) and _LATIN.search(name)):
        return name
    if not _LATIN.search(cyrillic := name.translate(TO_CYRILLIC)):
        return cyrillic
    if not _CYRILLIC.search(latin := name.translate(TO_LATIN)):
        return latin
    return None


def is_latin(name: str) -> bool:
    """Whether a name is written in Latin letters."""
    return bool(_LATIN.search(name)) and not _CYRILLIC.search(name)
