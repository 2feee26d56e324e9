"""This service's environment variables."""

from shared.settings import Settings


class ProjectsSettings(Settings):
    """Nothing beyond the common settings."""
