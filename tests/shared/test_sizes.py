"""The size of a hromada and the oblast of a need, by the codes of its territory."""

from collections import Counter

import pytest

from shared.codelists import chain, oblast_of, places, size_of
from shared.codelists.sizes import population
from tests.given import (
    BORODIANKA,
    BUCHA,
    IRPIN,
    IRPIN_CHAIN,
    MYKOLAIV,
    MYKOLAIV_OF_LVIV_OBLAST,
    SUMY_OBLAST,
)
from tests.shared.data import needs
from tests.shared.test_places import rows

KYIV = "UA80000000000093317"
HOLOSIIVSKYI = "UA80000000000126643"
SEVASTOPOL = "UA85000000000065278"
CRIMEA = "UA01000000000013043"
ANDRIIVKA_IN_CRIMEA = "UA01020010010075540"


@pytest.mark.parametrize(
    ("code", "size"),
    [
        (IRPIN, "large"),
        (BUCHA, "large"),
        (BORODIANKA, "medium"),
        (KYIV, "large"),
        (HOLOSIIVSKYI, "large"),
        (SEVASTOPOL, "large"),
        (ANDRIIVKA_IN_CRIMEA, "unknown"),
        (CRIMEA, "unknown"),
        (SUMY_OBLAST, "unknown"),
        (IRPIN_CHAIN[2], "unknown"),
    ],
)
def test_place_has_the_size_of_its_hromada(code: str, size: str) -> None:
    """A town or a district of Kyiv lies in one; a raion or an oblast does not; Crimea has no
    figures."""
    assert size_of(chain(code)) == size


def test_homonyms_have_each_their_own_size_and_oblast() -> None:
    """Mykolaiv is a large city, and a town of Lviv oblast."""
    assert size_of(chain(MYKOLAIV)) == "large"
    assert size_of(chain(MYKOLAIV_OF_LVIV_OBLAST)) == "medium"
    assert oblast_of(chain(MYKOLAIV)) == "UA48000000000039575"
    assert oblast_of(chain(MYKOLAIV_OF_LVIV_OBLAST)) == "UA46000000000026241"


def test_bounds_belong_to_the_larger_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """10,000 people are a medium hromada, 50,000 a large one."""
    people = {"a": 9_999, "b": 10_000, "c": 49_999, "d": 50_000}
    monkeypatch.setattr("shared.codelists.sizes.population", lambda: people)
    assert [size_of([code]) for code in people] == ["small", "medium", "medium", "large"]


def test_oblast_is_found_at_every_level() -> None:
    """Kyiv is its own; a district of Kyiv, whose code looks like an oblast's, is none."""
    assert {oblast_of(IRPIN_CHAIN[at:]) for at in range(4)} == {IRPIN_CHAIN[3]}
    assert oblast_of(chain(HOLOSIIVSKYI)) == oblast_of(chain(KYIV)) == KYIV
    assert oblast_of(chain(ANDRIIVKA_IN_CRIMEA)) == CRIMEA


def test_territory_of_codes_that_are_none_any_more_is_in_no_group() -> None:
    """A recorded need is counted, whatever becomes of the codifier."""
    gone = ["UA99999999999999999"]
    assert (oblast_of(gone), size_of(gone)) == (None, "unknown")
    assert (oblast_of([]), size_of([])) == (None, "unknown")


def test_every_hromada_outside_crimea_has_a_figure() -> None:
    """With Kyiv's 2,952,301 they are the 41,167,335 people whom the State Statistics Service
    counted on 1 January 2022."""
    hromadas = {p.code for p in places().values() if p.category == "H"}
    assert population().keys() == {c for c in hromadas if not c.startswith("UA01")}
    assert sum(population().values()) + 2_952_301 == 41_167_335
    sizes = Counter(size_of(chain(code)) for code in hromadas)
    assert sizes == {"small": 644, "medium": 721, "large": 104, "unknown": 303}


@needs("places")
def test_figures_are_those_of_the_public_list() -> None:
    """All 1,469, unchanged."""
    listed = {
        r["katottg"]: int(r["population_2022"])
        for r in rows("places/hromadas.csv")
        if r["population_2022"]
    }
    assert population() == listed
    assert len(listed) == 1469
