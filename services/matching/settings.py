"""This service's environment variables."""

from typing import Annotated

from pydantic import Field

from shared.settings import Settings


class MatchingSettings(Settings):
    """The common settings, and when rounds run."""

    round_debounce_seconds: Annotated[
        float, Field(ge=0, description="How long a round waits for more to arrive.")
    ] = 0.5
    expiry_poll_seconds: Annotated[
        float, Field(gt=0, description="How often pledges are looked for whose last day passed.")
    ] = 60.0
    round_poll_seconds: Annotated[
        float, Field(gt=0, description="How often a round runs although nothing asked for one.")
    ] = 10.0
