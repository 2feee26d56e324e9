"""Ids: UUIDv7 whose order keeps every history, whatever the clocks say."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.events.ids import Id, MatchId, NeedId, event_id_after

MOMENTS = st.integers(0, 2**47)
"""Milliseconds since 1970, up to the year 6429."""
LAST_RANDOM = (1 << 74) - 1


def v7(milliseconds: int, random: int) -> str:
    """A UUIDv7 put together by RFC 9562, section 5.7: 48, 4, 12, 2 and 62 bits."""
    bits = f"{milliseconds:048b}0111{random >> 62:012b}10{random & ((1 << 62) - 1):062b}"
    return str(uuid.UUID(int=int(bits, 2)))


def milliseconds_of(identifier: str) -> int:
    """The time in a UUIDv7."""
    return uuid.UUID(identifier).int >> 80


IDS = st.builds(v7, MOMENTS, st.integers(0, LAST_RANDOM))


@given(st.lists(st.none() | IDS, max_size=5), MOMENTS)
def test_event_id_is_a_uuid_v7_above_every_earlier_one(earlier: list[str | None], now: int) -> None:
    """Version 7, the RFC's variant, canonical text, and strictly greater than each given."""
    found = event_id_after(*earlier, now_ms=now)
    parsed = uuid.UUID(found)
    assert (parsed.version, parsed.variant) == (7, uuid.RFC_4122)
    assert str(parsed) == found
    assert all(found > e for e in earlier if e is not None)


@given(IDS, st.integers(1, 10**9))
def test_clock_that_is_ahead_is_taken(floor: str, ahead: int) -> None:
    """The wall clock's time is in the id where it is above all earlier ones."""
    now = milliseconds_of(floor) + ahead
    assert milliseconds_of(event_id_after(floor, now_ms=now)) == now


@given(IDS, st.integers(0, 10**9))
def test_clock_that_is_behind_or_equal_moves_time_by_one_millisecond_at_most(
    floor: str, behind: int
) -> None:
    """Order survives, and the id's time stays at the greatest clock seen, or one above."""
    seen = milliseconds_of(floor)
    found = event_id_after(floor, now_ms=max(0, seen - behind))
    assert found > floor
    assert milliseconds_of(found) in (seen, seen + 1)


@given(MOMENTS)
def test_full_random_bits_overflow_into_the_next_millisecond(now: int) -> None:
    """The greatest id of a millisecond has a successor: the first of the next."""
    last = v7(now, LAST_RANDOM)
    found = event_id_after(last, now_ms=now)
    assert found > last
    assert found == v7(now + 1, 0)
    assert event_id_after(found, now_ms=now) > found


@given(MOMENTS, st.integers(0, 70_000))
def test_random_bits_near_their_end_stay_ordered(now: int, left: int) -> None:
    """Just below the overflow the successor is either in the same millisecond or the next."""
    floor = v7(now, LAST_RANDOM - left)
    assert event_id_after(floor, now_ms=now) > floor


@given(MOMENTS)
def test_carry_from_the_low_62_bits_keeps_version_and_variant(now: int) -> None:
    """62 ones in the low part carry into the 12 bits above the variant, not into the variant."""
    floor = v7(now, (5 << 62) | ((1 << 62) - 1))
    found = uuid.UUID(event_id_after(floor, now_ms=now))
    assert (found.version, found.variant) == (7, uuid.RFC_4122)
    assert (found.int >> 64) & 0xFFF == 6


@pytest.mark.parametrize("behind", [0, 60_000])
def test_ten_thousand_successive_ids_from_one_floor_stay_ordered(behind: int) -> None:
    """A burst in one millisecond, or on a clock that is a minute behind, has one order."""
    first = event_id_after(now_ms=1_655_856_000_000)
    found = [first]
    for _ in range(10_000):
        found.append(event_id_after(found[-1], now_ms=1_655_856_000_000 - behind))
    assert found == sorted(set(found))
    assert milliseconds_of(found[-1]) <= 1_655_856_000_001


def test_two_processes_at_the_same_floor_do_not_draw_the_same_id() -> None:
    """The step above a floor is random, so two writers rarely meet; one of 256 draws repeats."""
    floor = v7(1, 0)
    assert len({event_id_after(floor, now_ms=0) for _ in range(200)}) > 20


def test_new_ids_are_uuid_v7_of_their_own_kind() -> None:
    """Each kind gives ids of its class, and two are never equal."""
    found: list[Id] = [NeedId.new(), MatchId.new(), NeedId.new()]
    assert [type(one) for one in found] == [NeedId, MatchId, NeedId]
    assert {uuid.UUID(one).version for one in found} == {7}
    assert len(set(found)) == 3
