"""Folding without a store: what a document knows of the events that made it."""

import itertools
from dataclasses import replace

import pytest

from shared.events.ids import MemberId, NeedId, PledgeId
from shared.events.matches import NeedCovered
from shared.events.members import MemberAdmitted
from shared.events.pledges import PledgeWithdrawn
from shared.events.projects import NeedWithdrawn
from shared.log import LOG, Folded, Held, Records, State, entry, envelope, held
from tests.shared.test_envelope import IRPIN as ENVELOPE

NEED = NeedId("01818ba0-0001-7002-8000-000000000001")
IRPIN = MemberId("01818ba0-0002-7001-8000-000000000002")
CASCAIS = MemberId("01818ba0-0003-7001-8000-000000000003")
PLEDGE = PledgeId("01818ba0-0001-7003-8000-000000000001")
EARLY, MIDDLE, LATE = (f"01818ba0-000{n}-7001-8000-000000000009" for n in (1, 2, 3))


class Tally(State):
    """How often each thing happened, in no order."""

    what = "tally"
    happened: tuple[str, ...] = ()
    note: str | None = None


def evolve(
    state: Tally | None, event: NeedWithdrawn | MemberAdmitted | NeedCovered | PledgeWithdrawn
) -> Tally:
    """Add the event's name."""
    before = state.happened if state else ()
    return Tally(happened=tuple(sorted((*before, event.type))))


needs = Folded("needs", Tally, evolve, {NeedWithdrawn: "need_id"})
authorities = Folded("authorities", Tally, evolve, {NeedWithdrawn: "authority_id"})
members = Folded("members", Tally, evolve, {MemberAdmitted: lambda e: [e.member_id, e.endorsed_by]})

WITHDRAWN = NeedWithdrawn(need_id=NEED, authority_id=IRPIN, reason="built elsewhere")
COVERED = NeedCovered(need_id=NEED, authority_id=IRPIN)
ADMITTED = MemberAdmitted(member_id=IRPIN, role="member", endorsed_by=CASCAIS, reason="endorsed")


def test_fold_counts_every_event_and_those_of_its_own_subject() -> None:
    """revision counts all; subject_version only those whose subject the document is."""
    document: Held[Tally] = Held()
    document.fold(needs, WITHDRAWN, NEED, EARLY)
    assert (document.revision, document.subject_version, document.last_event) == (1, 1, EARLY)
    document.fold(needs, WITHDRAWN, NEED, LATE)
    assert (document.revision, document.subject_version, document.last_event) == (2, 2, LATE)
    assert document.state == Tally(happened=("need-withdrawn", "need-withdrawn"))


def test_fold_of_anothers_event_leaves_the_subject_version() -> None:
    """The authority's document changes with its need's event, and is not the event's subject."""
    document: Held[Tally] = Held()
    document.fold(authorities, WITHDRAWN, IRPIN, EARLY)
    assert (document.revision, document.subject_version, document.last_event) == (1, 0, EARLY)


def test_fold_in_any_order_ends_at_the_same_document() -> None:
    """Events of several subjects arrive in any order: the document, meta included, is the same."""
    found = set()
    for order in itertools.permutations([EARLY, MIDDLE, LATE]):
        document: Held[Tally] = Held()
        for event_id in order:
            document.fold(authorities, WITHDRAWN, IRPIN, event_id)
        found.add(str(document.document(IRPIN)))
    assert len(found) == 1
    assert f"'last_event': '{LATE}'" in found.pop()


def test_fold_leaves_what_is_stored_alone() -> None:
    """`stored` is the store's revision, against which the write is checked."""
    document = Held(state=Tally(), revision=3, subject_version=3, last_event=EARLY, stored=3)
    document.fold(needs, WITHDRAWN, NEED, LATE)
    assert (document.revision, document.stored) == (4, 3)


def test_fold_that_is_refused_changes_nothing() -> None:
    """Where evolve raises, the document is as it was."""

    def refuse(state: Tally | None, event: NeedWithdrawn) -> Tally:
        raise ValueError("no")

    document = Held(state=Tally(), revision=1, subject_version=1, last_event=EARLY, stored=1)
    before = replace(document)
    with pytest.raises(ValueError, match="no"):
        document.fold(Folded("n", Tally, refuse, {NeedWithdrawn: "need_id"}), WITHDRAWN, NEED, LATE)
    assert document == before


def test_document_is_parsed_to_what_it_was() -> None:
    """State and meta survive the store; a lock is no state; None is not written."""
    document: Held[Tally] = Held()
    document.fold(needs, WITHDRAWN, NEED, EARLY)
    stored = document.document(NEED)
    assert stored == {
        "happened": ["need-withdrawn"],
        "_id": NEED,
        "revision": 1,
        "subject_version": 1,
        "last_event": EARLY,
    }
    assert held(needs, stored | {"lock": 7}) == replace(document, stored=1)


def test_touched_names_each_document_once_per_key() -> None:
    """By the name of a field, by a function, and nothing for an event that is not folded."""
    assert list(needs.touched(WITHDRAWN)) == [NEED]
    assert list(members.touched(ADMITTED)) == [IRPIN, CASCAIS]
    assert list(needs.touched(COVERED)) == []


def test_records_finds_every_document_an_event_changes() -> None:
    """Own collections and foreign ones, each under its own key."""
    records = Records("projects", needs, authorities, members)
    assert [c.owner for c in records.collections] == ["projects", "projects", "members"]
    assert records.touched(WITHDRAWN) == [(needs, NEED), (authorities, IRPIN)]


def test_records_refuses_a_collection_folded_from_two_logs() -> None:
    """A rebuild would need an order between two logs, and there is none."""
    mixed = Folded("mixed", Tally, evolve, {NeedWithdrawn: "need_id", NeedCovered: "need_id"})
    with pytest.raises(TypeError, match="mixed is folded from more than one log"):
        Records("projects", needs, mixed)


@pytest.mark.parametrize("service", ["projects", "matching"])
def test_records_refuses_two_logs_whichever_of_them_is_its_own(service: str) -> None:
    """The order of the keys hides nothing."""
    mixed = Folded("mixed", Tally, evolve, {NeedCovered: "need_id", NeedWithdrawn: "need_id"})
    with pytest.raises(TypeError, match="mixed"):
        Records(service, mixed)


def test_records_refuses_a_collection_folded_from_nothing() -> None:
    """A collection without events says so, in the words of the other refusal."""
    with pytest.raises(TypeError, match="empty"):
        Records("projects", Folded("empty", Tally, evolve, {}))


def test_two_events_of_one_log_may_fold_one_collection() -> None:
    """The rule is about logs, not about event types."""
    both = Folded("both", Tally, evolve, {NeedCovered: "need_id", PledgeWithdrawn: "pledge_id"})
    assert Records("matching", both).collections == (both,)


def test_indexes_name_every_collection_of_the_service() -> None:
    """The log, the plain ones, and each folded one."""
    found = Records("projects", needs, members).indexes()
    assert {LOG, "inbox", "leases", "needs", "members"} < set(found)
    assert found[LOG]


def test_log_entry_gives_the_envelope_back() -> None:
    """What is stored before sequencing is the event, pending, and without a position."""
    unsequenced = replace(ENVELOPE, sequence=None)
    document = entry(unsequenced)
    assert (document["pending"], document["position"]) == (True, None)
    assert envelope("projects", document) == unsequenced
    assert envelope("projects", document | {"position": 7}) == ENVELOPE
