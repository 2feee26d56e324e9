"""What matching says to people, as sentences in English and Ukrainian: one table for each code.

A sentence is a template of the catalogue (shared/translations/uk.po) with its values; a value may
itself be words that differ by language: an amount, a title, another sentence.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from services.matching.engine.problem import ReasonCode
from services.matching.engine.solution import Binding, LossCode
from services.matching.knowledge import Requirement
from services.matching.model import Pledge
from shared.codelists import places
from shared.events.facts import Amount, Money
from shared.events.ids import NeedId, PledgeId
from shared.log import State
from shared.translations import LANGUAGES, translate

QUOTES = {"en": ("“", "”"), "uk": ("«", "»")}

Words = Callable[[str], str]
"""Something in words, once a language is given."""


@dataclass(frozen=True)
class Said:
    """A template and its values."""

    template: str
    facts: Mapping[str, object] = field(default_factory=dict)

    def __call__(self, language: str) -> str:
        """The sentence in a language."""
        known = {k: v(language) if callable(v) else v for k, v in self.facts.items()}
        return translate(self.template, language).format(**known)


def say(template: str, **facts: object) -> Said:
    """A sentence; every template that is given here has its Ukrainian words."""
    return Said(template, facts)


class Sentences(State):
    """The same sentences in both languages."""

    en: tuple[str, ...] = ()
    uk: tuple[str, ...] = ()


def sentences(said: Iterable[Words]) -> Sentences:
    """Sentences in both languages, in their order."""
    kept = list(said)
    return Sentences(**{lang: tuple(words(lang) for words in kept) for lang in LANGUAGES})


def listed(parts: Iterable[Words]) -> Words:
    """Several parts of a sentence in a row."""
    kept = list(parts)
    return lambda language: "; ".join(part(language) for part in kept)


def number(value: int) -> Words:
    """A whole number, its thousands set apart."""
    return lambda language: _grouped(f"{value:,}", language)


def numbered(what: Words, many: int) -> Words:
    """Something and how many there are of it."""
    return lambda language: f"{what(language)}: {number(many)(language)}"


def amount(value: Amount) -> Words:
    """Money with its currency, or units by their name."""
    if isinstance(value, Money):
        return lambda lang: f"{_grouped(f'{value.amount:,f}', lang)} {value.currency}"
    unit = UNITS.get(value.unit)
    named: Words = unit if unit else lambda language: value.unit

    def words(language: str) -> str:
        one = value.quantity == 1 and language == "en"
        name = named(language).removesuffix("s") if one else named(language)
        return f"{number(value.quantity)(language)} {name}"

    return words


def _grouped(digits: str, language: str) -> str:
    if language == "uk":
        return digits.translate({ord(","): "\N{NO-BREAK SPACE}", ord("."): ","})
    return digits


@dataclass(frozen=True)
class Names:
    """What matching can call pledges and needs: a pledge's title; a need's place and sector, since
    its title is known to projects alone."""

    pledges: Mapping[PledgeId, Pledge]
    needs: Mapping[NeedId, Requirement]

    def pledge(self, pledge_id: PledgeId) -> Words:
        """A pledge by its title; by its id where it is not known."""
        known = self.pledges.get(pledge_id)
        if known is None:
            return lambda language: pledge_id
        title = known.title

        def words(language: str) -> str:
            opened, closed = QUOTES[language]
            return f"{opened}{title.get(language) or next(iter(title.values()))}{closed}"

        return words

    def need(self, need_id: NeedId) -> Words:
        """A need by its id, place and sector."""
        known = self.needs.get(need_id)
        if known is None:
            return lambda language: need_id
        place = places().get(known.territory[0])
        where = place.name if place else known.territory[0]
        return lambda language: f"{need_id} ({where}, {known.sector})"


UNITS: dict[str, Said] = {
    "piece": say("pieces"),
    "set": say("sets"),
    "kilogram": say("kilograms"),
    "tonne": say("tonnes"),
    "litre": say("litres"),
    "cubic-metre": say("cubic metres"),
    "square-metre": say("square metres"),
    "kilometre": say("kilometres"),
    "person-day": say("person-days"),
}
"""Units of goods and services (shared/lines.py)."""

TIERS: dict[tuple[str, int], Said] = {
    ("earmarked-for-this-need", 0): say("The pledge is not earmarked for this need alone."),
    ("earmarked-for-this-need", 1): say("The pledge names this very need."),
    ("partnership", 0): say("Authority and partner have no confirmed partnership."),
    ("partnership", 1): say("Authority and partner have a confirmed partnership."),
    ("place-and-sector", 0): say("The pledge names neither a place nor a sector of the need."),
    ("place-and-sector", 1): say(
        "The pledge names this authority or a place that holds the need, or else its sector."
    ),
    ("place-and-sector", 2): say(
        "The pledge names this authority or a place that holds the need, and its sector."
    ),
    ("urgency", 0): say("The need's urgency is low."),
    ("urgency", 1): say("The need's urgency is normal."),
    ("urgency", 2): say("The need's urgency is high."),
    ("urgency", 3): say("The need's urgency is critical."),
}
"""Each level of each tier (engine/rule.py)."""

PARTS: dict[str, Said] = {
    "begun": say("how much of the need is agreed or delivered"),
    "fairness": say("how little the hromada has so far of all it asked"),
    "waiting": say("how long the need has waited"),
    "authority-record": say("the authority's record: delivered, against declined and lapsed"),
    "partner-record": say("the partner's record: delivered, against declined and lapsed"),
}
"""Each part of a score within a tier (engine/rule.py)."""

BINDING: dict[Binding, Said] = {
    "covers-the-line": say("It is not larger since nothing more of the need's line is uncovered."),
    "uses-up-the-pledge-line": say(
        "It is not larger since nothing more of the pledge's line is available."
    ),
    "indivisible": say("The pledge's line is indivisible: it is given whole or not at all."),
    "minimum": say("It is the least part that the pledge's line allows."),
}

LOSSES: dict[LossCode, Said] = {
    "lower-tier": say("what was chosen had precedence"),
    "lower-score": say("what was chosen had a higher score"),
    "later": say("what was chosen had as high a score and was there first"),
    "does-not-fit": say("its minimum or its indivisible amount does not fit what was left"),
    "used-for-others": say("the pledge was used up for other needs"),
    "covered-by-others": say("the need's line was covered by other pledges"),
}

REASONS: dict[ReasonCode, Said] = {
    "pledge-not-open": say("the pledge is not open"),
    "need-not-open": say("the need is not open"),
    "partner-not-in-good-standing": say("the partner is no member in good standing"),
    "authority-not-in-good-standing": say("the authority is no member in good standing"),
    "not-yet-valid": say("the pledge's first day has not come"),
    "no-longer-valid": say("the pledge's last day has passed"),
    "other-kind": say("it is of another kind: money, goods or services"),
    "other-category": say("it is of another category"),
    "other-unit": say("it counts in a unit that does not convert"),
    "no-unit-value": say("the need does not say what money one unit is worth"),
    "no-rate": say("no exchange rate of the two currencies is recorded"),
    "earmarked-for-another-need": say("the pledge is for another need"),
    "earmarked-for-another-authority": say("the pledge is for another authority"),
    "earmarked-for-other-places": say("the pledge is for other places"),
    "earmarked-for-other-sectors": say("the pledge is for other sectors"),
    "answered-before": say("the two are matched now, or were declined or lapsed"),
    "nothing-available": say("nothing of the pledge's line is available"),
    "nothing-uncovered": say("nothing of the need's line is uncovered"),
    "below-minimum": say("what fits is less than the least part that the pledge allows"),
    "indivisible-too-large": say(
        "the pledge's line is indivisible and more than what is uncovered"
    ),
    "less-than-one-unit": say("what is available is worth less than one unit"),
}

CHANGES: dict[ReasonCode, Said] = {
    "pledge-not-open": say("the pledge would have to be made anew"),
    "need-not-open": say("the need would have to be open again"),
    "partner-not-in-good-standing": say("the partner would have to be reinstated"),
    "authority-not-in-good-standing": say("the authority would have to be reinstated"),
    "not-yet-valid": say("the pledge's first day would have to come"),
    "no-longer-valid": say("the pledge's last day would have to be later"),
    "other-kind": say("it would have to offer the kind that is asked"),
    "other-category": say("it would have to offer the category that is asked"),
    "other-unit": say("it would have to count in a unit that converts to the need's"),
    "no-unit-value": say("the need would have to say what money one unit is worth"),
    "no-rate": say("an operator would have to record a rate of the two currencies"),
    "earmarked-for-another-need": say("its earmark would have to name this need or none"),
    "earmarked-for-another-authority": say("its earmark would have to name this authority or none"),
    "earmarked-for-other-places": say("its earmark would have to hold the need's place"),
    "earmarked-for-other-sectors": say("its earmark would have to hold the need's sector"),
    "answered-before": say("the pledge or the need would have to be amended, or matched by hand"),
    "nothing-available": say("something of it would have to become free, or be added"),
    "nothing-uncovered": say("something of the need would have to be uncovered"),
    "below-minimum": say("its least part would have to be smaller"),
    "indivisible-too-large": say("it would have to be divisible, or smaller"),
    "less-than-one-unit": say("it would have to be worth one whole unit at least"),
}
"""What would have to be otherwise for a reason to go."""
