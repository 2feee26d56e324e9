"""A CSV of needs: every fault by row and column, and the same need whichever way it is written."""

from datetime import date
from pathlib import Path

import pytest

from cli.bringing import judged
from cli.documents import Unreadable
from cli.importing import Draft, Fault, drafts_of, read_rows
from cli.judging import judge
from cli.mapping import DREAM, Mapping, read_mapping
from cli.posting import key
from services.projects.knowledge import Authority
from shared.events.ids import MemberId

AUC = MemberId("57be36d6-68aa-5a0e-84f9-674bb1e4dc37")
ASSOCIATION = Authority(id=AUC, side="ukraine", status="admitted")
IRPIN = Authority(id=AUC, side="ukraine", status="admitted", territory=("UA32080150010049888",))
HEADER = "ref,place,title_uk,sector,project_type,kind,category,amount,currency,quantity,unit"
GOOD = "1,Ірпінь,Школа,education,rehabilitation,funding,,100.00,EUR,,"
TODAY = date(2026, 1, 1)


def a_csv(tmp_path: Path, *lines: str, encoding: str = "utf-8") -> Path:
    """A CSV file."""
    file = tmp_path / "needs.csv"
    file.write_bytes("\r\n".join(lines).encode(encoding))
    return file


def faults(file: Path, authority: Authority = ASSOCIATION) -> list[Fault]:
    """What is wrong with a file."""
    return judged(file, Mapping(), authority, "en")[1]


def drafts(file: Path) -> list[Draft]:
    """The needs of a file without a fault."""
    found, wrong = judged(file, Mapping(), ASSOCIATION, "en")
    assert wrong == []
    return found


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("delimiter", [",", ";"])
def test_file_of_any_spreadsheet_is_read(tmp_path: Path, encoding: str, delimiter: str) -> None:
    """With or without a byte order mark, parted by comma or semicolon: the same need."""
    lines = [line.replace(",", delimiter) for line in (HEADER, GOOD, "," * 10)]
    (need,) = drafts(a_csv(tmp_path, *lines, encoding=encoding))
    assert need.body == {
        "place": "Ірпінь",
        "title": {"uk": "Школа"},
        "sector": "education",
        "project_type": "rehabilitation",
        "lines": [
            {"line": 1, "kind": "funding", "amount": {"amount": "100.00", "currency": "EUR"}}
        ],
    }


def test_rows_of_one_ref_make_one_need_with_several_lines(tmp_path: Path) -> None:
    """The second row says nothing of the need again; another ref is another need."""
    goods = "1,,,,,goods,boiler,,,2,piece"
    one, two = drafts(a_csv(tmp_path, HEADER, GOOD, GOOD.replace("1", "2", 1), goods))
    assert [line["kind"] for line in one.body["lines"]] == ["funding", "goods"]
    assert one.body["lines"][1]["amount"] == {"quantity": 2, "unit": "piece"}
    assert [row.number for row in one.rows] == [2, 4]
    assert len(two.body["lines"]) == 1


def test_every_fault_names_its_row_and_column(tmp_path: Path) -> None:
    """Several in a row are all told, in order of rows; the amounts are not made to fit."""
    found = faults(
        a_csv(
            tmp_path,
            HEADER,
            GOOD,
            '2,Миколаївка,Школа,Education,rehabilitation,funding,,"100 000,00",EUR,,',
            "3,Ірпінь,,education,rehabilitation,goods,boiler,,,0,pieces",
            "4,Ірпінь,Школа,education,rehabilitation,funding,,1.005,EUR,,",
            "4,Бородянка,,,,funding,,7,EURO,,",
            "5,Ірпінь",
        )
    )
    assert [(fault.row, fault.column) for fault in found] == [
        (3, "amount"),
        (3, "place"),
        (3, "sector"),
        (4, "quantity"),
        (4, "title_uk"),
        (5, "amount"),
        (6, "currency"),
        (6, "place"),
        (7, ""),
    ]
    assert found[0].given == "100 000,00"
    assert found[5].error == "EUR has 2 decimals"


def test_homonym_is_reported_with_its_candidates(tmp_path: Path) -> None:
    """A name that several places have is not guessed: the codes are listed."""
    (fault,) = faults(a_csv(tmp_path, HEADER, GOOD.replace("Ірпінь", "Буча")))
    assert (fault.row, fault.column, fault.given) == (2, "place", "Буча")
    assert fault.error.startswith("2 places have this name")
    assert [each[:19] for each in fault.allowed] == ["UA32080070010087821", "UA32080130030091226"]


def test_faults_are_said_in_the_readers_language(tmp_path: Path) -> None:
    """The services' translations are used."""
    (fault,) = judged(a_csv(tmp_path, HEADER, GOOD[:-9] + "1e3,EUR,,"), Mapping(), IRPIN, "uk")[1]
    assert fault.error == 'має бути десяткове число в рядку, як-от "500000.00"'


def test_place_of_another_authority_is_a_fault(tmp_path: Path) -> None:
    """A city posts for itself; an association for any place."""
    file = a_csv(tmp_path, HEADER, GOOD.replace("Ірпінь", "Бородянка"))
    (fault,) = faults(file, IRPIN)
    assert (fault.row, fault.column) == (2, "place")
    assert faults(file, ASSOCIATION) == []


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([], "there is no column place"),
        ([HEADER], "there is no row below the header"),
        ([HEADER.replace("sector", "sectr"), GOOD], "'sectr', which is none: did you mean sector?"),
        ([HEADER.replace("kind", "place"), GOOD], "the column place is given twice"),
        ([HEADER, GOOD.replace("Школа", '"Школа')], "line 2: unexpected end of data"),
    ],
)
def test_file_that_is_no_such_table_is_refused(tmp_path: Path, lines: list[str], said: str) -> None:
    """Unknown and double columns, open quotes, nothing in it: an error before any row."""
    with pytest.raises(Unreadable) as error:
        faults(a_csv(tmp_path, *lines))
    assert said in str(error.value)


def test_other_encodings_are_refused_and_not_guessed(tmp_path: Path) -> None:
    """Windows-1251 would give other letters: the first line that shows it is named."""
    with pytest.raises(Unreadable, match="line 2 is not UTF-8"):
        faults(a_csv(tmp_path, HEADER, GOOD, encoding="cp1251"))


def test_titles_of_dream_are_read_by_the_preset(tmp_path: Path) -> None:
    """Its code is the place, its sector one of OC4IDS; the amount is the one that was given."""
    file = a_csv(
        tmp_path,
        "katottg,hromada_uk,title_uk,dream_code_probable,hromada_projects,top_sector",
        'UA32080150000035443,Ірпінська,"Ремонт, вул. Мрії",200923-6C24712A,255,Освіта',
        "UA99999999999999999,Ірпінська,Ремонт,200923-6C24712A,255,Інше",
    )
    mapping = read_mapping("dream", None, [], ["amount=100000.00", "currency=EUR"])
    (first, _), found = judged(file, mapping, ASSOCIATION, "en")
    assert judge(first, ASSOCIATION, TODAY, "en") == []
    assert first.body["sector"] == "education"
    assert first.body["lines"][0]["amount"] == {"amount": "100000.00", "currency": "EUR"}
    assert [(fault.row, fault.column) for fault in found] == [(3, "place"), (3, "sector")]


def test_mapping_of_a_file_and_of_options(tmp_path: Path) -> None:
    """A file says what columns and values mean; an option is stronger."""
    file = tmp_path / "mapping.yaml"
    file.write_text("columns: {Місто: place, Код: ref}\nvalues: {sector: {школи: education}}\n")
    mapping = read_mapping(None, file, ["Код=", "a=b=title_uk"], ["kind=funding"])
    assert mapping.columns == {"Місто": "place", "Код": "", "a=b": "title_uk"}
    assert mapping.constants == {"kind": "funding"}
    rows, _ = read_rows(a_csv(tmp_path, "Місто,Код,a=b,sector", "Буча,7,Т,школи"), mapping)
    assert rows[0].cells == {
        "kind": "funding",
        "place": "Буча",
        "title_uk": "Т",
        "sector": "education",
    }


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("dreams", None, [], []), "--preset dreams: allowed: dream"),
        ((None, None, ["town"], []), "--map town: write NAME=VALUE"),
        ((None, None, ["town=plaice"], []), "'plaice', which is none: did you mean place?"),
        ((None, None, [], ["sum=5"]), "'sum', which is none"),
    ],
)
def test_mapping_that_means_nothing_is_refused(
    options: tuple[str | None, None, list[str], list[str]], said: str
) -> None:
    """A slip of the pen is told before the file is read."""
    with pytest.raises(Unreadable) as error:
        read_mapping(*options)
    assert said in str(error.value)


def test_key_follows_from_the_row_and_not_from_where_it_stands(tmp_path: Path) -> None:
    """Rows in another order or with others between: the same keys; another amount: another."""
    plain = GOOD.replace("1,", ",", 1)
    first = drafts(a_csv(tmp_path, HEADER, plain, GOOD, plain))
    again = drafts(a_csv(tmp_path, HEADER, GOOD, "," * 10, plain, GOOD.replace("1", "7", 1), plain))
    keys = [key(draft, AUC) for draft in first]
    assert len(set(keys)) == 3
    assert set(keys) < {key(draft, AUC) for draft in again}
    assert key(first[0], "another") not in keys
    dearer = drafts(a_csv(tmp_path, HEADER, GOOD.replace("100.00", "100.01")))
    assert key(dearer[0], AUC) not in keys


def test_ref_repeated_with_another_place_is_a_fault(tmp_path: Path) -> None:
    """Two needs with one ref by mistake are not made one."""
    rows, _ = read_rows(a_csv(tmp_path, HEADER, GOOD, GOOD.replace("Ірпінь", "Буча")), Mapping())
    _, found = drafts_of(rows)
    assert found == [Fault(3, "place", "Буча", "row 2 of the same ref says otherwise", ("Ірпінь",))]


def test_each_sector_of_dream_is_one_of_ours() -> None:
    """The preset's table leads to codes that a need may have."""
    for sector in DREAM.values["sector"].values():
        body = {
            "place": "Ірпінь",
            "sector": sector,
            "project_type": "rehabilitation",
            "title": {"uk": "Школа"},
            "lines": [{"kind": "funding", "line": 1, "amount": {"amount": "1", "currency": "EUR"}}],
        }
        draft = Draft("1", [], body)
        assert judge(draft, ASSOCIATION, TODAY, "en") == []
