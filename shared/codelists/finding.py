"""Finding a place by what people write: a code of KATOTTG, or a name with what it lies in.

Nothing is guessed. Where several places have the name, they are listed; the one rule that chooses
is that of units which hold one another (the hromada Кам’янка-Бузька and its city of the same name)
the innermost is meant, being the most exact. A former name is answered with today's, never taken.
A kind of hromada (міська, селищна, сільська) says no more than that a hromada is meant: the
codifier has no kinds, and the settlement in a hromada's centre may have become a town since.
"""

import re
from collections.abc import Collection, Sequence

from shared.codelists.letters import TO_LATIN, one_form
from shared.codelists.names import Name, codes_of, index, nearest, other_names
from shared.codelists.places import (
    CATEGORY_WORDS,
    HROMADA_LEVEL,
    below,
    chain,
    described,
    places,
)
from shared.errors import InvalidInput

LONGEST = 300
"""Characters of a name with all it lies in."""

MOST_LISTED = 20
MOST_NEAR = 5

_CODE = re.compile(r"UA[0-9]{17}")
_LIKE_A_CODE = re.compile(r"[A-Z]{0,3}[ :_-]?[0-9][0-9 :_-]*|RU-[A-Z]{2,3}")
_OTHER_CODES = (
    (
        re.compile(r"RU.*|[0-9]{11}"),
        "this has the form of a code of Russia; every place of Ukraine, occupied or not, has a "
        "code of KATOTTG",
    ),
    (
        re.compile(r"[0-9]{8}"),
        "this has the form of an organisation's number (EDRPOU) or of a code of Russia (OKTMO), "
        "not of a place's code",
    ),
    (
        re.compile(r"[0-9]{10}"),
        "this has the form of a code of KOATUU, which KATOTTG has replaced",
    ),
)

_WIDER = {
    "O": "{name} is an oblast; give a place in it",
    "P": "{name} is a raion; give a place in it",
    "H": "{name} is a hromada; give a place in it",
}


def find_place(given: str, pointer: str, levels: Collection[str] = HROMADA_LEVEL) -> str:
    """The code of KATOTTG that a person means with a code or a name, given at `pointer`.

    A name may be in Ukrainian or romanised, with `м.`, `село`, `громада` and the like, and may be
    followed by what it lies in: `Миколаївка, Краматорський район, Донецька область`. `levels` are
    the categories wanted. Raises InvalidInput, with the candidates where there are any.
    """
    if len(given) > LONGEST:
        raise InvalidInput(
            pointer, "this is too long for a place", given[:200], {"maximum": LONGEST}
        )
    text = one_form(given)
    code = text.translate(TO_LATIN).upper()
    if _CODE.fullmatch(code) and code in places():
        return _of_level([code], given, pointer, levels)[0]
    if _LIKE_A_CODE.fullmatch(code):
        raise _no_code(code, given, pointer)
    name, *around = (Name.read(part, given, pointer) for part in text.split(","))
    named = name.codes()
    if not named:
        raise _no_name(name, around, given, pointer, levels)
    wider = [set(w.codes()) for w in around]
    within = [c for c in named if all(w.intersection(chain(c)[1:]) for w in wider)]
    if not within:
        raise InvalidInput(
            pointer,
            "no place of this name lies there",
            given[:200],
            [described(c) for c in _in_order(named)[:MOST_LISTED]],
            count=len(named),
        )
    return _the_only(_of_level(within, given, pointer, levels), given, pointer)


def _no_code(code: str, given: str, pointer: str) -> InvalidInput:
    for form, template in _OTHER_CODES:
        if form.fullmatch(code):
            return InvalidInput(
                pointer, template, given[:200], "a code of KATOTTG, UA and 17 digits"
            )
    near: list[str] = []
    if _CODE.fullmatch(code):  # oblast, raion, hromada, settlement, district, then a number
        for length in (14, 12, 9, 6, 4):
            near = near or [c for c in places() if c.startswith(code[:length])]
    return InvalidInput(
        pointer,
        "this is no code of the codifier",
        given[:200],
        [described(c) for c in near[:MOST_NEAR]] or "a code of KATOTTG, UA and 17 digits",
    )


def _of_level(
    codes: Sequence[str], given: str, pointer: str, levels: Collection[str]
) -> Sequence[str]:
    if fit := [c for c in codes if places()[c].category in levels]:
        return fit
    place = places()[codes[0]]
    facts = {"name": place.name, "level": CATEGORY_WORDS[place.category]}
    if inside := [c for code in codes for c in below(code, levels, MOST_NEAR)]:
        template = _WIDER.get(place.category, "{name} is wider than what is asked")
        raise InvalidInput(
            pointer, template, given[:200], [described(c) for c in inside[:MOST_NEAR]], **facts
        )
    wider = {c: None for code in codes for c in chain(code)[1:] if places()[c].category in levels}
    raise InvalidInput(
        pointer,
        "{name} is not of the level that is asked",
        given[:200],
        [described(c) for c in list(wider)[:MOST_LISTED]],
        **facts,
    )


def _the_only(codes: Sequence[str], given: str, pointer: str) -> str:
    innermost = max(codes, key=lambda c: len(chain(c)))
    if set(codes) <= set(chain(innermost)):
        return innermost
    raise InvalidInput(
        pointer,
        "{count} places have this name; give the code, or oblast and raion after a comma",
        given[:200],
        [described(c) for c in _in_order(codes)[:MOST_LISTED]],
        count=len(codes),
    )


def _in_order(codes: Sequence[str]) -> list[str]:
    """The widest first, as the codifier has them."""
    widest_first = list(CATEGORY_WORDS)
    return sorted(codes, key=lambda c: (widest_first.index(places()[c].category), c))


def _no_name(
    name: Name, around: Sequence[Name], given: str, pointer: str, levels: Collection[str]
) -> InvalidInput:
    """The refusal of a name, with up to five that are nearly it, a unit of each: one that lies in
    what was named around it, if any does."""
    if others := codes_of(name.keys):
        return InvalidInput(
            pointer,
            "places of this name are not what it is called here",
            given[:200],
            [described(c) for c in _in_order(others)[:MOST_NEAR]],
        )
    if renamed := [c for key in name.keys for c in other_names().get(key, ())]:
        return InvalidInput(
            pointer,
            "this is another or a former name of what the codifier calls otherwise",
            given[:200],
            [described(c) for c in dict.fromkeys(renamed)],
        )
    found = []
    wider = [set(w.codes()) for w in around]
    for key in nearest(name.keys[0][:60], 2 * MOST_NEAR):
        fit = [c for c in index()[key] if places()[c].category in levels] or index()[key]
        inside = [c for c in fit if all(w.intersection(chain(c)) for w in wider)]
        found.append((not inside, _in_order(inside or fit)[0]))
    found.sort(key=lambda f: f[0])
    near = list(dict.fromkeys(code for _, code in found))[:MOST_NEAR]
    return InvalidInput(
        pointer,
        "no place of the codifier has this name",
        given[:200],
        [described(c) for c in near] or None,
    )
