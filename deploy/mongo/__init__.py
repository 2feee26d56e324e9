"""MongoDB of a deployment: its start, its health, its users."""
