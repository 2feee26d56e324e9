"""The command line: files as people write them, and what it does with the services."""
