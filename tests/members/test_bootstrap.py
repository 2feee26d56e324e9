"""The first operator's credential may be one that was made before there was a store."""

from pathlib import Path

import pytest

from services.members.bootstrap import _made

ID, SECRET = "01a2131b-be38-73d5-aecd-125194f45caa", "s" * 43


def files(tmp_path: Path, client_id: str, secret: str) -> tuple[Path, Path]:
    """The two files that `deploy/init` makes."""
    (tmp_path / "id").write_text(f"{client_id}\n")
    (tmp_path / "secret").write_text(f"{secret}\n")
    return tmp_path / "id", tmp_path / "secret"


def test_what_was_made_is_taken(tmp_path: Path) -> None:
    """Id and secret without their line ends; without files they are made here."""
    assert _made(*files(tmp_path, ID, SECRET)) == (ID, SECRET)
    assert _made(None, None) is None


@pytest.mark.parametrize(
    ("client_id", "secret"), [("operator", SECRET), (ID, "short"), (ID, "change-me" * 9)]
)
def test_what_is_no_id_or_easily_guessed_is_refused(
    tmp_path: Path, client_id: str, secret: str
) -> None:
    """A secret has 256 random bits: Argon2id's least parameters rest on it."""
    with pytest.raises(ValueError, match=r"."):
        _made(*files(tmp_path, client_id, secret))
