"""`python -m cli` is `alliance`."""

from cli.main import app

app()
