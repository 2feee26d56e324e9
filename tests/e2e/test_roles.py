"""The table of roles, whole: every role, every command, on what is its own and on another's."""

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from shared.roles import ROLES, roles_for
from tests.e2e.stage import ROWS, Row, Stage, asked
from tests.system import TestBuild, running

COMMANDS = sorted(set().union(*ROLES.values()))
UNRECORDED = {
    *("found", "set_contact", "erase_contact"),
    *("replay_letter", "replay_letters", "drop_letter"),
}
"""Commands that record no event, or none where all is as it should be."""

MEMBERS = ("core", "member", "monitor")
"""Roles in which a token acts for a member."""


@pytest.fixture(scope="module")
def system() -> Iterator[TestBuild]:
    """The whole system."""
    with running() as started:
        yield started


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def stage(system: TestBuild) -> AsyncIterator[Stage]:
    """The alliance on it, with things in every state."""
    found = Stage(system)
    await found.open_all()
    yield found
    await found.close()


def test_every_command_of_the_table_is_staged() -> None:
    """A new command needs a row, or its cells are not tested."""
    assert sorted(ROWS) == COMMANDS


def _actor(row: Row, role: str, own: bool) -> str:
    """Who asks: a member where the role is one's, else nobody's."""
    if role not in MEMBERS:
        return "operator"
    if row.own == "operator":  # the command is no member's: any will do
        return "auc" if own else "cemr"
    return row.own if own or not row.other else row.other


@pytest.mark.parametrize("command", COMMANDS)
async def test_each_role_may_do_what_its_row_says_on_its_own_only(
    stage: Stage, command: str
) -> None:
    """A dry run of every cell: 200 where it is allowed and its own, else 403, and why."""
    row = ROWS[command]
    staged = await row.before(stage)
    found: dict[tuple[str, bool], tuple[int, str]] = {}
    expected: dict[tuple[str, bool], tuple[int, str]] = {}
    for role in ROLES:
        for own in (True, False):
            answer = await stage.ask(
                _actor(row, role, own),
                row.service,
                asked(row, staged),
                row.body(command, stage, staged),
                method=row.method,
                roles=(role,),
                Dry_Run="true",
            )
            kind = answer.json().get("type", "") if answer.is_error else ""
            found[role, own] = answer.status_code, kind.removeprefix("urn:alliance:problem:")
            if role not in roles_for(command):
                expected[role, own] = 403, "forbidden"
            elif own or not row.other or role not in MEMBERS:
                expected[role, own] = 200, ""
            else:
                expected[role, own] = 403, row.refusal
    assert found == expected


@pytest.mark.parametrize("command", COMMANDS)
async def test_example_in_the_api_document_works_as_it_stands(stage: Stage, command: str) -> None:
    """Whoever copies it gets what it says: done, with the ETag of what was changed."""
    row = ROWS[command]
    staged = await row.before(stage)
    before = stage.recorded()[row.service]
    answer = await stage.ask(
        row.own,
        row.service,
        asked(row, staged),
        row.body(command, stage, staged),
        method=row.method,
    )
    if row.previews:
        assert answer.status_code == 200, answer.text
        assert stage.recorded()[row.service] == before
        return
    assert answer.status_code == (201 if row.method == "POST" else 204), answer.text
    if command not in UNRECORDED:
        assert stage.recorded()[row.service] > before
