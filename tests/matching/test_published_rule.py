"""What docs/matching.md says is what the code does, and ours is the best of the rules it shows."""

from typing import get_args

import pytest

from services.matching.engine.problem import ReasonCode
from services.matching.engine.solution import LOSS_CODES, Binding
from tests.bench import docs, policies
from tests.bench.matching import one_round, table


def test_document_says_what_the_code_says() -> None:
    """Tiers, parts and codes in the document are the rule's; `make docs-matching` writes them."""
    text = docs.FILE.read_text(encoding="utf-8")
    assert docs.generated(text) == text


def test_every_code_has_a_meaning_and_no_meaning_is_left_over() -> None:
    """A code that was added or renamed is explained."""
    assert set(docs.REASONS) == set(get_args(ReasonCode))
    assert set(docs.LOSSES) == set(LOSS_CODES)
    assert set(docs.BINDINGS) == set(get_args(Binding))


@pytest.mark.skipif(not policies.DATA.exists(), reason="the real data are not there")
def test_no_simple_rule_is_better_at_any_tier() -> None:
    """At the first tier where ours and another rule differ, ours scores more."""
    found = policies.outcomes(policies.real_market())
    for name in policies.POLICIES:
        difference = policies.first_difference(found[policies.OURS], found[name])
        assert difference is not None
        assert difference[1] > 0, name


def test_benchmark_runs() -> None:
    """A market of 200 needs and 200 pledges goes through every stage; how fast is not asked."""
    figures = one_round(200, terms=5, new_pledges=2)
    assert figures["matches"] > 0
    assert figures["events"] == figures["matches"] + 1 + figures["passed_over"]
    assert figures["new_pledge"]["pledges"] == 2
    assert "whole round / bare" in table([figures])
