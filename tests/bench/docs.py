"""`make docs-matching`: the tables of docs/matching.md, from the rule's code and from benchmarks.

A block between `<!-- rule: NAME -->` and `<!-- end -->` is generated from the code. Blocks that
begin with `<!-- measured: COMMAND -->` hold what that command printed: they are written again only
with `--measure` (some minutes), and no test compares them.
"""

import argparse
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, get_args

from services.matching.engine.problem import ReasonCode
from services.matching.engine.rule import BASE, PARTS, RULE, TIERS
from services.matching.engine.solution import LOSS_CODES, Binding

FILE = Path(__file__).parents[2] / "docs" / "matching.md"
BLOCK = re.compile(r"(<!-- (rule|measured): ([^\n]*?) -->\n).*?(<!-- end -->)", re.DOTALL)

REASONS: dict[ReasonCode, str] = {
    "pledge-not-open": "the pledge was withdrawn or has expired",
    "need-not-open": "the need was withdrawn, or its project is suspended or over",
    "partner-not-in-good-standing": "the partner is suspended or has left",
    "authority-not-in-good-standing": "the authority is suspended or has left",
    "not-yet-valid": "the pledge's first day is still to come",
    "no-longer-valid": "the pledge's last day has passed",
    "other-kind": "one is money and the other goods or services, or one goods, the other services",
    "other-category": "goods or services of another category",
    "other-unit": "counted in a unit that no list converts",
    "no-unit-value": "money for what is asked in kind, and the need states no value of one unit",
    "no-rate": "two currencies, and no exchange rate is recorded for one of them",
    "earmarked-for-another-need": "the pledge names another need",
    "earmarked-for-another-authority": "the pledge names another authority",
    "earmarked-for-other-places": "no place that the pledge names holds the need",
    "earmarked-for-other-sectors": "no sector that the pledge names holds the need's",
    "answered-before": "has a match, or was declined or lapsed and neither side was amended since",
    "nothing-available": "all of the pledge line is reserved, delivered, withdrawn or expired",
    "nothing-uncovered": "all of the requirement line is proposed, agreed or delivered",
    "below-minimum": "less than the pledge line's minimum could be matched",
    "indivisible-too-large": "the pledge line is given whole or not at all, and it does not fit",
    "less-than-one-unit": "worth less than one of the need's smallest unit",
}
LOSSES = {
    "lower-tier": "a pair of a higher tier was there",
    "lower-score": "a pair of the same tier scores more; `margin` says by how many points a unit",
    "later": "as good, and later in the order of needs, then of pledges",
    "does-not-fit": "what was left is below its minimum, or not its indivisible amount",
    "used-for-others": "its pledge line was used up for other needs",
    "covered-by-others": "its requirement line was covered by other pledges",
}
BINDINGS = {
    "covers-the-line": "nothing more is uncovered",
    "uses-up-the-pledge-line": "nothing more is available",
    "indivisible": "the pledge line is given whole",
    "minimum": "exactly the pledge line's minimum",
}


def _table(head: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "".join("| " + " | ".join(map(str, line)) + " |\n" for line in lines)


def _codes(codes: Iterable[str], means: Mapping[Any, str]) -> str:
    return _table(("code", "means"), ((f"`{code}`", means[code]) for code in codes))


def _tiers() -> str:
    rows = (
        (n, f"`{t.name}`", f"0 to {t.levels - 1}", t.means) for n, t in enumerate(TIERS, start=1)
    )
    return f"Rule `{RULE}`.\n\n" + _table(("step", "name", "level", "what reaches it"), rows)


def _parts() -> str:
    rows: list[tuple[object, ...]] = [("", BASE, "every unit of value, whoever gives and takes it")]
    rows += [(f"`{p.name}`", f"0 to {p.most}", p.means) for p in PARTS]
    most = BASE + sum(p.most for p in PARTS)
    return _table(("part", "points", "what gives them"), rows) + f"\nA score is at most {most}.\n"


RULES: dict[str, Callable[[], str]] = {
    "tiers": _tiers,
    "parts": _parts,
    "reasons": lambda: _codes(get_args(ReasonCode), REASONS),
    "losses": lambda: _codes(LOSS_CODES, LOSSES),
    "bindings": lambda: _codes(get_args(Binding), BINDINGS),
}

COMMANDS = {
    "make bench-matching": "tests.bench.matching",
    "make table-matching": "tests.bench.policies",
}


def generated(text: str, measure: bool = False) -> str:
    """The document with its blocks written again; measured ones only where that is asked for."""

    def block(found: re.Match[str]) -> str:
        begin, kind, name, end = found.groups()
        if kind == "rule":
            return f"{begin}\n{RULES[name]()}\n{end}"
        return f"{begin}\n{_printed(COMMANDS[name])}\n{end}" if measure else found.group()

    return BLOCK.sub(block, text)


def _printed(module: str) -> str:
    return subprocess.run(
        [sys.executable, "-m", module], capture_output=True, text=True, check=True
    ).stdout


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--measure", action="store_true")
    FILE.write_text(
        generated(FILE.read_text(encoding="utf-8"), parser.parse_args().measure), encoding="utf-8"
    )


if __name__ == "__main__":
    main()
