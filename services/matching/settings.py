"""This service's environment variables."""

from typing import Annotated, Literal

from pydantic import Field

from shared.settings import Settings


class MatchingSettings(Settings):
    """The common settings, when rounds run, and how long proposals stand."""

    round_schedule: Annotated[
        Literal["events", "hourly", "daily"],
        Field(description="When rounds run: on events, or once an hour or a day, UTC."),
    ] = "events"
    round_debounce_seconds: Annotated[
        float, Field(ge=0, description="How long a round waits for more to arrive.")
    ] = 2.0
    expiry_poll_seconds: Annotated[
        float, Field(gt=0, description="How often pledges are looked for whose last day passed.")
    ] = 60.0
    lapse_days: Annotated[
        float, Field(gt=0, description="Days after which a proposal lapses that is not agreed.")
    ] = 14.0
    reminder_days: Annotated[
        float, Field(ge=0, description="Days before that in which the silent sides are reminded.")
    ] = 3.0
    lapsing_poll_seconds: Annotated[
        float, Field(gt=0, description="How often proposals are looked for whose time has passed.")
    ] = 10.0
    round_poll_seconds: Annotated[
        float, Field(gt=0, description="How often a round runs although nothing asked for one.")
    ] = 10.0
