"""Every word of a notice is said in Ukrainian, with the same values, and counted rightly."""

import ast
import inspect
import re

import pytest
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po

from services.notify import layout, wording
from services.notify.audience import AUDIENCE, Party
from services.notify.messages import CODES, MESSAGES, TO_DO, UNITS, WHY
from services.notify.speech import HERE, speech
from shared.events.facts import Money, Quantity
from shared.translations import LANGUAGES

OTHERS = [language for language in LANGUAGES if language != "en"]


def catalogue(language: str) -> Catalog:
    with (HERE / f"{language}.po").open("rb") as file:
        return read_po(file)


def said() -> set[tuple[str | None, str]]:
    """What a catalogue must hold: (context, English words)."""
    found: set[tuple[str | None, str]] = {("code", words) for words in CODES.values()}
    found |= {(None, words) for words in (*WHY.values(), *TO_DO.values())}
    found |= {(None, one) for one, _ in UNITS.values()}
    for form in MESSAGES.values():
        texts = [form.subject, *form.opening, *form.closing, *(label for label, _ in form.facts)]
        found |= {(None, text) for text in texts if text != "{to_do}"}
        if form.button:
            found.add((None, form.button))
    return found | {(None, text) for text in of_code()}


def of_code() -> set[str]:
    """What wording.py and layout.py say themselves: the first argument of `say` and `count`."""
    trees = [ast.parse(inspect.getsource(module)) for module in (wording, layout)]
    return {
        node.args[0].value
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ("say", "count")
        and isinstance(node.args[0], ast.Constant)
        and isinstance(node.args[0].value, str)
    }


@pytest.mark.parametrize("language", OTHERS)
def test_everything_is_said_and_nothing_is_left_over(language: str) -> None:
    """Words without a translation are named here, and translations that nobody asks for."""
    held = {
        (m.context, m.id[0] if isinstance(m.id, tuple) else m.id): m
        for m in catalogue(language)
        if m.id and (all(m.string) if isinstance(m.string, tuple) else m.string)
    }
    assert said() - set(held) == set()
    overriding = {key for key in held if key[0] in MESSAGES}
    assert set(held) - said() - overriding == set()
    for message, text in overriding:
        assert message is not None
        form = MESSAGES[message]
        assert text in (form.subject, *form.opening, *form.closing, *(f[0] for f in form.facts))
    assert len(held) > 200


@pytest.mark.parametrize("language", OTHERS)
def test_translations_name_the_same_values(language: str) -> None:
    """A value that is left out would be missing; one that is misspelt would fail."""
    for message in catalogue(language):
        ids = message.id if isinstance(message.id, tuple) else (message.id,)
        strings = message.string if isinstance(message.string, tuple) else (message.string,)
        if ids[0]:
            asked = {frozenset(re.findall(r"{(\w*)}", str(text))) for text in (*ids, *strings)}
            assert len(asked) == 1, message.id


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_label_is_said_with_its_colon_once(language: str) -> None:
    """The layout puts it; and no words hold markup."""
    voice = speech(language)
    for name, form in MESSAGES.items():
        for label, _ in form.facts:
            assert not voice.say(label, name).endswith((":", "."))
        for text in (*form.opening, *form.closing):
            assert not re.search(r"[<>&]", voice.say(text, name))


def test_every_message_that_is_told_has_words_and_every_party_a_reason() -> None:
    """AUDIENCE asks for them."""
    assert {m for row in AUDIENCE.values() for m in row.messages.values()} <= set(MESSAGES)
    parties: set[Party] = {party for row in AUDIENCE.values() for party in row.messages}
    assert parties == set(WHY)


ONE = {1, 21, 101, 121}
FEW = {2, 3, 4, 22, 23, 24, 102, 103, 104, 122, 123, 124}


@pytest.mark.parametrize("number", [*range(26), *range(100, 126)])
def test_ukrainian_counts_in_three_forms(number: int) -> None:
    """1 новина, 2 новини, 5 новин, 11 новин, 21 новина; so for units."""
    news = speech("uk").count(
        "{count} piece of news from the Alliance",
        "{count} pieces of news from the Alliance",
        number,
    )
    forms = [("новина", "штука"), ("новини", "штуки"), ("новин", "штук")]
    of_news, of_pieces = forms[0 if number in ONE else 1 if number in FEW else 2]
    assert news == f"{number} {of_news} від Альянсу"
    assert speech("uk").quantity(Quantity(quantity=number, unit="piece")) == f"{number} {of_pieces}"


@pytest.mark.parametrize("number", [0, 1, 2, 21])
def test_english_counts_in_two_forms(number: int) -> None:
    """1 piece, 0, 2 and 21 pieces."""
    expected = "1 piece" if number == 1 else f"{number} pieces"
    assert speech("en").quantity(Quantity(quantity=number, unit="piece")) == expected


@pytest.mark.parametrize(
    ("amount", "currency", "english", "ukrainian"),
    [
        ("1.00", "EUR", "1 euro", "1 євро"),
        ("500000.00", "EUR", "500,000 euros", "500 000 євро"),
        ("1", "UAH", "1 Ukrainian hryvnia", "1 українська гривня"),
        ("3", "UAH", "3 Ukrainian hryvnias", "3 українські гривні"),
        ("25617250.00", "UAH", "25,617,250 Ukrainian hryvnias", "25 617 250 українських гривень"),
        ("0.1234", "UAH", "0.1234 Ukrainian hryvnias", "0,1234 української гривні"),
        ("99999999999999.5", "EUR", "99,999,999,999,999.50 euros", "99 999 999 999 999,50 євро"),
        ("7", "QQQ", "7 QQQ", "7 QQQ"),
    ],
)
def test_amounts_are_exact_in_the_locales_form(
    amount: str, currency: str, english: str, ukrainian: str
) -> None:
    """No digit is rounded away; the currency is named in full, in the form its number asks for."""
    money = Money.model_validate({"amount": amount, "currency": currency})
    assert speech("en").money(money) == english
    assert speech("uk").money(money).replace("\N{NO-BREAK SPACE}", " ") == ukrainian


def test_days_and_moments_are_in_the_locales_form() -> None:
    """The moment in the reader's zone, summer and winter; what is no day stays as it is."""
    assert speech("en").day("2026-03-05") == "5 March 2026"
    assert speech("uk").day("2026-03-05") == "5 березня 2026\N{NO-BREAK SPACE}р."
    assert speech("uk").day("soon") == "soon"
    moment = speech("uk").moment("2026-07-05T21:30:00Z", "Europe/Kyiv")
    assert moment == "6 липня 2026\N{NO-BREAK SPACE}р., 00:30 (UTC+03:00, Europe/Kyiv)"
    moment = speech("en").moment("2026-03-05T21:30:00Z", "America/St_Johns")
    assert moment == "5 March 2026, 18:00 (UTC-03:30, America/St_Johns)"
