"""A backup that age lets pass and that is not consistent in itself is refused, too."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cli.backup.archive import BackupRefused
from cli.backup.verify import verify
from shared.log import INBOX, LOG
from tests.cli.backup.made import KEY, Parts, parts


def take_an_event(of: Parts) -> None:
    """A position without an event."""
    of.stores["matching"][LOG].pop(5)


def swap_events(of: Parts) -> None:
    """Two events at each other's place."""
    log = of.stores["matching"][LOG]
    log[3], log[4] = log[4], log[3]


def change_an_event(of: Parts) -> None:
    """Another actor than the leaf says."""
    of.stores["projects"][LOG][0]["actor"] = "operator:somebody-else"


def drop_what_was_folded(of: Parts) -> None:
    """An operator dropped an event, and the state knows of it."""
    of.stores["matching"][INBOX][-1]["dropped"] = True


def change_a_state(of: Parts) -> None:
    """A title that no event gave."""
    of.stores["projects"]["needs"][0]["title"]["en"] = "Something else"


def take_a_state(of: Parts) -> None:
    """A match that the log has proposed."""
    of.stores["matching"]["matches"].pop()


def handle_what_was_never_recorded(of: Parts) -> None:
    """Projects handled one more of matching's events than matching has."""
    of.stores["projects"][INBOX].append({"_id": "/matching 0199-unknown"})


def forget_what_was_handled(of: Parts) -> None:
    """The state knows of an event that the inbox does not."""
    of.stores["matching"][INBOX].pop(0)


def see_past_the_end(of: Parts) -> None:
    """A mark above the owner's last position."""
    of.seen["projects"]["matching/0"] = 10**6


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (take_an_event, "matching's log has 6 where 5 should be"),
        (swap_events, "matching's log has 4 where 3 should be"),
        (change_an_event, "projects's event 0 has another hash"),
        (change_a_state, "projects/needs/.* is not what the logs give"),
        (take_a_state, "matching/matches/.* is not what the logs give"),
        (handle_what_was_never_recorded, "projects has handled /matching 0199-unknown"),
        (forget_what_was_handled, "matching can't follow /members "),
        (drop_what_was_folded, "matching/.* is not what the logs give"),
        (see_past_the_end, "projects has seen matching/0 up to 1000000, past its end"),
    ],
)
def test_contents_that_do_not_fit_together_are_refused(
    spoil: Callable[[Parts], None], said: str, tmp_path: Path
) -> None:
    """Each is named; the hashes of the file are those of what is in it."""
    of = parts()
    spoil(of)
    with pytest.raises(BackupRefused) as refused:
        verify(of.write(tmp_path / "a.age"), [KEY])
    assert re.search(said, str(refused.value))


def one_more(said: dict[str, Any]) -> None:
    """A member that is not in the file."""
    said["members"].append({"name": "matching/rates/000000.bson", "size": 1, "sha256": "0" * 64})


def one_less(said: dict[str, Any]) -> None:
    """A member that nobody wrote."""
    said["members"].pop(2)


def another_hash(said: dict[str, Any]) -> None:
    """Of a member."""
    said["members"][2]["sha256"] = "0" * 64


def another_count(said: dict[str, Any]) -> None:
    """Of a collection."""
    said["services"]["matching"]["collections"]["pledges"]["documents"] += 1


def another_next(said: dict[str, Any]) -> None:
    """Of the relay."""
    said["services"]["matching"]["next"] += 1


def no_notify(said: dict[str, Any]) -> None:
    """A service less."""
    del said["services"]["notify"]


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (one_more, "matching/rates/000000.bson is missing"),
        (one_less, "is not in the manifest"),
        (another_hash, "is not what was written"),
        (another_count, "matching/pledges is not what the manifest says"),
        (another_next, "matching has 19 events with a position, and its relay had given 20"),
        (no_notify, "notify is not in it"),
    ],
)
def test_manifest_that_says_something_else_is_refused(
    spoil: Callable[[dict[str, Any]], None], said: str, tmp_path: Path
) -> None:
    """A missing member, one too many, another hash or count, a missing service."""
    of = parts()
    of.change_manifest = spoil
    with pytest.raises(BackupRefused, match=said):
        verify(of.write(tmp_path / "a.age"), [KEY])
