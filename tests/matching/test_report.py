"""A round's report counts each requirement line once in the total and in each kind of group."""

from dataclasses import replace
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.matching.matches import evolve_round
from services.matching.report import MOST_CENTS, ReportedLine, report_of
from shared.codelists import OBLAST_LEVEL, places
from shared.events.canonical import canonical
from shared.events.facts import HromadaSize, ProjectSector
from shared.events.ids import RoundId
from shared.events.rounds import CoverageSums, MatchingRoundCompleted, RoundDecision, RoundReport
from shared.events.seen import Seen
from tests.given import IRPIN_CHAIN, numbered, patience
from tests.given import given as after

KYIV_OBLAST = IRPIN_CHAIN[3]
OBLASTS = sorted(p.code for p in places().values() if p.category in OBLAST_LEVEL)
SECTORS = get_args(ProjectSector)
SIZES = get_args(HromadaSize)
A_LINE = ReportedLine(KYIV_OBLAST, "education", "large", 50_000_00, 0, 0)

ONE_LINE = st.tuples(
    st.sampled_from([None, *OBLASTS]),
    st.sampled_from(SECTORS),
    st.sampled_from(SIZES),
    st.integers(0, 10**12),
    st.integers(0, 10**12),
    st.integers(0, 10**12),
    st.booleans(),
).map(lambda facts: ReportedLine(*facts))
MANY_LINES = st.lists(ONE_LINE, max_size=40)


def sums(found: CoverageSums) -> dict[str, int]:
    """What is counted, without the group's key."""
    return {name: getattr(found, name) for name in CoverageSums.model_fields}


def kinds(report: RoundReport) -> tuple[tuple[CoverageSums, ...], ...]:
    """The three kinds of groups."""
    return report.by_oblast, report.by_sector, report.by_size


def test_two_lines_of_one_oblast_and_sector_are_one_row_and_two_sizes_are_two() -> None:
    """Irpin had half of its crèche before and has all of it after; a village got nothing."""
    irpin = replace(A_LINE, before=25_000_00, after=50_000_00)
    village = replace(A_LINE, size="small", asked=10_000_01)
    report = report_of([village, irpin])
    assert report.by_oblast[0].model_dump() == {
        "key": KYIV_OBLAST,
        "lines": 2,
        "touched_before": 1,
        "touched_after": 1,
        "unvalued": 0,
        "asked_cents": 60_000_01,
        "before_cents": 25_000_00,
        "after_cents": 50_000_00,
    }
    assert [(row.key, row.lines, row.after_cents) for row in report.by_size] == [
        ("large", 1, 50_000_00),
        ("small", 1, 0),
    ]


def test_line_without_a_value_in_euro_counts_as_a_line_only() -> None:
    """Three boilers of unknown value, of which the round found one."""
    boilers = replace(A_LINE, asked=3, before=0, after=1, valued=False)
    total = report_of([boilers, A_LINE]).total
    assert (total.lines, total.unvalued) == (2, 1)
    assert (total.touched_before, total.touched_after) == (0, 1)
    assert (total.asked_cents, total.after_cents) == (50_000_00, 0)


def test_displaced_proposal_lowers_what_is_covered() -> None:
    """After may be less than before in a group, and the report says so."""
    lost = replace(A_LINE, before=100, after=0)
    won = replace(A_LINE, sector="health", before=0, after=100)
    report = report_of([lost, won])
    assert [(r.before_cents, r.after_cents) for r in report.by_sector] == [(100, 0), (0, 100)]


def test_territory_without_an_oblast_is_counted_as_unknown() -> None:
    """A code that is none any more is not lost."""
    assert [r.key for r in report_of([replace(A_LINE, oblast=None)]).by_oblast] == ["unknown"]


def test_report_of_nothing_has_no_groups() -> None:
    """A round without needs is a round."""
    report = report_of([])
    assert sums(report.total) == dict.fromkeys(CoverageSums.model_fields, 0)
    assert kinds(report) == ((), (), ())


def test_round_keeps_its_report_as_it_was_recorded() -> None:
    """What is read of a round is what its event said."""
    report = report_of([A_LINE])
    decision = RoundDecision(
        rule="optimal.v1",
        seen=Seen(own_through=-1),
        day="2023-09-01",
        pledge_lines=1,
        requirement_lines=1,
        pairs=1,
        matches=0,
        problem_hash="0" * 64,
        solution_hash="0" * 64,
        milliseconds=1,
        report=report,
    )
    event = MatchingRoundCompleted(round_id=numbered(RoundId, 1), decision=decision)
    read = MatchingRoundCompleted.model_validate_json(event.data())
    assert after(evolve_round, read).decision == decision


@pytest.mark.parametrize("more", [0, 1])
def test_more_money_than_json_can_say_is_said_as_the_most(more: int) -> None:
    """Somebody who asks for all the money in the world does not stop a round."""
    report = report_of([replace(A_LINE, asked=MOST_CENTS), replace(A_LINE, asked=more)])
    assert report.total.asked_cents == MOST_CENTS


@patience(500, 100)
@given(MANY_LINES)
def test_groups_of_each_kind_add_up_to_the_total(lines: list[ReportedLine]) -> None:
    """No line is lost or counted twice, in any sum of any of the three kinds."""
    report = report_of(lines)
    for groups in kinds(report):
        for name, total in sums(report.total).items():
            assert sum(sums(group)[name] for group in groups) == total
    assert report.total.lines == len(lines)
    valued = [line for line in lines if line.valued]
    assert report.total.asked_cents == sum(line.asked for line in valued)
    assert report.total.before_cents == sum(line.before for line in valued)
    assert report.total.after_cents == sum(line.after for line in valued)


@patience(300, 60)
@given(MANY_LINES, st.randoms(use_true_random=False))
def test_order_of_lines_does_not_matter(lines: list[ReportedLine], chance: object) -> None:
    """Groups stand in the order of their keys, each key once, whatever came first."""
    shuffled = list(lines)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    report = report_of(lines)
    assert report_of(shuffled) == report
    for rows in (report.by_oblast, report.by_sector, report.by_size):
        keys = [row.key for row in rows]
        assert keys == sorted(set(keys))


def test_largest_report_fits_beside_the_rest_of_its_event() -> None:
    """All 27 oblasts, 23 sectors and 4 sizes, with sums of 90 trillion euro: at most 12 kB."""
    lines = [
        ReportedLine(
            OBLASTS[n % 27], SECTORS[n % 23], SIZES[n % 4], MOST_CENTS, MOST_CENTS, MOST_CENTS
        )
        for n in range(27 * 23 * 4)
    ]
    report = report_of(lines)
    assert [len(groups) for groups in kinds(report)] == [27, 23, 4]
    # As many lines as no market of ours has: each group as if it had a million.
    many = {"lines": 10**6, "touched_before": 10**6, "touched_after": 10**6, "unvalued": 10**6}
    largest = RoundReport(
        total=report.total.model_copy(update=many),
        by_oblast=tuple(row.model_copy(update=many) for row in report.by_oblast),
        by_sector=tuple(row.model_copy(update=many) for row in report.by_sector),
        by_size=tuple(row.model_copy(update=many) for row in report.by_size),
    )
    size = len(canonical(largest.model_dump(mode="json")).encode())
    print(f"{size} bytes")
    assert size <= 12_000
