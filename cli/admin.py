"""What operators do: `alliance admin`."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from cli import keys
from cli.acts import DryRun, key_of
from cli.client import CannotAsk
from cli.rates import RateSet, merged, read_rates
from cli.session import Session, connected, say
from cli.tables import MEMBER, RATES, listed, one
from shared.codelists import currencies

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help=__doc__)
app.add_typer(keys.app, name="keys")


@app.command()
@connected
def found(session: Session) -> None:
    """Record the twelve founding core members, once; those that are there stay as they are."""
    answer = session.ask(lambda client: client.post("members", "founding-members", body={}))
    session.show(answer.json(), listed(MEMBER))


@app.command()
@connected
def rates(
    session: Session,
    files: Annotated[
        list[Path], typer.Argument(help="ECB's CSV or XML, National Bank of Ukraine's JSON.")
    ],
    date: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Of this day; else the newest.")
    ] = None,
    dry_run: DryRun = False,
) -> None:
    """Record exchange rates from files as their publishers have them, as one set.

    The ECB has no hryvnia: give a file of the National Bank of Ukraine with it. The days may be
    up to three apart.
    """
    day = date.date() if date else None
    read = merged([read_rates(file) for file in files], day, currencies())
    if read.inactive:
        say(f"not sent, as they are no active currencies: {', '.join(read.inactive)}")
    if not read.per_eur:
        raise CannotAsk("there is no rate of an active currency")
    if dry_run:
        say(f"{read.date}, {read.source}")
        session.show(read.body, lambda _, language: _table(read))
    key = key_of("rates", session.member_id, read.body)
    answer = session.ask(
        lambda client: client.post("matching", "rates", body=read.body, key=key, dry_run=dry_run)
    )
    if dry_run:
        say("the service would record them")
        return
    if answer.headers.get("Idempotency-Replayed"):
        say("these rates were recorded before; this is what was answered then")
    session.show(answer.json(), one(RATES))


def _table(read: RateSet) -> Table:
    found = Table("currency", "for one euro")
    found.columns[1].justify = "right"
    for currency, rate in read.per_eur.items():
        found.add_row(currency, rate)
    return found
