"""Every mail is, to the letter, what somebody looked at and found good."""

import difflib

import pytest

from tests.notify import approved

WANTED = approved.files()


@pytest.mark.parametrize("name", sorted(WANTED))
def test_a_mail_is_as_it_was_approved(name: str) -> None:
    """The difference is shown; `python -m tests.notify.approved` writes it once it is wanted."""
    file = approved.HERE / name
    before = file.read_text("utf-8") if file.exists() else ""
    difference = difflib.unified_diff(
        before.splitlines(), WANTED[name].splitlines(), "approved", "now", lineterm="", n=1
    )
    shown = "\n".join(difference)
    assert before == WANTED[name], f"{name}\n{shown}"


def test_no_approved_mail_is_left_over() -> None:
    """A file of a message that is told no more is named."""
    assert {file.name for file in approved.HERE.iterdir()} == set(WANTED)
