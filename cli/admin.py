"""`alliance admin`: what whoever runs the alliance does now and then."""

import typer

from cli import keys

app = typer.Typer(no_args_is_help=True, help=__doc__, rich_markup_mode=None)
app.add_typer(keys.app, name="keys")
