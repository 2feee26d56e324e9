"""Where a member's own systems are told: `alliance webhooks`."""

from typing import Annotated

import typer

from cli.acts import DryRun, Limit, Version, change, show, show_dry_run, show_list
from cli.client import Json
from cli.session import Session, connected
from cli.tables import ATTEMPT, NOTICE, WEBHOOK, Columns, one

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help=__doc__)
Id = Annotated[str, typer.Argument(metavar="WEBHOOK", help="The webhook's id.")]


@app.command("list")
@connected
def list_webhooks(
    session: Session,
    member: Annotated[str | None, typer.Option(help="Of this member (its id).")] = None,
    status: Annotated[str | None, typer.Option(help="enabled, disabled or removed.")] = None,
    limit: Limit = 100,
) -> None:
    """Webhooks, in the order they were registered: a member's own; for operators, all."""
    query = {"member_id": member, "status": status}
    show_list(session, "notify", "webhooks", query, limit, WEBHOOK)


@app.command("show")
@connected
def show_webhook(session: Session, webhook: Id) -> None:
    """One webhook."""
    show(session, "notify", "webhooks", webhook, WEBHOOK)


@app.command()
@connected
def register(
    session: Session,
    url: Annotated[str, typer.Argument(help="Where notices are posted to: https://…")],
    kind: Annotated[
        list[str] | None,
        typer.Option(help="Only these: matches, projects … (several); else all."),
    ] = None,
    member: Annotated[
        str | None, typer.Option(help="For operators: for this member (its id).")
    ] = None,
    dry_run: DryRun = False,
) -> None:
    """Have notices posted to a URL. The secret that signs them is shown this once."""
    body: Json = {"url": url, "kinds": kind or []}
    if member is not None:
        body["member_id"] = member
    answer = session.ask(
        lambda client: client.post("notify", "webhooks", body=body, dry_run=dry_run)
    ).json()
    if dry_run:
        show_dry_run(session, "POST /webhooks", body, answer, WEBHOOK)
    else:
        session.show(answer, one(WEBHOOK))


@app.command()
@connected
def rotate(
    session: Session,
    webhook: Id,
    overlap_hours: Annotated[
        float, typer.Option(min=0, max=720, help="How long the old secret signs, too.")
    ] = 24,
    if_version: Version = None,
) -> None:
    """Make a new secret, which is shown this once; both sign until the overlap is over."""
    body = {"overlap_seconds": round(overlap_hours * 3600)}
    _change(session, webhook, "rotations", WEBHOOK, body, if_version)


@app.command()
@connected
def ping(session: Session, webhook: Id) -> None:
    """Send a test at once; `alliance webhooks attempts` says what came of it."""
    _change(session, webhook, "pings", NOTICE)


@app.command()
@connected
def enable(session: Session, webhook: Id, if_version: Version = None) -> None:
    """Send to a disabled webhook again."""
    _change(session, webhook, "enablings", WEBHOOK, None, if_version)


@app.command()
@connected
def remove(session: Session, webhook: Id, if_version: Version = None) -> None:
    """End a webhook; its URL and secrets are erased."""
    _change(session, webhook, "removals", WEBHOOK, None, if_version)


@app.command()
@connected
def attempts(session: Session, webhook: Id, limit: Limit = 100) -> None:
    """What was sent to a webhook, and what its server answered; the newest first."""
    show_list(session, "notify", f"webhooks/{webhook}/attempts", {}, limit, ATTEMPT)


@app.command()
@connected
def replay(
    session: Session,
    webhook: Id,
    notice: Annotated[str, typer.Argument(metavar="NOTICE", help="The notice's id.")],
) -> None:
    """Send a notice to a webhook again, under the webhook-id that it had."""
    _change(session, webhook, "replays", NOTICE, {"notice_id": notice})


def _change(
    session: Session,
    webhook: str,
    step: str,
    columns: Columns,
    body: Json = None,
    version: int | None = None,
) -> None:
    target = ("notify", "webhooks", webhook, step)
    change(session, target, columns, body, version=version)
