"""Programs that try what they may not: each runs in a container of the ops image, where a test puts
it (tests/compose/tried.py), reads what to try from standard input and writes what came of it, both
JSON."""
