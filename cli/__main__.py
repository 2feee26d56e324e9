"""`python -m cli` is `alliance`."""

from cli.main import main

main()
