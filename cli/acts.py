"""What every kind of thing has in common for a person: post files of it, change, show and list."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.client import Client, Json, Problem
from cli.documents import Document, read_documents
from cli.session import Session, say, say_problem
from cli.tables import Columns, listed, one
from shared.events.canonical import canonical

File = Annotated[Path, typer.Argument(help="YAML or JSON; several documents by ---; - is stdin.")]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Show what would be sent and its judgement; record none.")
]
Again = Annotated[
    bool, typer.Option("--again", help="Post what was posted before once more, as another.")
]
Version = Annotated[
    int | None,
    typer.Option("--if-version", help="Only if its version is still this; `show` prints it."),
]
Limit = Annotated[int, typer.Option("--limit", min=0, help="Most entries; 0 for all.")]
Reason = Annotated[str, typer.Option("--reason", help="Why, in a sentence; everybody can read it.")]


def post_file(
    session: Session,
    file: Path,
    target: tuple[str, str],
    columns: Columns,
    *,
    dry_run: bool,
    again: bool,
) -> None:
    """Post each document of a file; of several, none before the service takes all.

    The same document is posted once, however often the command runs, but with `again`.
    """
    documents = read_documents(file)
    service, path = target
    if dry_run or len(documents) > 1:
        answers = session.ask(lambda client: _judge(client, documents, service, path))
        if dry_run:
            for document, answer in zip(documents, answers, strict=True):
                show_dry_run(session, f"POST /{path}", document.body, answer, columns)
            return
    who = "" if again else str(session.member_id)

    async def post(client: Client) -> list[Json]:
        found = []
        for document in documents:
            key = None if again else key_of(who, path, document.body)
            answer = await client.post(service, path, body=document.body, key=key)
            if answer.headers.get("Idempotency-Replayed"):
                say(
                    f"{document.name}was posted before and is not posted twice; this is what was "
                    "answered then (--again posts another)"
                )
            found.append(answer.json())
        return found

    answers = session.ask(post)
    if len(answers) == 1:
        session.show(answers[0], one(columns))
    else:
        session.show(answers, listed(columns))


async def _judge(client: Client, documents: list[Document], service: str, path: str) -> list[Json]:
    found, problems = [], []
    for document in documents:
        try:
            answer = await client.post(service, path, body=document.body, dry_run=True)
            found.append(answer.json())
        except Problem as problem:
            problems.append(problem)
            say_problem(problem, document.name)
    if problems:
        if len(documents) > 1:
            say(f"{len(problems)} of {len(documents)} documents are refused: none is posted")
        raise typer.Exit(1)
    return found


def key_of(*what: Any) -> str:
    """An Idempotency-Key that is the same for the same, whenever it is asked."""
    return hashlib.sha256(canonical(list(what)).encode("utf-8", "surrogatepass")).hexdigest()


def show_dry_run(session: Session, request: str, body: Json, answer: Json, of: Columns) -> None:
    """What would be sent, and what the service would answer."""
    if not session.as_json:
        say(f"would be sent: {request}\n{json.dumps(body, ensure_ascii=False, indent=1)}")
        say("would be answered:")
        session.show(answer, one(of))
    else:
        session.show({"request": request, "body": body, "answer": answer}, one(of))


def change(
    session: Session,
    target: tuple[str, str, str, str],
    columns: Columns,
    body: Json = None,
    *,
    dry_run: bool = False,
    version: int | None = None,
) -> None:
    """Change a thing that exists, at the version that was seen or else the one it has now."""
    service, *path = target

    async def ask(client: Client) -> Json:
        if version is None:
            seen = (await client.get(service, *path[:2])).headers.get("ETag", "*")
        else:
            seen = f'"{version}"'
        answer = await client.post(service, *path, body=body, if_match=seen, dry_run=dry_run)
        return answer.json()

    answer = session.ask(ask)
    if dry_run:
        show_dry_run(session, "POST /" + "/".join(path), body, answer, columns)
    else:
        session.show(answer, one(columns))


def fetch(session: Session, service: str, path: str, key: str) -> tuple[Json, str]:
    """One thing, and which version it is of."""

    async def ask(client: Client) -> tuple[Json, str]:
        answer = await client.get(service, path, key)
        return answer.json(), answer.headers.get("ETag", "").strip('"')

    return session.ask(ask)


def show(session: Session, service: str, path: str, key: str, columns: Columns) -> None:
    """One thing, and which version it is of, as a table of all that is known."""
    thing, version = fetch(session, service, path, key)
    if session.as_json:
        session.show(thing, one(columns))
    else:
        session.show({**thing, "version": version}, one(columns))


def show_list(
    session: Session,
    service: str,
    path: str,
    query: Mapping[str, Any],
    limit: int,
    columns: Columns,
) -> None:
    """A list, in the order of its ids, and whether there are more than was asked for."""

    async def ask(client: Client) -> tuple[list[Json], bool]:
        found, more = [], False
        async for entry, has_more in client.pages(service, path, query, limit):
            found.append(entry)
            more = has_more
        return found, more

    found, more = session.ask(ask)
    session.show(found, listed(columns))
    if more:
        say(f"there are more than {limit}; --limit 0 shows all")
