"""What services say to people in other languages than English: gettext catalogues.

`uk.po` holds, for each English template of an error, its Ukrainian one with the same values; for
what pydantic says, the key is its error type, in the context `pydantic`. A service that says more
has a catalogue of its own.
"""

from functools import cache
from gettext import GNUTranslations
from io import BytesIO
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

LANGUAGES = ("en", "uk")
HERE = Path(__file__).parent


def translate(template: str, language: str, context: str | None = None) -> str:
    """A template in a language; the template itself where there is none."""
    if language == "en" or not template:
        return template
    words = catalogue(HERE / f"{language}.po")
    return words.pgettext(context, template) if context else words.gettext(template)


@cache
def catalogue(file: Path) -> GNUTranslations:
    """A `.po` file, compiled in memory: plural forms and contexts as GNU gettext has them."""
    compiled = BytesIO()
    with file.open("rb") as text:
        write_mo(compiled, read_po(text))
    compiled.seek(0)
    return GNUTranslations(compiled)


def preferred(accept_language: str) -> str:
    """The language of ours that an `Accept-Language` header (RFC 9110, 12.5.4) wants most."""
    best, best_weight = LANGUAGES[0], 0.0
    for choice in accept_language.split(","):
        tag, _, parameter = choice.partition(";")
        language = tag.strip().lower().partition("-")[0]
        name, _, value = parameter.strip().partition("=")
        try:
            weight = float(value) if name.strip() == "q" else 1.0
        except ValueError:
            continue
        if language in LANGUAGES and weight > best_weight:
            best, best_weight = language, weight
    return best
