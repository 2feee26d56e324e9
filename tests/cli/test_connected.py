"""The command line against a real system: what it posts is there, once, whatever interrupts it."""

import asyncio
import csv
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import yaml

from cli.client import Problem
from cli.session import open_session
from tests import forked
from tests.connected.acting import THREE, Acting, until
from tests.system import TestBuild, running

SAMPLES = Path(__file__).parent / "samples"
NEED = """\
place: Ірпінь
sector: education
project_type: rehabilitation
title: {en: A crèche}
damage_date: 2022-03-20
lines:
  - {kind: funding, line: 1, amount: {amount: "500.00", currency: EUR}}
"""


@pytest.fixture(scope="module")
def system() -> Iterator[TestBuild]:
    """Kafka, a store and the three services that hold the state."""
    with running(services=THREE) as started:
        yield started


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def acting(system: TestBuild) -> Any:
    """The founding members, an authority and a partner."""
    found = Acting(system)
    await found.open()
    yield found
    await found.close()


def environment(acting: Acting, who: str) -> dict[str, str]:
    """Where the system is, and the token of a member or the operator."""
    roles = ("operator",) if who == "operator" else ("core", "member")
    token = acting.system.authorization(who, acting.ids.get(who), roles)["Authorization"]
    return {
        **os.environ,
        "ALLIANCE_API": " ".join(f"{name}={acting.system.url(name)}" for name in THREE),
        "ALLIANCE_TOKEN": token.removeprefix("Bearer "),
        "LC_ALL": "C.UTF-8",
    }


async def alliance(
    acting: Acting, who: str, *arguments: str, text: str = "", code: int = 0
) -> tuple[Any, str]:
    """Run the command as somebody, in a pipe; what it answered, and what it said beside."""
    env = environment(acting, who)
    done = await asyncio.to_thread(forked.run, "cli", *arguments, env=env, text=text)
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout) if done.stdout.strip() else None, done.stderr


async def test_need_is_posted_listed_amended_and_withdrawn(acting: Acting) -> None:
    """From stdin; a change that was decided on an older version is refused."""
    judged, _ = await alliance(acting, "irpin", "needs", "post", "-", "--dry-run", text=NEED)
    assert judged["answer"]["damage_date"] == "2022-03-20"
    need, _ = await alliance(acting, "irpin", "needs", "post", "-", text=NEED)
    repeated, said = await alliance(acting, "irpin", "needs", "post", "-", text=NEED)
    assert (repeated["id"], "posted before" in said) == (need["id"], True)
    listed, _ = await alliance(acting, "irpin", "needs", "list", "--oblast", "Київська")
    assert [each["id"] for each in listed] == [need["id"]]

    amend = ("needs", "amend", need["id"], "-")
    change = "reason: winter\nurgency: critical\n"
    amended, _ = await alliance(acting, "irpin", *amend, text=change)
    assert amended["urgency"] == "critical"
    _, said = await alliance(acting, "irpin", *amend, "--if-version", "1", text=change, code=1)
    assert "(409)" in said
    gone, _ = await alliance(acting, "irpin", "needs", "withdraw", need["id"], "--reason", "built")
    assert gone["status"] == "cancelled"
    shown, _ = await alliance(acting, "irpin", "needs", "show", need["id"])
    assert shown == gone


async def test_pledge_becomes_a_match_that_both_accept(acting: Acting) -> None:
    """Each side by the command line."""
    need, _ = await alliance(acting, "irpin", "needs", "post", "-", "--again", text=NEED)
    line = '[{kind: funding, line: 1, amount: {amount: "500.00", currency: EUR}}]'
    pledge = f"title: {{en: For it}}\nlines: {line}\nearmark: {{need_id: {need['id']}}}\n"
    await acting.at_rest()
    await alliance(acting, "cascais", "pledges", "make", "-", text=pledge)
    (match,) = await acting.proposals(need["id"])
    await alliance(acting, "cascais", "matches", "accept", match["id"])
    agreed, _ = await alliance(acting, "irpin", "matches", "accept", match["id"])
    assert agreed["status"] == "agreed"


async def test_pledge_is_previewed_and_its_match_explained(acting: Acting) -> None:
    """The need's outlook first; then what a pledge would bring, and, once it is made, why."""
    bus = "[{kind: goods, line: 1, category: bus, amount: {quantity: 2, unit: piece}}]"
    text = NEED.replace(NEED[NEED.index("lines:") :], f"lines: {bus}\n")
    need, _ = await alliance(acting, "irpin", "needs", "post", "-", text=text)
    await acting.at_rest()
    outlook, _ = await alliance(acting, "irpin", "needs", "outlook", need["id"])
    assert (outlook["status"], outlook["lines"][0]["could_serve"]) == ("uncovered", 0)
    again, _ = await alliance(acting, "irpin", "match", "outlook", need["id"])
    assert again == outlook

    pledge = f"title: {{en: Two buses}}\nlines: {bus}\n"
    preview, _ = await alliance(acting, "cascais", "match", "preview", "-", text=pledge)
    assert [m["need_id"] for m in preview["matches"]] == [need["id"]]
    on_behalf = ("match", "preview", "-", "--partner", acting.ids["cascais"])
    both, _ = await alliance(acting, "operator", *on_behalf, text=f"{pledge}---\n{pledge}")
    assert [len(each["matches"]) for each in both] == [1, 1]

    await alliance(acting, "cascais", "pledges", "make", "-", text=pledge)
    (match,) = await acting.proposals(need["id"])
    why, _ = await alliance(acting, "irpin", "match", "explain", match["id"], "--lang", "uk")
    assert why["score"] == preview["matches"][0]["explanation"]["score"]
    assert "«Two buses»" in why["sentences"]["uk"][0]


async def test_declined_pair_is_proposed_again_by_hand(acting: Acting) -> None:
    """A part of it, by one side; what does not fit is refused with what would."""
    need, _ = await alliance(acting, "irpin", "needs", "post", "-", "--again", text=NEED)
    await acting.at_rest()
    line = {"kind": "funding", "line": 1, "amount": {"amount": "500.00", "currency": "EUR"}}
    pledge = await acting.pledge("cascais", line, need_id=need["id"])
    (match,) = await acting.proposals(need["id"])
    await alliance(acting, "irpin", "match", "decline", match["id"], "--reason", "too early")
    pair = ("--pledge", pledge, "--need", need["id"], "--reason", "the council has met")
    propose = ("match", "propose", *pair, "--reserved")
    _, said = await alliance(acting, "cascais", *propose, "500.01 EUR", code=1)
    assert "maximum EUR 500.00" in said
    again, _ = await alliance(acting, "cascais", *propose, "200.00 EUR")
    assert (again["status"], again["accepted"], again["reason"]) == (
        "proposed",
        [],
        "the council has met",
    )
    assert again["proposed_by"] == acting.ids["cascais"]


async def test_round_that_proposed_a_match_is_listed_and_shown(acting: Acting) -> None:
    """The match names its round, and the round how many it decided on."""
    matches, _ = await alliance(acting, "irpin", "matches", "list", "--limit", "1")
    round_id = matches[0]["round_id"]
    listed, _ = await alliance(acting, "irpin", "rounds", "list")
    shown, _ = await alliance(acting, "irpin", "rounds", "show", round_id)
    assert shown in listed
    assert shown["decision"]["matches"] > 0
    unknown = matches[0]["id"]
    _, said = await alliance(acting, "irpin", "rounds", "show", unknown, code=1)
    assert unknown in said


async def test_refusal_is_readable_and_ends_with_1(acting: Acting) -> None:
    """A partner posts no needs; it is told so in its language, and nothing is on stdout."""
    answer, said = await alliance(
        acting, "cascais", "needs", "post", "-", "--lang", "uk", text=NEED, code=1
    )
    assert answer is None
    assert said.startswith("Це може зробити лише прийнятий український член (403)")


def test_member_acts_on_the_local_stack_without_a_token(
    acting: Acting, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`--as` and nothing else: its token is signed here; without `--as` an operator asks."""
    monkeypatch.delenv("ALLIANCE_API", raising=False)
    monkeypatch.delenv("ALLIANCE_TOKEN", raising=False)
    monkeypatch.setattr("cli.session.System", lambda: acting.system)
    session = open_session(None, acting.ids["irpin"], "en", True)
    assert session.member_id == acting.ids["irpin"]
    body = yaml.load(NEED, yaml.BaseLoader) | {"lines": []}
    with pytest.raises(Problem) as error:
        session.ask(lambda client: client.post("projects", "needs", body=body, dry_run=True))
    assert error.value.body["errors"][0]["pointer"] == "/lines"
    assert open_session(None, None, "en", True).member_id is None


async def test_rates_and_founding_members_are_recorded_once(acting: Acting) -> None:
    """Both commands may be run again."""
    files = [str(SAMPLES / "eurofxref.csv"), str(SAMPLES / "nbu.json")]
    first, _ = await alliance(acting, "operator", "admin", "rates", *files)
    again, said = await alliance(acting, "operator", "admin", "rates", *files)
    assert (first["id"], "recorded before" in said) == (again["id"], True)
    assert first["per_eur"]["UAH"] == "41.50"
    founded, _ = await alliance(acting, "operator", "admin", "found")
    assert len(founded) == 12


def a_csv(tmp_path: Path, rows: int, place: str = "Ірпінь") -> Path:
    """A file of needs; every second row repeats the content of the one before."""
    file = tmp_path / "needs.csv"
    with file.open("w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out)
        head = "place,title_uk,sector,project_type,kind,amount,currency"
        writer.writerow(head.split(","))
        for number in range(rows):
            title = f"Школа {number // 2}"
            writer.writerow(
                [place, title, "education", "rehabilitation", "funding", "100.00", "EUR"]
            )
    return file


def posted(acting: Acting) -> int:
    """How many needs were posted by the association."""
    needs = acting.store["projects"]["needs"]
    return needs.count_documents({"authority_id": acting.ids["auc"]})


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Children can be interrupted, also where the tests run in the background of a shell, which
    ignores SIGINT and has its children inherit that."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
async def test_import_that_is_killed_and_repeated_posts_each_need_once(
    acting: Acting, tmp_path: Path
) -> None:
    """200 rows, interrupted, then killed: the third run posts the rest, a fourth one nothing."""
    file = a_csv(tmp_path, 200)
    for blow, enough, code in ((signal.SIGINT, 20, 130), (signal.SIGKILL, 80, -signal.SIGKILL)):
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "cli", "needs", "import", str(file), "--at-once", "4"),
            env=environment(acting, "auc"),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        await until(lambda enough=enough: posted(acting) >= enough, every=0.01)
        process.send_signal(blow)
        _, said = await process.communicate()
        assert process.returncode == code
        assert ("run the same command again" in said.decode()) == (code == 130)
    await acting.at_rest()
    before = posted(acting)
    assert 80 <= before < 200

    told, _ = await alliance(acting, "auc", "needs", "import", str(file))
    assert (told["there_already"], told["posted"]) == (before, 200 - before)
    again, _ = await alliance(acting, "auc", "needs", "import", str(file))
    assert (again["there_already"], again["posted"]) == (200, 0)
    needs = acting.store["projects"]["needs"].find({"authority_id": acting.ids["auc"]})
    titles = [need["title"]["uk"] for need in needs]
    assert sorted(titles) == sorted(f"Школа {number // 2}" for number in range(200))


async def test_import_with_a_homonym_posts_nothing(acting: Acting, tmp_path: Path) -> None:
    """The one wrong row is told by row and column, on stdout, stderr and in a file."""
    before = posted(acting)
    file, errors = a_csv(tmp_path, 20), tmp_path / "errors.csv"
    lines = file.read_text(encoding="utf-8").splitlines()
    lines[7] = lines[7].replace("Ірпінь", "Миколаївка")
    file.write_text("\n".join(lines), encoding="utf-8")
    told, said = await alliance(
        acting, "auc", "needs", "import", str(file), "--errors", str(errors), code=1
    )
    assert [(f["row"], f["column"], f["given"]) for f in told["faults"]] == [
        (8, "place", "Миколаївка")
    ]
    assert "row 8, column place: 97 places have this name" in said
    (row,) = csv.DictReader(errors.open(newline="", encoding="utf-8"))
    assert (row["row"], row["column"]) == ("8", "place")
    assert posted(acting) == before
