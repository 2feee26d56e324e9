"""What services say to people in other languages than English: one gettext catalogue each.

`uk.po` holds, for each English template of an error, its Ukrainian one with the same values; for
what pydantic says, the key is its error type, in the context `pydantic`.
"""

from functools import cache
from pathlib import Path

from babel.messages.pofile import read_po

LANGUAGES = ("en", "uk")
HERE = Path(__file__).parent


def translate(template: str, language: str, context: str | None = None) -> str:
    """A template in a language; the template itself where there is none."""
    if language == "en":
        return template
    return _catalogue(language).get((context, template), template)


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


@cache
def _catalogue(language: str) -> dict[tuple[str | None, str], str]:
    with (HERE / f"{language}.po").open("rb") as file:
        return {
            (message.context, str(message.id)): str(message.string)
            for message in read_po(file)
            if message.id and message.string
        }
