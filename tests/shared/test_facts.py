"""Values inside events: what may be recorded, and that it comes back as it was given."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, TypeAdapter, ValidationError

from shared.events.canonical import canonical
from shared.events.facts import (
    Amount,
    CurrencyCode,
    DateText,
    DecimalRate,
    Katottg,
    Line1,
    LocalisedText,
    Money,
    Nuts,
    OrganisationId,
    Quantity,
    RequirementLine,
    Text,
)
from tests.shared.data import DATA, needs

LINE: TypeAdapter[str] = TypeAdapter(Line1)
TEXT: TypeAdapter[str] = TypeAdapter(Text)


def reason(kind: Any, given: object) -> str:
    """Why a value is refused; fails where it is taken."""
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(kind).validate_python(given)
    return str(caught.value.errors()[0]["msg"])


# --- money, rates, quantities ------------------------------------------------


@pytest.mark.parametrize(
    "amount",
    [
        *("NaN", "nan", "sNaN", "Infinity", "-Infinity", "inf"),
        *("1e3", "1E3", "1e-2", "5e0"),
        *("-1", "-0", "-0.00", "+1"),
        *("00", "01", "007.00", ".5", "5.", ".", ""),
        *("1234567890123456", "1.00000", "0.00001"),
        *("1,000.00", "1_000", "1 000", " 1", "1 ", "1\n", "\t1", "1\x00"),
        *("١", "１", "½", "0x10", "1/2", "€1", "--1", "1.0.0"),
        *(1, 1.0, 0, float("nan"), True, None, [1], {"amount": "1"}, b"1"),
        *(Decimal("NaN"), Decimal("Infinity"), Decimal("-1"), Decimal("-0"), Decimal("0.00001")),
    ],
)
def test_amount_that_is_no_plain_decimal_string_is_refused(amount: object) -> None:
    """Floats, exponents, signs, leading zeros, too many digits, other digits, blanks, no text."""
    said = reason(Money, {"amount": amount, "currency": "EUR"})
    assert 'must be a decimal number in a string, like "500000.00"' in said


@pytest.mark.parametrize(
    "amount", ["0", "0.0000", "0.01", "1", "500000.00", "4400000", "999999999999999.9999"]
)
def test_amount_comes_back_with_the_digits_it_was_given(amount: str) -> None:
    """Trailing zeros are kept: 500000.00 is not 500000."""
    money = Money.model_validate({"amount": amount, "currency": "EUR"})
    assert json.loads(money.model_dump_json()) == {"amount": amount, "currency": "EUR"}
    assert Money.model_validate_json(money.model_dump_json()) == money


@given(st.integers(0, 10**15 - 1), st.integers(0, 4))
def test_any_amount_of_fifteen_digits_and_four_decimals_round_trips(
    whole: int, places: int
) -> None:
    """From model arithmetic too: a Decimal is taken and written without an exponent."""
    amount = Decimal(whole).scaleb(-places)
    written = json.loads(Money(amount=amount, currency="EUR").model_dump_json())["amount"]
    assert Decimal(written) == amount
    assert "e" not in written.lower()


def test_decimal_with_an_exponent_is_written_without_one() -> None:
    """Arithmetic may give 1E+3; what is recorded is 1000."""
    assert Money(amount=Decimal("1E+3"), currency="EUR").model_dump(mode="json")["amount"] == "1000"


@pytest.mark.parametrize("rate", ["1e1", "-1", "0.12345678901", "1234567890", "NaN", 1.5, 1])
def test_rate_that_is_no_plain_decimal_string_is_refused(rate: object) -> None:
    """Nine digits and ten decimals at most."""
    assert 'must be a decimal number in a string, like "51.2345"' in reason(DecimalRate, rate)


@pytest.mark.parametrize("rate", ["1", "0.0000000001", "51.2345", "999999999.9999999999"])
def test_rate_comes_back_with_the_digits_it_was_given(rate: str) -> None:
    """A very small rate too is written without an exponent."""
    rates = TypeAdapter(DecimalRate)
    assert rates.dump_python(rates.validate_python(rate), mode="json") == rate


@pytest.mark.parametrize("currency", ["eur", "EU", "EURO", "€", "EUR\n", "ЕUR", "", None, 978])
def test_currency_is_three_capital_letters_of_ascii(currency: object) -> None:
    """The Cyrillic Е is not the Latin E; retired codes still parse."""
    reason(CurrencyCode, currency)
    assert TypeAdapter(CurrencyCode).validate_python("DEM") == "DEM"


@pytest.mark.parametrize("quantity", [-1, 10**12 + 1, 1.5, "three", None, float("nan")])
def test_quantity_is_a_whole_number_from_zero(quantity: object) -> None:
    """No part of a truck, and none owed."""
    reason(Quantity, {"quantity": quantity, "unit": "piece"})


@pytest.mark.parametrize("unit", ["", "Piece", "пiece", "1piece", "a" * 31, "piece\n", "per day"])
def test_unit_is_one_word_of_the_code_list(unit: str) -> None:
    """Lower-case ASCII, digits and dashes."""
    reason(Quantity, {"quantity": 3, "unit": unit})


def test_three_trucks_are_a_quantity_and_half_a_million_is_money() -> None:
    """An amount is one or the other, by its fields; written for people with its unit."""
    amounts: TypeAdapter[Money | Quantity] = TypeAdapter(Amount)
    trucks = amounts.validate_json('{"quantity": 3, "unit": "piece"}')
    euros = amounts.validate_json('{"amount": "500000.00", "currency": "EUR"}')
    assert (type(trucks), type(euros)) == (Quantity, Money)
    assert (str(trucks), str(euros)) == ("3 × piece", "EUR 500,000.00")
    reason(Amount, {"amount": "1", "unit": "piece"})


def test_kind_of_a_line_says_what_its_amount_is() -> None:
    """Funding holds money, goods hold units, and there is no fourth kind."""
    money = {"amount": "1", "currency": "EUR"}
    TypeAdapter(RequirementLine).validate_python({"kind": "funding", "line": 1, "amount": money})
    reason(RequirementLine, {"kind": "goods", "line": 1, "category": "truck", "amount": money})
    reason(RequirementLine, {"kind": "loan", "line": 1, "amount": money})
    for line in (0, 201):
        reason(RequirementLine, {"kind": "funding", "line": line, "amount": money})


# --- codes ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "code",
    [
        "UA3208015001004988",
        "UA320801500100498880",
        "ua32080150010049888",
        "UA" + "٣" * 17,
        "UA32080150010049888\n",
        "UА32080150010049888",
        "",
    ],
)
def test_katottg_is_ua_and_seventeen_ascii_digits(code: str) -> None:
    """No other length, case, alphabet or digits."""
    reason(Katottg, code)
    assert TypeAdapter(Katottg).validate_python("UA32080150010049888")


@pytest.mark.parametrize("day", ["2022-6-22", "22.06.2022", "2022-06-22T00:00:00Z", "٢٠٢٢-٠٦-٢٢"])
def test_day_is_iso_8601_in_ascii_digits(day: str) -> None:
    """Year, month, day; no time and no other order."""
    reason(DateText, day)
    assert TypeAdapter(DateText).validate_python("2022-06-22")


@pytest.mark.parametrize("day", ["2022-02-30", "2022-13-01", "2023-02-29", "0000-00-00"])
def test_day_that_no_calendar_has_is_refused(day: str) -> None:
    """What is documented as a calendar day is one."""
    reason(DateText, day)


@pytest.mark.parametrize("code", ["PT1A0", "PT", "DE931", "XK"])
def test_nuts_code_of_any_level_is_taken(code: str) -> None:
    """A country's two letters and up to three more."""
    assert TypeAdapter(Nuts).validate_python(code) == code
    reason(Nuts, code.lower())
    reason(Nuts, code + "0000")


def test_organisation_id_is_agency_and_number() -> None:
    """As IATI has it, without the characters that IATI forbids."""
    assert TypeAdapter(OrganisationId).validate_python("XI-ALLIANCE-COR")
    for wrong in ("UA-EDR-", "UA-EDR", "ua-EDR-1", "UA-EDR-a b", "UA-EDR-a|b", "UA-EDR-a?b"):
        reason(OrganisationId, wrong)


@pytest.mark.parametrize("number", ["\x00", "\x1b[31m", "\u202e123"])
def test_organisation_id_holds_no_control_character(number: str) -> None:
    """An id is shown in mails and terminals."""
    reason(OrganisationId, f"UA-EDR-{number}")


# --- text ------------------------------------------------------------------------

CONTROLS = [*range(0x09), *range(0x0B, 0x20), *range(0x7F, 0xA0), 0x2028, 0x2029]


@pytest.mark.parametrize("code", CONTROLS)
def test_control_character_is_refused_and_named_by_its_number(code: int) -> None:
    """In one line and in a text; the message has the code, never the character."""
    given = f"Irpin{chr(code)}"
    for kind in (Line1, Text):
        said = reason(kind, given)
        assert said == f"contains the control character U+{code:04X}"


@pytest.mark.parametrize("code", [0xD800, 0xDBFF, 0xDC00, 0xDFFF])
def test_half_of_a_surrogate_pair_is_refused(code: int) -> None:
    """It has no UTF-8, so it could be neither stored nor hashed."""
    for kind in (Line1, Text):
        assert "unicode" in reason(kind, f"a{chr(code)}")


@pytest.mark.parametrize("text", ["a\nb", "a\tb"])
def test_line_break_and_tab_are_for_texts_only(text: str) -> None:
    """A title that breaks a line would break a mail's subject."""
    assert "must be one line" in reason(Line1, text)
    assert TEXT.validate_python(text) == text


@pytest.mark.parametrize("text", ["", " ", "   ", "\u00a0", "\u3000\u2003"])
def test_text_of_blanks_is_empty(text: str) -> None:
    """Unicode's blanks count as blanks."""
    assert reason(Line1, text) == reason(Text, text) == "is empty"


@pytest.mark.parametrize(
    "text",
    [
        "עברית",
        "العربية",
        "Ірпінь’s",
        "e\u0301",
        "👩‍👩‍👧",
        "\U0010fffd",
        "  blanks outside  ",
    ],
)
def test_scripts_and_combining_characters_come_back_exactly(text: str) -> None:
    """Right-to-left scripts and unusual forms are taken, and neither trimmed nor normalised."""
    assert LINE.validate_python(text) == text
    assert json.loads(canonical({"t": LINE.validate_python(text)})) == {"t": text}


@pytest.mark.parametrize(("kind", "longest"), [(Line1, 300), (Text, 5000)])
def test_length_counts_characters_not_bytes(kind: Any, longest: int) -> None:
    """Ukrainian and emoji count one each; one more than the longest is refused."""
    for character in ("a", "ї", "😀"):
        assert TypeAdapter(kind).validate_python(character * longest) == character * longest
        assert f"at most {longest} characters" in reason(kind, character * (longest + 1))


@pytest.mark.parametrize("kind", [Line1, Text])
@pytest.mark.parametrize("given", [1, None, True, ["a"], {"a": "b"}])
def test_text_is_text(kind: Any, given: object) -> None:
    """Nothing else is turned into text."""
    assert "valid string" in reason(kind, given)


def test_localised_text_has_at_least_one_language_and_codes_for_keys() -> None:
    """Two or three lower-case letters; the text under each is one line."""
    names: TypeAdapter[dict[str, str]] = TypeAdapter(LocalisedText)
    assert names.validate_python({"uk": "Ірпінь", "en": "Irpin"}) == {"uk": "Ірпінь", "en": "Irpin"}
    for wrong in ({}, {"UK": "a"}, {"ukr-": "a"}, {"": "a"}, {"u": "a"}, {"uk": ""}, {"uk": None}):
        reason(LocalisedText, wrong)
    reason(LocalisedText, {"uk": "a\nb"})
    reason(LocalisedText, {f"a{chr(97 + i // 26)}{chr(97 + i % 26)}": "x" for i in range(31)})


class Sheet(BaseModel):
    """One field of each sort of text."""

    text: Text


class Label(BaseModel):
    """One line."""

    line: Line1


@given(st.text(max_size=350))
def test_any_text_is_refused_with_a_reason_or_returned_exactly(text: str) -> None:
    """Through JSON and back: nothing is trimmed, replaced or normalised on the way."""
    for model, field in ((Sheet, "text"), (Label, "line")):
        check(model, field, text)


def naughty() -> list[str]:
    """The Big List of Naughty Strings; none where the folder is absent."""
    path = DATA / "strings" / "blns.json"
    found: list[str] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    return found


@needs("strings")
@pytest.mark.parametrize(("model", "field"), [(Sheet, "text"), (Label, "line")])
def test_each_naughty_string_is_refused_with_a_reason_or_returned_exactly(
    model: type[BaseModel], field: str
) -> None:
    """All of the list, and most of it is taken: the rules do not refuse what is merely odd."""
    taken = sum(check(model, field, text) for text in naughty())
    assert len(naughty()) - 30 < taken < len(naughty())


def check(model: type[BaseModel], field: str, text: str) -> bool:
    """Whether the model took the text; fails where it changed it or refused it without a reason."""
    sent = canonical({field: text})
    try:
        found = model.model_validate_json(sent)
    except ValidationError as error:
        said = str(error.errors()[0]["msg"])
        assert any(
            why in said
            for why in (
                *("control character U+", "direction control U+", "invisible character U+"),
                *("is no character", "is empty", "one line", "at most", "surrogate"),
            )
        ), said
        return False
    assert getattr(found, field) == text
    assert canonical(found.model_dump(mode="json")) == sent
    return True
