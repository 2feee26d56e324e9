"""From an envelope to an event: what is read, what is skipped, what is refused and how."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from shared.events import Envelope, Event, NotAnEvent, UnknownEvent, event_classes, read_event
from shared.events.ids import NeedId
from shared.events.projects import NeedPosted, NeedWithdrawn
from shared.events.registry import upcast
from tests.shared.throw_away import throw_away_classes

NEED = "01818ba0-0001-7002-8000-000000000001"
IRPIN = "01818ba0-0002-7001-8000-000000000002"
WITHDRAWN: dict[str, Any] = {"need_id": NEED, "authority_id": IRPIN, "reason": "built elsewhere"}
POSTED: dict[str, Any] = {
    "need_id": NEED,
    "authority_id": IRPIN,
    "territory": ["UA32080150010049888"],
    "sector": "education",
    "project_type": "rehabilitation",
    "title": {"uk": "Дитячий садок"},
    "lines": [
        {"kind": "funding", "line": 1, "amount": {"amount": "500000.00", "currency": "EUR"}},
        {
            "kind": "goods",
            "line": 2,
            "category": "truck",
            "amount": {"quantity": 3, "unit": "piece"},
        },
    ],
    "urgency": "high",
    "site_withheld": False,
}


def envelope(
    data: object, type: str = "alliance.need-withdrawn.v1", subject: str = NEED
) -> Envelope:
    """An event of projects with this data; text is taken as it is."""
    return Envelope(
        id="01818ba0-0001-7001-8000-000000000001",
        source="/projects",
        type=type,
        subject=subject,
        subject_version=1,
        time="2022-06-22T10:00:00.000000Z",
        actor=f"member:{IRPIN}",
        correlation_id="c",
        data=data if isinstance(data, str) else json.dumps(data),
    )


def posted(**changes: Any) -> Envelope:
    """need-posted with some of its data replaced."""
    return envelope(POSTED | changes, "alliance.need-posted.v1")


def envelope_text(good: str, wrong: str) -> str:
    """need-posted's data as JSON text, with one piece of it replaced."""
    text = json.dumps(POSTED)
    assert text.count(good) == 1
    return text.replace(good, wrong)


@pytest.fixture
def throw_away() -> Iterator[None]:
    """What a test registers is forgotten after it."""
    with throw_away_classes():
        yield


@pytest.mark.parametrize(
    "type", ["alliance.need-forgotten.v1", "alliance.need-withdrawn.v2", "alliance.x.v9999"]
)
@pytest.mark.parametrize("data", ["{}", "no JSON", "", "[", json.dumps(WITHDRAWN)])
def test_unknown_type_or_version_is_unknown_even_with_garbage_for_data(
    type: str, data: str
) -> None:
    """A reader cannot judge data it has no class for: it is skipped, not set aside."""
    with pytest.raises(UnknownEvent, match=type):
        read_event(envelope(data, type))


def test_unknown_event_is_not_a_broken_one() -> None:
    """The two are told apart by their classes: no handler of one catches the other."""
    assert not issubclass(UnknownEvent, NotAnEvent)
    assert not issubclass(NotAnEvent, UnknownEvent)


def test_fields_of_tomorrow_are_dropped_at_every_depth() -> None:
    """Optional fields that a later producer adds change nothing of what is read."""
    lines = [POSTED["lines"][0] | {"tax": "0"}, *POSTED["lines"][1:]]
    lines[1] = lines[1] | {"amount": {"quantity": 3, "unit": "piece", "weight": 1.5}}
    newer = read_event(posted(lines=lines, priority=7))
    assert newer == read_event(posted())
    assert isinstance(newer, NeedPosted)


SECRET = "Іваненко"
"""Stands for what must not be shown."""


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"urgency": SECRET}, "urgency"),
        ({"need_id": SECRET}, "need_id"),
        ({"need_id": NEED.upper()}, "need_id"),
        ({"title": SECRET}, "title"),
        ({"title": {"uk": 5}}, "title/uk"),
        ({"title": {"uk": SECRET + "\x00"}}, "title/uk"),
        ({"title": {}}, "title"),
        ({"territory": ["UA" + SECRET]}, "territory/0"),
        ({"territory": []}, "territory"),
        ({"lines": []}, "lines"),
        ({"lines": [*POSTED["lines"], SECRET]}, "lines/2"),
    ],
)
def test_wrong_data_names_the_field_and_never_shows_the_value(
    changes: dict[str, Any], field: str
) -> None:
    """The message goes to logs and dead letters, where people's words have no place."""
    with pytest.raises(NotAnEvent) as caught:
        read_event(posted(**changes))
    assert f"alliance.need-posted.v1 does not fit: {field}: " in str(caught.value)
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None


def test_wrong_key_of_a_map_is_not_shown_either() -> None:
    """A key is a value too: someone's name where a language code belongs is not repeated."""
    with pytest.raises(NotAnEvent) as caught:
        read_event(posted(title={SECRET: "x"}))
    assert SECRET not in str(caught.value)


def test_wrong_kind_of_a_line_is_not_shown_either() -> None:
    """pydantic's own words for a wrong discriminator have the value in them."""
    with pytest.raises(NotAnEvent) as caught:
        read_event(posted(lines=[POSTED["lines"][0] | {"kind": SECRET}]))
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("number", ['"1"', "1.0", "1e0", "true", "null", "0", "201", "-1", "[1]"])
def test_whole_number_is_a_whole_number_and_nothing_that_could_pass_for_one(number: str) -> None:
    """Text, floats and truth values are not turned into numbers: the leaf has what was sent."""
    text = envelope_text('"line": 1', f'"line": {number}')
    with pytest.raises(NotAnEvent, match="lines/0/funding/line"):
        read_event(envelope(text, "alliance.need-posted.v1"))


@pytest.mark.parametrize("amount", ["1.5", "1", '"1e3"', '"-1"', "null", "true"])
def test_amount_is_a_decimal_in_a_string(amount: str) -> None:
    """A JSON number is refused even where it is whole."""
    text = envelope_text('"amount": "500000.00"', f'"amount": {amount}')
    with pytest.raises(NotAnEvent, match=r"lines/0/funding/amount/amount: .*decimal number"):
        read_event(envelope(text, "alliance.need-posted.v1"))


@pytest.mark.parametrize("field", ["need_id", "authority_id", "reason"])
def test_missing_field_is_named(field: str) -> None:
    """Each required field that is absent is named."""
    less = {name: value for name, value in WITHDRAWN.items() if name != field}
    with pytest.raises(NotAnEvent, match=f"does not fit: {field}: Field required"):
        read_event(envelope(less))


@pytest.mark.parametrize("data", ["", "no JSON", "[]", "null", '"text"', "{", "{} {}", "[" * 9999])
def test_data_that_is_no_json_object_is_no_event(data: str) -> None:
    """Garbage is refused as a whole."""
    with pytest.raises(NotAnEvent, match=r"the data is not "):
        read_event(envelope(data))


def test_nan_in_a_field_of_tomorrow_is_no_json() -> None:
    """A leaf with NaN in it could be read by no auditor."""
    with pytest.raises(NotAnEvent):
        read_event(envelope(json.dumps(WITHDRAWN)[:-1] + ', "tomorrow": NaN}'))


def test_key_given_twice_is_no_event() -> None:
    """Two readers could each believe another of the two: RFC 8785 forbids it."""
    with pytest.raises(NotAnEvent):
        read_event(envelope(json.dumps(WITHDRAWN)[:-1] + ', "reason": "another"}'))


def test_subject_that_is_not_the_datas_is_refused() -> None:
    """Header and data must speak of one thing; the field is named."""
    assert isinstance(read_event(envelope(WITHDRAWN)), NeedWithdrawn)
    with pytest.raises(NotAnEvent, match=rf"ce_subject is '{IRPIN}', the data's need_id is"):
        read_event(envelope(WITHDRAWN, subject=IRPIN))


def bridges() -> type[Event]:
    """bridge-opened in three versions, with upcasts from the first to the last."""

    class BridgeOpened1(
        Event, type="bridge-opened", version=1, owner="projects", subject="need_id"
    ):
        """A bridge is open."""

        need_id: NeedId
        lanes: int

    class BridgeOpened2(
        Event, type="bridge-opened", version=2, owner="projects", subject="need_id"
    ):
        """A bridge is open."""

        need_id: NeedId
        lanes_each_way: int

    class BridgeOpened(Event, type="bridge-opened", version=3, owner="projects", subject="need_id"):
        """A bridge is open."""

        need_id: NeedId
        lanes: tuple[int, int]

    @upcast("bridge-opened", 1)
    def halved(data: dict[str, Any]) -> dict[str, Any]:
        return {"need_id": data["need_id"], "lanes_each_way": data["lanes"] // 2}

    @upcast("bridge-opened", 2)
    def both_ways(data: dict[str, Any]) -> dict[str, Any]:
        return {"need_id": data["need_id"], "lanes": [data["lanes_each_way"]] * 2}

    return BridgeOpened


@pytest.mark.usefixtures("throw_away")
@pytest.mark.parametrize(
    ("version", "fields"),
    [(1, {"lanes": 4}), (2, {"lanes_each_way": 2}), (3, {"lanes": [2, 2]})],
)
def test_every_version_is_lifted_to_the_newest(version: int, fields: dict[str, Any]) -> None:
    """One upcast after the other; the newest version needs none."""
    newest = bridges()
    old = envelope({"need_id": NEED} | fields, f"alliance.bridge-opened.v{version}")
    assert read_event(old) == newest(**{"need_id": NEED, "lanes": (2, 2)})


@pytest.mark.usefixtures("throw_away")
@pytest.mark.parametrize("data", ["no JSON", "[]", "null", "[" * 99_999])
def test_old_data_that_is_no_object_is_refused_before_it_is_lifted(data: str) -> None:
    """An upcast gets an object or is not called."""
    bridges()
    with pytest.raises(NotAnEvent, match="the data is not"):
        read_event(envelope(data, "alliance.bridge-opened.v1"))


@pytest.mark.usefixtures("throw_away")
@pytest.mark.parametrize("fields", [{}, {"lanes": "four"}, {"lanes": None}])
def test_old_data_that_does_not_fit_its_own_version_is_no_event(fields: dict[str, Any]) -> None:
    """Broken old data is set aside like broken new data, and does not stop the consumer."""
    bridges()
    with pytest.raises(NotAnEvent):
        read_event(envelope({"need_id": NEED} | fields, "alliance.bridge-opened.v1"))


@pytest.mark.usefixtures("throw_away")
def test_lifted_data_that_does_not_fit_is_named_by_the_type_that_was_sent() -> None:
    """The message has the version that is on the record."""
    bridges()
    with pytest.raises(NotAnEvent, match=r"bridge-opened\.v2 does not fit: lanes"):
        read_event(
            envelope({"need_id": NEED, "lanes_each_way": "two"}, "alliance.bridge-opened.v2")
        )


def test_throw_away_classes_are_gone() -> None:
    """What these tests register stays in them."""
    assert "bridge-opened" not in {event.type for event in event_classes()}


@pytest.mark.usefixtures("throw_away")
def test_two_classes_cannot_have_one_type_and_version() -> None:
    """The second is refused when it is defined."""
    with pytest.raises(TypeError, match="need-withdrawn v1 is already a class"):

        class Again(Event, type="need-withdrawn", version=1, owner="projects", subject="need_id"):
            """Again."""

            need_id: NeedId


@pytest.mark.usefixtures("throw_away")
def test_owner_and_subject_of_a_class_must_exist() -> None:
    """A class with an owner or a subject that is none is refused when it is defined."""
    with pytest.raises(TypeError, match="owner 'nobody', allowed: members, projects"):

        class Orphan(Event, type="orphan", version=1, owner="nobody", subject="need_id"):
            """Orphan."""

            need_id: NeedId

    with pytest.raises(TypeError, match="subject 'match_id' is not one of its fields"):

        class Aimless(Event, type="aimless", version=1, owner="projects", subject="match_id"):
            """Aimless."""

            need_id: NeedId


def test_event_is_frozen_and_its_data_leaves_out_what_is_absent() -> None:
    """An event is a fact: no field can be set; None is not written."""
    event = read_event(posted())
    with pytest.raises(ValueError, match="frozen"):
        event.urgency = "low"  # type: ignore[attr-defined]
    assert "null" not in event.data()
    assert json.loads(event.data()) == POSTED


def test_reading_what_was_written_gives_the_same_event() -> None:
    """data() and read_event are each other's inverse."""
    event = read_event(posted())
    assert read_event(replace(posted(), data=event.data())) == event
