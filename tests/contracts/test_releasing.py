"""A released schema is a promise: generation refuses to change it, and says what would change."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.events import Event, schemas
from shared.events.ids import NeedId
from shared.events.registry import _classes
from tests.shared.throw_away import throw_away_classes

NAME = "bridge-opened.v1.json"


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder with every schema and a throw-away event's, all released."""
    (tmp_path / schemas.RELEASED).write_text("{}")
    with throw_away_classes():

        class BridgeOpened(
            Event, type="bridge-opened", version=1, owner="projects", subject="need_id"
        ):
            """A bridge is open. Subject: the need's id."""

            need_id: NeedId
            lanes: int

        assert schemas.main(["--release"], tmp_path) == 0
        yield tmp_path


def forget() -> None:
    """As if the class were not in the code any more."""
    del _classes["bridge-opened", 1]


def edit_the_class() -> None:
    """The class as someone edits it: a field is required that was not, another is wider."""
    forget()

    class BridgeOpened(Event, type="bridge-opened", version=1, owner="projects", subject="need_id"):
        """A bridge is open. Subject: the need's id."""

        need_id: NeedId
        lanes: int | None = None
        length: int


def contents(folder: Path) -> dict[str, str]:
    """Every file in a folder."""
    return {f.name: f.read_text() for f in folder.iterdir()}


def test_releasing_promises_every_schema_with_its_digest(folder: Path) -> None:
    """released.json names each schema and the SHA-256 of its bytes; again adds nothing."""
    promised = schemas.released(folder)
    assert set(promised) == {f.name for f in folder.glob("*.v*.json")}
    assert promised[NAME] == schemas.digest((folder / NAME).read_text())
    assert schemas.release(folder) == []


def test_a_new_version_is_released_beside_the_old_one(folder: Path) -> None:
    """Only what is new is added; what was promised keeps its digest."""
    before = schemas.released(folder)

    class BridgeOpened2(
        Event, type="bridge-opened", version=2, owner="projects", subject="need_id"
    ):
        """A bridge is open, and so long. Subject: the need's id."""

        need_id: NeedId
        length: int

    assert schemas.release(folder) == ["bridge-opened.v2.json"]
    assert before.items() < schemas.released(folder).items()


@pytest.mark.parametrize("arguments", [[], ["--release"]])
def test_edited_class_of_a_released_schema_is_refused_and_the_difference_named(
    folder: Path, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 1, the file and each difference on stderr, and nothing is written."""
    edit_the_class()
    before = contents(folder)
    assert schemas.main(arguments, folder) == 1
    said = capsys.readouterr().err
    assert f"{NAME} was released and would change:" in said
    assert "/properties/length:" in said
    assert "is new" in said
    assert '/required: ["need_id", "lanes"] becomes ["need_id", "length"]' in said
    assert contents(folder) == before


def test_class_of_a_released_schema_cannot_be_removed(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Old events are read for ever, so their class stays."""
    forget()
    assert schemas.main([], folder) == 1
    assert f"{NAME} was released and has no event class any more" in capsys.readouterr().err
    assert (folder / NAME).exists()


def test_edited_file_of_a_released_schema_is_written_as_it_was_released(folder: Path) -> None:
    """The class is the truth: a schema that was edited by hand gets its promised bytes back."""
    promised = (folder / NAME).read_text()
    (folder / NAME).write_text("{}")
    assert schemas.generate(folder) == [NAME]
    assert (folder / NAME).read_text() == promised


def test_unreleased_schema_may_change_and_may_go(folder: Path) -> None:
    """Before the release an event still moves: its schema is written again, or removed."""
    (folder / schemas.RELEASED).write_text("{}")
    edit_the_class()
    assert NAME in schemas.generate(folder)
    assert json.loads((folder / NAME).read_text())["required"] == ["need_id", "length"]
    forget()
    assert schemas.generate(folder) == sorted([NAME, schemas.ASYNCAPI])
    assert not (folder / NAME).exists()
