"""Places as people write them, regions of partners, and what is answered where none is meant."""

import csv
import unicodedata
from collections import Counter
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from shared.codelists import (
    HROMADA_LEVEL,
    OBLAST_LEVEL,
    asked_chain,
    asked_lau,
    asked_nuts,
    chain,
    find_place,
    nuts,
    places,
)
from shared.codelists.letters import TO_LATIN, romanised
from shared.errors import InvalidInput
from tests.shared.data import DATA, needs

IRPIN = "UA32080150010049888"
IRPINSKA = "UA32080150000035443"
MYKOLAIV = "UA48060150010035747"
MYKOLAIV_OF_LVIV = "UA46100110010094231"


def rows(path: str) -> list[dict[str, str]]:
    """Rows of a file of the public test data; none where it is absent."""
    file = DATA / path
    if not file.exists():
        return []
    with file.open(newline="", encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


def refusal(given: str, levels: tuple[str, ...] = HROMADA_LEVEL) -> InvalidInput:
    """Why a place is refused; fails where it is taken."""
    with pytest.raises(InvalidInput) as caught:
        find_place(given, "/place", levels)
    assert caught.value.facts["field"] == "/place"
    return caught.value


def offered(error: InvalidInput) -> list[str]:
    """The codes that a refusal offers."""
    allowed = error.facts["allowed"]
    return [place["code"] for place in allowed] if isinstance(allowed, list) else []


def outcome(given: str) -> Any:
    """The code found, or the codes offered and how many there are."""
    try:
        return find_place(given, "/place")
    except InvalidInput as error:
        return error.template, offered(error), error.facts.get("count")


# --- names ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "given",
    [
        *("Ірпінь", " Ірпінь ", "ІРПІНЬ", "ірпінь", "Ірпінь\u00a0", "м. Ірпінь", "м.Ірпінь"),
        *("м Ірпінь", "місто Ірпінь", "Ірпінь, Київська область", "Ірпінь, Київська обл."),
        *("Ірпінь,Київська", "м. Ірпінь, Бучанський район, Київська область"),
        *("Ірпінь, Київська область, Бучанський р-н", "Irpin", "IRPIN", "Irpin, Київська область"),
        *("m. Irpin, Buchanskyi raion, Kyivska oblast", "Iрпiнь", "м. Ipпінь", "Irpіn"),
        *(unicodedata.normalize("NFD", "Ірпінь"), IRPIN, IRPIN.lower(), f" {IRPIN} "),
        IRPIN.replace("A", "А"),
    ],
)
def test_city_is_found_by_the_ways_in_which_people_write_it(given: str) -> None:
    """Blanks, case, designations, oblast and raion, romanised, letters that look alike, code."""
    assert find_place(given, "/place") == IRPIN


@pytest.mark.parametrize(
    "given",
    [
        *("Ірпінська", "Ірпінська громада", "Ірпінська міська територіальна громада"),
        *("Ірпінська міська громада", "Ірпінська територіальна громада", "Ірпінська ОТГ"),
        *("Ірпінська МТГ, Київська область", "Irpinska", "Irpinska miska terytorialna hromada"),
    ],
)
def test_hromada_is_found_by_its_official_and_its_short_name(given: str) -> None:
    """With or without the words that say it is a hromada."""
    assert find_place(given, "/place") == IRPINSKA


@pytest.mark.parametrize("apostrophe", "’'ʼ`‘´′")
def test_apostrophe_is_one_whatever_its_character(apostrophe: str) -> None:
    """The codifier writes U+2019; people write what their keyboard has."""
    name = f"Слов{apostrophe}янськ"
    assert places()[find_place(name, "/place")].name == "Слов’янськ"


@pytest.mark.parametrize("designation", ["смт", "смт.", "селище", "сел.", "с-ще"])
def test_settlement_of_urban_type_is_a_settlement(designation: str) -> None:
    """The codifier has no settlements of urban type any more; people still write them."""
    assert places()[find_place(f"{designation} Бородянка", "/place")].category == "X"


def test_both_letters_g_are_kept_apart() -> None:
    """Г and ґ are two letters, and so two names."""
    with_it = next(p for p in places().values() if "ґ" in p.name.lower() and p.category != "O")
    alike = with_it.name.replace("ґ", "г").replace("Ґ", "Г")
    assert find_place(with_it.name, "/place") == with_it.code
    assert "no place of the codifier has this name" in refusal(alike).detail()


@given(st.sampled_from([p for p in places().values() if p.category in HROMADA_LEVEL]), st.data())
def test_letters_that_look_alike_change_nothing(place: Any, data: st.DataObject) -> None:
    """Whichever letters of a name are Latin, the same place, or the same homonyms, come of it."""
    typed = "".join(
        data.draw(st.sampled_from((c, c.translate(TO_LATIN))), label=c) for c in place.name
    )
    assume(any("Ѐ" <= c <= "ӿ" for c in typed))
    assert outcome(typed) == outcome(place.name)


@given(st.text(max_size=320))
def test_whatever_is_given_is_a_place_or_refused(text: str) -> None:
    """No text makes it fail otherwise."""
    found = outcome(text)
    assert found in places() if isinstance(found, str) else found[0]


# --- homonyms --------------------------------------------------------------------


def test_homonym_is_not_guessed_and_its_candidates_say_where_they_lie() -> None:
    """Mykolaiv is a city of two oblasts, and several villages."""
    error = refusal("Миколаїв")
    assert error.facts["count"] == len(offered(error)) == 6
    assert error.facts["allowed"][:2] == [
        {
            "code": MYKOLAIV_OF_LVIV,
            "name": "Миколаїв",
            "category": "city",
            "hromada": "Миколаївська",
            "raion": "Стрийський",
            "oblast": "Львівська",
        },
        {
            "code": MYKOLAIV,
            "name": "Миколаїв",
            "category": "city",
            "hromada": "Миколаївська",
            "raion": "Миколаївський",
            "oblast": "Миколаївська",
        },
    ]
    assert offered(refusal("м. Миколаїв")) == [MYKOLAIV_OF_LVIV, MYKOLAIV]


def test_oblast_and_raion_tell_homonyms_apart() -> None:
    """What stands after the comma is what the place lies in; a name that is none is refused."""
    assert find_place("м. Миколаїв, Львівська область", "/p") == MYKOLAIV_OF_LVIV
    assert find_place("м. Миколаїв, Миколаївський район", "/p") == MYKOLAIV
    assert find_place("м. Миколаївка, Краматорський район, Донецька обл.", "/p").startswith("UA14")
    error = refusal("Ірпінь, Одеська область")
    assert (error.template, offered(error)) == ("no place of this name lies there", [IRPIN])


def test_at_most_twenty_homonyms_are_listed_and_all_are_counted() -> None:
    """There are too many Mykolaivkas to list."""
    error = refusal("Миколаївка")
    assert error.facts["count"] == sum(p.name == "Миколаївка" for p in places().values()) > 20
    assert len(offered(error)) == 20


@pytest.mark.parametrize("name", ["Кам’янка-Бузька", "Рава-Руська", "Kamianka-Buzka"])
def test_settlement_in_a_hromada_of_the_same_name_is_meant(name: str) -> None:
    """It is the more exact of the two; with `громада` the hromada is."""
    town = find_place(name, "/place")
    assert places()[town].category == "M"
    assert find_place(f"{name} громада", "/place") == places()[town].parent


def test_capital_has_a_namesake_village_and_is_meant_with_its_designation() -> None:
    """Even Kyiv is not guessed."""
    assert len(offered(refusal("Київ"))) == 2
    assert places()[find_place("м. Київ", "/place")].category == "K"


# --- codes and levels ------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ("UA32080150010049889", "no code of the codifier"),
        ("UA99999999999999999", "no code of the codifier"),
        ("UA3208015", "no code of the codifier"),
        ("UA-32", "no code of the codifier"),
        ("RU-CR", "a code of Russia"),
        ("35000000000", "a code of Russia"),
        ("35701000", "(EDRPOU) or of a code of Russia (OKTMO)"),
        ("3210900000", "a code of KOATUU"),
    ],
)
def test_code_that_is_none_of_the_codifier_is_refused_and_called_what_it_is(
    given: str, why: str
) -> None:
    """Invented, cut short, of another classification, of the occupier."""
    error = refusal(given)
    assert why in error.detail()
    assert error.facts["given"] == given
    assert error.facts["allowed"]


def test_code_with_a_slip_in_its_number_is_answered_with_the_unit_beside_it() -> None:
    """Its hierarchy says which it was meant to be."""
    assert offered(refusal("UA32080150010049889")) == [IRPIN]


@pytest.mark.parametrize(
    ("given", "level"),
    [
        ("UA32000000000030281", "oblast"),
        ("Київська область", "oblast"),
        ("АР Крим", "oblast"),
        ("UA32080000000084076", "raion"),
        ("Бучанський район", "raion"),
    ],
)
def test_unit_wider_than_a_hromada_is_refused_with_some_that_it_holds(
    given: str, level: str
) -> None:
    """The error says what the unit is, and names units of the level asked for."""
    error = refusal(given)
    assert error.facts["level"] == level
    assert f"is an {level}" in error.detail() or f"is a {level}" in error.detail()
    assert 0 < len(offered(error)) <= 5
    assert all(places()[c].category in HROMADA_LEVEL for c in offered(error))


def test_levels_say_what_is_wanted() -> None:
    """An oblast where one is asked for; a hromada's name does for a settlement no more."""
    assert find_place("Київська область", "/place", OBLAST_LEVEL) == "UA32000000000030281"
    assert find_place("Сімферополь, Крим", "/place") in places()
    assert offered(refusal("Ірпінь", ("H",))) == [IRPINSKA]
    assert offered(refusal("Ірпінська громада", ("M", "C")))[0] == IRPIN


# --- no match --------------------------------------------------------------------


def test_name_that_is_none_is_answered_with_those_that_are_nearly_it() -> None:
    """The Russian spelling of Irpin is refused, and Irpin offered with its oblast."""
    error = refusal("Ірпень")
    assert len(offered(error)) <= 5
    assert error.facts["allowed"][0]["code"] == IRPIN
    assert error.facts["allowed"][0]["oblast"] == "Київська"
    assert offered(refusal("Kharkov"))[0] == find_place("Kharkiv", "/place")


def test_nearly_right_names_of_the_oblast_named_come_first() -> None:
    """What was said rightly counts."""
    error = refusal("Миколаівка, Сумська область")
    assert error.facts["allowed"][0]["oblast"] == "Сумська"


def test_name_under_another_designation_is_offered() -> None:
    """Irpin is no village."""
    error = refusal("с. Ірпінь")
    assert offered(error) == [IRPIN]
    assert "not what it is called here" in error.detail()


@pytest.mark.parametrize(
    ("former", "now"),
    [
        ("Дніпропетровськ", {"Дніпро"}),
        ("Dnipropetrovsk", {"Дніпро"}),
        ("м. Артемівськ", {"Бахмут", "Кипуче"}),
        ("Новоград-Волинський", {"Звягель"}),
        ("Червоноград", {"Шептицький"}),
    ],
)
def test_former_name_is_answered_with_the_present_one(former: str, now: set[str]) -> None:
    """Two towns were Artemivsk: a former name is offered, never taken."""
    error = refusal(former)
    assert "former name" in error.detail()
    assert {place["name"] for place in error.facts["allowed"]} == now


@pytest.mark.parametrize("given", ["Ірпzнь", "Ірпінь, Киiвskа область", "Мicto Ѕ"])
def test_word_of_two_scripts_that_no_look_alikes_explain_is_refused(given: str) -> None:
    """Letters of both scripts with no twin in the other."""
    assert "mixes Latin and Cyrillic letters" in refusal(given).detail()


@pytest.mark.parametrize("given", ["", "  ", "\u00a0", ",", "Ірпінь,", ", Київська область"])
def test_name_that_is_missing_is_refused(given: str) -> None:
    """Before, between or after commas."""
    assert refusal(given).detail() == "a name is missing"


def test_name_that_is_too_long_is_refused_before_it_is_read() -> None:
    """A thousand commas are a thousand look-ups."""
    assert refusal("а," * 1000).facts["allowed"] == {"maximum": 300}


# --- the whole codifier ------------------------------------------------------------


@needs("places")
def test_names_of_hromadas_repeat_as_often_as_counted() -> None:
    """119 as they are written; 135 without the blanks that some end in; and none is guessed."""
    written = Counter(h["name_uk"] for h in rows("places/hromadas.csv"))
    counted: Counter[str] = Counter()
    for name, times in written.items():
        counted[name.strip()] += times
    ours = Counter(p.name for p in places().values() if p.category == "H")
    assert sum(n > 1 for n in written.values()) == 119
    assert sum(n > 1 for n in ours.values()) == 135
    assert counted == ours
    for name, times in ours.items():
        if times > 1:
            error = refusal(f"{name} громада")
            assert error.facts["count"] == times
            assert all(p["oblast"] and p["holds"] for p in error.facts["allowed"])


@needs("places")
def test_every_hromada_is_found_by_its_code_and_by_its_official_name_and_oblast() -> None:
    """Official names may end in a blank. Where an oblast has several of a name they are listed;
    the raion decides, but for six names that repeat in one raion."""
    hromadas = rows("places/hromadas.csv")
    found: Counter[str] = Counter()
    for row in hromadas:
        code, oblast = row["katottg"], row["oblast_uk"]
        oblast += "" if code.startswith("UA01") else " область"
        name, raion = f"{row['name_uk']} територіальна громада", f"{row['raion_uk']} район"
        assert find_place(code, "/place") == code
        by_oblast, by_raion = outcome(f"{name}, {oblast}"), outcome(f"{name}, {raion}, {oblast}")
        assert code == by_oblast or code in by_oblast[1]
        assert code == by_raion or code in by_raion[1]
        found["oblast" if code == by_oblast else "raion" if code == by_raion else "code"] += 1
    print(f"{len(hromadas)} hromadas are found by name and {dict(found)}")
    assert found == {"oblast": 1702, "raion": 58, "code": 12}


@needs("needs")
def test_every_place_of_the_real_needs_is_found() -> None:
    """3,637 rows by their code; by the name beside it, one, a homonym, or none any more."""
    needs_of_dream = rows("needs/dream_need_titles.csv")
    by_code = sum(find_place(n["katottg"], "/place") == n["katottg"] for n in needs_of_dream)
    by_name: Counter[str] = Counter()
    for need in needs_of_dream:
        if name := need["hromada_uk"]:
            found = outcome(name)
            by_name["found" if found == need["katottg"] else found[0]] += 1
    print(f"{by_code} of {len(needs_of_dream)} by code; by name {dict(by_name)}")
    assert by_code == len(needs_of_dream) == 3637
    assert by_name["found"] == 2898
    assert sum(by_name.values()) - by_name["found"] == 669


# --- romanisation ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ukrainian", "latin"),
    [
        *(("Згурський", "Zghurskyi"), ("Андрій", "Andrii"), ("Вінниця", "Vinnytsia")),
        *(("Єнакієве", "Yenakiieve"), ("Їжакевич", "Yizhakevych"), ("Йосипівка", "Yosypivka")),
        *(
            ("Юрій", "Yurii"),
            ("Яготин", "Yahotyn"),
            ("Стоянів", "Stoianiv"),
            ("Щастя", "Shchastia"),
        ),
        *(("Знам’янка", "Znamianka"), ("Знам'янка", "Znamianka"), ("Ґалаґан", "Galagan")),
        *(("Розгон", "Rozghon"), ("ЩАСТЯ", "SHCHASTIA"), ("Нью-Йорк", "Niu-York"), ("Щ", "Shch")),
        *(("Біла Церква", "Bila Tserkva"), ("ХЕРСОН", "KHERSON"), ("Irpin 1", "Irpin 1")),
    ],
)
def test_ukrainian_is_romanised_by_the_resolution(ukrainian: str, latin: str) -> None:
    """Cabinet Resolution 55 of 2010, its special cases with it."""
    assert romanised(ukrainian) == latin


@needs("places")
def test_romanised_names_are_those_of_the_public_list() -> None:
    """All of those hromadas that were not renamed since the list's English names were written."""
    pairs = [(r["name_uk"].strip(), r["name_en"]) for r in rows("places/hromadas.csv")]
    named = [(uk, en) for uk, en in pairs if en]
    same = sum(romanised(uk) == en for uk, en in named)
    print(f"{same} of {len(named)} are the same")
    assert (same, len(named)) == (1716, 1766)


# --- regions of partners -------------------------------------------------------------


@needs("places")
def test_regions_are_those_of_nuts_2024() -> None:
    """Code, country, label and level of all 1,582."""
    theirs = {
        (r["code"], r["country"], " ".join(r["label"].split()), int(r["level"]))
        for r in rows("places/nuts2024.csv")
    }
    ours = {
        (r.code, r.country, r.label, r.level)
        for r in nuts().values()
        if r.classification == "NUTS 2024"
    }
    assert ours == theirs
    assert len(ours) == 1582


@pytest.mark.parametrize(
    ("code", "country"),
    [("PT1A0", "PT"), ("PT1", "PT"), ("EL30", "GR"), ("UKI", "GB"), ("NO0", "NO"), ("LT011", "LT")],
)
def test_region_of_the_members_country_is_taken(code: str, country: str) -> None:
    """Eurostat codes Greece EL and the United Kingdom UK."""
    assert asked_nuts(code, country, "/nuts") == code


@pytest.mark.parametrize(
    ("code", "country", "why"),
    [
        ("PT170", "PT", "no code of NUTS 2024"),
        ("PT", "PT", "no code of NUTS 2024"),
        ("GR30", "GR", "no code of NUTS 2024"),
        ("UA111", "UA", "no code of NUTS 2024"),
        ("pt1a0", "PT", "no code of NUTS 2024"),
        ("ES30", "PT", "ES30 is Comunidad de Madrid, which does not lie in PT"),
    ],
)
def test_region_that_is_none_or_elsewhere_is_refused(code: str, country: str, why: str) -> None:
    """PT170, Lisbon's until 2023, is no code any more; Ukraine has its own codifier."""
    with pytest.raises(InvalidInput) as caught:
        asked_nuts(code, country, "/nuts")
    assert why in caught.value.detail()
    near = [region["code"] for region in caught.value.facts["allowed"]]
    assert all(asked_nuts(c, country, "/nuts") == c for c in near)


@pytest.mark.parametrize(
    ("code", "country"),
    [("PT_1105", "PT"), ("EL_01010101", "GR"), ("NL_GM0363", "NL"), ("DE_05315000", "DE")],
)
def test_local_unit_has_eurostats_form(code: str, country: str) -> None:
    """Country, underscore, national code."""
    assert asked_lau(code, country, "/lau") == code


@pytest.mark.parametrize(
    ("code", "country", "allowed"),
    [
        ("1105", "PT", "PT_ and 1 to 13 digits or capital letters"),
        ("PT_", "PT", "PT_ and 1 to 13 digits or capital letters"),
        ("PT_12345678901234", "PT", "PT_ and 1 to 13 digits or capital letters"),
        ("PT_11 05", "PT", "PT_ and 1 to 13 digits or capital letters"),
        ("PT_١١", "PT", "PT_ and 1 to 13 digits or capital letters"),
        ("GR_01010101", "GR", "EL_01010101"),
        ("ES_28079", "PT", "PT_28079"),
    ],
)
def test_local_unit_of_another_form_or_country_is_refused(
    code: str, country: str, allowed: str
) -> None:
    """The error says which form is Eurostat's."""
    with pytest.raises(InvalidInput) as caught:
        asked_lau(code, country, "/lau")
    assert caught.value.facts["allowed"] == allowed


def test_chain_of_a_code_that_is_none_is_refused() -> None:
    """And of one that is: all its parents, up to the oblast."""
    with pytest.raises(InvalidInput, match="no code of the codifier"):
        asked_chain("UA00000000000000000", "/place")
    assert asked_chain(IRPIN, "/place") == chain(IRPIN)
    assert chain(IRPIN)[1] == IRPINSKA
