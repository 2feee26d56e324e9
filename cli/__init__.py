"""The command `alliance`: for operators, auditors and whoever wants to see it run."""
