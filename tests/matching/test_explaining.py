"""Why a match was proposed: every code has its words, and sentences say what the data says."""

from typing import Any, get_args

import pytest

from services.matching import by_hand, commands
from services.matching.by_hand import ProposeMatch
from services.matching.commands import SetRates
from services.matching.engine import rule
from services.matching.engine.problem import ReasonCode
from services.matching.engine.solution import LOSS_CODES, Binding
from services.matching.explaining import Explained, explained
from services.matching.matches import Match
from services.matching.sentences import (
    BINDING,
    CHANGES,
    LOSSES,
    PARTS,
    REASONS,
    TIERS,
    UNITS,
    Names,
    Said,
)
from shared.lines import PERSON_DAY
from shared.lines import UNITS as UNITS_OF_GOODS
from shared.translations import translate
from tests.given import funding, goods
from tests.matching.samples import CASCAIS, LITHUANIA
from tests.matching.story import Story

EURO_RATES = {"PLN": "4.6590", "UAH": "30.8940"}


def explain(story: Story, match: Match) -> Explained:
    """A match's explanation, of all that the story knows."""
    known: Any = story.states
    recorded = list(known["rates"].values())
    names = Names(known["pledges"], known["requirements"])
    return explained(
        match, known["rounds"].get(match.round_id), recorded[-1] if recorded else None, names
    )


def test_every_code_has_its_words() -> None:
    """A code that a round or an outlook may answer, and none that it never does."""
    assert set(REASONS) == set(CHANGES) == set(get_args(ReasonCode))
    assert set(LOSSES) == set(LOSS_CODES)
    assert set(BINDING) == set(get_args(Binding))
    assert set(PARTS) == {part.name for part in rule.PARTS}
    assert set(TIERS) == {(t.name, level) for t in rule.TIERS for level in range(t.levels)}
    assert set(UNITS) == {*UNITS_OF_GOODS, PERSON_DAY}


@pytest.mark.parametrize("table", [REASONS, CHANGES, LOSSES, BINDING, PARTS, TIERS, UNITS])
def test_every_code_is_said_in_both_languages(table: dict[object, Said]) -> None:
    """English words are not left to stand in Ukrainian."""
    for code, words in table.items():
        assert words("en") != words("uk"), code
        assert translate(words.template, "uk") != words.template


def test_explanation_has_the_tier_step_by_step_and_a_score_that_adds_up() -> None:
    """Each step with its level and highest, each part with its points and most."""
    story = Story()
    story.irpin_asks(funding(1, "500000.00"))
    story.pledges(CASCAIS, funding(1, "500000.00"))
    (match,) = story.round()
    found = explain(story, match)
    assert [(s.name, s.highest) for s in found.tier] == [(t.name, t.levels - 1) for t in rule.TIERS]
    assert all(s.means for s in found.tier)
    assert [p.most for p in found.parts] == [p.most for p in rule.PARTS]
    assert found.base == rule.BASE
    assert found.score == found.base + sum(p.points for p in found.parts)
    assert set(found.binding) == {"covers-the-line", "uses-up-the-pledge-line"}


def test_explanation_names_the_round_and_what_it_had_seen() -> None:
    """Positions and hashes are those of the round's own event."""
    story = Story()
    story.irpin_asks(funding(1, "500000.00"))
    story.pledges(CASCAIS, funding(1, "500000.00"))
    (match,) = story.round()
    rounds: Any = story.states["rounds"]
    decision = rounds[match.round_id].decision
    found = explain(story, match)
    assert found.round is not None
    assert found.round.seen == decision.seen
    assert found.round.problem_hash == decision.problem_hash
    assert found.round.solution_hash == decision.solution_hash
    assert found.by_hand is None
    assert any(decision.problem_hash[:12] in said for said in found.sentences.en)


def test_sentences_are_as_many_in_both_languages_and_name_the_pledge_and_the_place() -> None:
    """A pledge by its title, a need by its place, amounts as each language writes them."""
    story = Story()
    story.irpin_asks(funding(1, "500000.00"))
    story.pledges(CASCAIS, funding(1, "500000.00"))
    (match,) = story.round()
    said = explain(story, match).sentences
    assert len(said.en) == len(said.uk) > 8
    assert said.en[0].startswith("500,000.00 EUR of line 1 of the pledge “For a kindergarten”")
    assert "Ірпінь, education" in said.en[0]
    assert said.uk[0].startswith("500\N{NO-BREAK SPACE}000,00 EUR з рядка 1 внеску")
    assert "Authority and partner have no confirmed partnership." in said.en


def test_alternatives_say_why_they_lost() -> None:
    """The pledge that came later is told so, by its title, in both languages."""
    story = Story()
    story.irpin_asks(funding(1, "500000.00"))
    story.pledges(CASCAIS, funding(1, "500000.00"))
    later = story.pledges(LITHUANIA, funding(1, "500000.00"))
    (match,) = story.round()
    found = explain(story, match)
    assert [a.pledge_id for a in found.alternatives] == [later.id]
    code = found.alternatives[0].reason
    assert any(LOSSES[code]("en") in said for said in found.sentences.en)  # type: ignore[index]
    assert any(LOSSES[code]("uk") in said for said in found.sentences.uk)  # type: ignore[index]


def test_rates_that_money_was_counted_by_are_named_and_no_others() -> None:
    """A pledge in zloty for a need in euro: the zloty's rate, with its day and source."""
    story = Story()
    rates = SetRates.model_validate({"date": "2022-06-22", "source": "ECB", "per_eur": EURO_RATES})
    story.do(commands.set_rates, rates, roles=["operator"])
    story.irpin_asks(funding(1, "100000.00"))
    story.pledges(CASCAIS, funding(1, "465900.00", currency="PLN"))
    (match,) = story.round()
    found = explain(story, match)
    assert found.rates is not None
    assert {k: format(v, "f") for k, v in found.rates.per_eur.items()} == {"PLN": "4.6590"}
    assert any("for one euro 4.6590 PLN" in said for said in found.sentences.en)


def test_match_proposed_by_hand_says_by_whom_and_why() -> None:
    """The partner's own words; there is no round, tier or score."""
    story = Story()
    need = story.irpin_asks(goods(1, "generator", 2))
    pledge = story.pledges(CASCAIS, goods(1, "generator", 2))
    command = ProposeMatch(
        pledge_id=pledge.id, pledge_line=1, need_id=need, need_line=1, reason="the mayors met"
    )
    match = story.do(by_hand.propose_match, command, 14, by=CASCAIS, roles=["member"])
    found = explain(story, match)
    assert found.by_hand is not None
    assert (found.by_hand.proposed_by, found.by_hand.reason) == (CASCAIS, "the mayors met")
    assert (found.round, found.tier, found.score) == (None, (), None)
    assert "The partner proposed it by hand: the mayors met" in found.sentences.en
    assert "2 шт. з рядка 1" in found.sentences.uk[0]


def test_match_of_an_older_rule_is_explained_as_far_as_it_was_recorded() -> None:
    """Parts that the table of today does not know keep their names and points."""
    story = Story()
    story.irpin_asks(funding(1, "500000.00"))
    story.pledges(CASCAIS, funding(1, "500000.00"))
    (match,) = story.round()
    older = {"rule": "first-come.v1", "parts": {"earmark": 4}, "tier": {"luck": 1}, "score": 1004}
    why = type(match.explanation).model_validate(older)
    found = explain(story, match.model_copy(update={"explanation": why}))
    assert [(p.name, p.points, p.most) for p in found.parts] == [("earmark", 4, None)]
    assert any("4 for earmark" in said for said in found.sentences.en)
