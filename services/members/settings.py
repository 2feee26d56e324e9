"""This service's environment variables."""

from shared.settings import Settings


class MembersSettings(Settings):
    """Nothing beyond the common settings."""
