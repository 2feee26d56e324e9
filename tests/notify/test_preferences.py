"""What a member wishes, how a link ends a kind of mail, and what can be sent again."""

from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notify import preferences, repeating, unsubscribing
from services.notify.audience import AUDIENCE, MESSAGES
from services.notify.model import Notice
from services.notify.preferences import Preferences, SetPreferences
from services.notify.repeating import NotOver
from services.notify.settings import NotifySettings
from services.notify.unsubscribing import KINDS, Unsubscription
from shared.actor import Actor
from shared.errors import InvalidInput, NotYours
from shared.events.ids import ContactRef, MemberId, NoticeId
from shared.events.notify import Kind, QuietHours, Timings
from shared.settings import UnsafeSettings
from tests.notify.samples import CASCAIS, IRPIN, NEED, an_id

KEY, OTHER = b"k" * 32, b"o" * 32
kinds = st.lists(st.sampled_from(KINDS), min_size=1)


def test_each_message_is_of_one_kind_and_each_kind_has_one() -> None:
    """A message in two rows would have two timings; a kind without one would be set for nothing."""
    messages = [message for row in AUDIENCE.values() for message in set(row.messages.values())]
    assert len(messages) == len(set(messages))
    assert {row.kind for row in AUDIENCE.values()} == set(get_args(Kind))
    assert set(Timings.model_fields) == set(get_args(Kind))


@pytest.mark.parametrize(
    "message", ["match-proposed", "match-lapses-soon", "match-released", "webhook-disabled"]
)
def test_what_asks_for_an_answer_or_ends_something_is_urgent(message: str) -> None:
    """A day in a digest could be the day too many."""
    assert MESSAGES[message].urgent


@pytest.mark.parametrize("message", ["need-posted", "milestone-recorded", "passed-over"])
def test_news_that_can_wait_is_not_urgent(message: str) -> None:
    """Otherwise nothing would be left for digests."""
    assert not MESSAGES[message].urgent


def test_setting_says_all_that_holds_afterwards_and_nothing_twice() -> None:
    """What is left out is as by default; the same again is no event."""
    quiet = QuietHours(begin="01:00", end="02:00")
    before = Preferences(id=IRPIN, digest_hour=6, quiet_hours=quiet)
    command = SetPreferences(timings=Timings(needs="daily"))
    changed = preferences.change(before, command)
    assert changed is not None
    after = preferences.evolve(before, changed)
    assert after == Preferences(id=IRPIN, timings=Timings(needs="daily"))
    assert preferences.change(after, command) is None


def test_unsubscribing_turns_one_kind_off_and_leaves_the_rest() -> None:
    """Whatever else was set stays; once it is off there is nothing to record."""
    before = Preferences(id=IRPIN, timings=Timings(needs="daily"), digest_hour=6)
    changed = preferences.unsubscribe(before, "projects")
    assert changed is not None
    after = preferences.evolve(before, changed)
    assert after == before.model_copy(update={"timings": Timings(needs="daily", projects="off")})
    assert preferences.unsubscribe(after, "projects") is None


def test_quiet_hours_that_end_as_they_begin_are_refused() -> None:
    """Nobody knows whether that is no time or all day."""
    with pytest.raises(InvalidInput) as refused:
        SetPreferences.model_validate({"quiet_hours": {"begin": "07:00", "end": "07:00"}})
    assert refused.value.facts["field"] == "/quiet_hours/end"


def test_preferences_are_read_by_auditors_and_set_by_the_member_or_an_operator() -> None:
    """Auditors see why something came late; another member sees nothing."""
    own = Actor(f"member:{IRPIN}", IRPIN, frozenset({"member"}))
    operator = Actor("operator:desk", None, frozenset({"operator"}))
    auditor = Actor("client:audit", None, frozenset({"auditor"}))
    other = Actor(f"member:{CASCAIS}", CASCAIS, frozenset({"member"}))
    for who in (own, operator):
        preferences.must_be_own(IRPIN, who)
    preferences.may_read(IRPIN, auditor)
    for who in (auditor, other):
        with pytest.raises(NotYours):
            preferences.must_be_own(IRPIN, who)
    with pytest.raises(NotYours):
        preferences.may_read(IRPIN, other)


@given(kinds)
def test_a_link_says_whose_mail_of_which_kinds_it_ends(named: list[Kind]) -> None:
    """Whatever the order and however often; also under a key that does not sign any more."""
    token = unsubscribing.token(IRPIN, named, KEY)
    expected = Unsubscription(IRPIN, tuple(kind for kind in KINDS if kind in named))
    assert unsubscribing.read(token, [KEY]) == expected
    assert unsubscribing.read(token, [OTHER, KEY]) == expected
    assert unsubscribing.read(token, [OTHER]) is None


@given(kinds, st.data())
def test_a_link_that_was_changed_is_good_for_nothing(
    named: list[Kind], data: st.DataObject
) -> None:
    """One character anywhere; and what is no link at all."""
    token = unsubscribing.token(IRPIN, named, KEY)
    at = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.characters(codec="utf-8").filter(lambda c: c != token[at]))
    changed = token[:at] + other + token[at + 1 :]
    assert unsubscribing.read(changed, [KEY]) is None


@given(st.text())
def test_text_that_is_no_link_is_no_error(text: str) -> None:
    """Scanners ask for anything."""
    assert unsubscribing.read(text, [KEY]) is None


def test_without_an_address_or_a_key_there_is_no_link() -> None:
    """A link that leads nowhere, or that anybody can make, is worse than none."""
    assert unsubscribing.url(None, [KEY], IRPIN, ["needs"]) is None
    assert unsubscribing.url("https://alliance.example", [], IRPIN, ["needs"]) is None
    link = unsubscribing.url("https://alliance.example/", [KEY, OTHER], IRPIN, ["needs"])
    assert link is not None
    assert link.startswith("https://alliance.example/unsubscriptions/")
    token = link.rpartition("/")[2]
    assert unsubscribing.read(token, [KEY]) is not None


@pytest.mark.parametrize("keys", ["", "short\n", "k" * 32 + "\nshort"])
def test_a_weak_key_stops_the_service_before_it_signs(
    keys: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A link could be guessed; the message names the variable."""
    file = tmp_path / "link.keys"
    file.write_text(keys)
    for name, value in (
        ("KAFKA", "k:1"),
        ("MONGODB", "mongodb://m"),
        ("JWKS_FILE", file),
        ("SMTP_HOST", "smtp"),
        ("LINK_KEYS_FILE", file),
    ):
        monkeypatch.setenv(f"ALLIANCE_{name}", str(value))
    with pytest.raises(UnsafeSettings, match="ALLIANCE_LINK_KEYS_FILE"):
        NotifySettings.load()


def a_notice(**more: object) -> Notice:
    """A need's receipt to Irpin."""
    return Notice.model_validate(
        {
            "id": an_id(NoticeId, "1"),
            "recipient_id": IRPIN,
            "contact_ref": an_id(ContactRef, "1"),
            "channel": "email",
            "message": "need-posted",
            "about": "e1",
            "about_type": "alliance.need-posted.v1",
            "thread": NEED,
            "not_before": "2026-03-06T06:00:00.000000Z",
            "digest": True,
            **more,
        }
    )


@pytest.mark.parametrize("status", ["sent", "failed"])
def test_a_repeated_notice_says_the_same_at_once_and_names_the_first(status: str) -> None:
    """Also that of a digest goes alone: somebody waits for it."""
    first = a_notice(status=status)
    again = repeating.repeat(first, Preferences(id=IRPIN), "it was lost", an_id(NoticeId, "2"))
    assert (again.repeats, again.repeated_because) == (first.id, "it was lost")
    assert (again.message, again.about, again.recipient_id) == ("need-posted", "e1", IRPIN)
    assert (again.not_before, again.digest) == (None, False)


@pytest.mark.parametrize("status", ["queued", "withheld"])
def test_what_is_not_over_or_not_wanted_is_not_repeated(status: str) -> None:
    """It is on its way; or its recipient has said no."""
    new_id = an_id(NoticeId, "2")
    with pytest.raises(NotOver):
        repeating.repeat(a_notice(status=status), Preferences(id=IRPIN), "why", new_id)
    off = Preferences(id=MemberId(IRPIN), timings=Timings(needs="off"))
    with pytest.raises(NotOver):
        repeating.repeat(a_notice(status="sent"), off, "why", new_id)
