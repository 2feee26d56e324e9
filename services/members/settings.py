"""This service's environment variables."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from shared.keys import OVERLAP
from shared.settings import Settings


class MembersSettings(Settings):
    """What members needs to issue tokens."""

    signing_keys_dir: Annotated[
        Path | None,
        Field(description="Private keys of tokens (PEM); absent: tokens are issued elsewhere."),
    ] = None
    signing_key_overlap_seconds: Annotated[
        float, Field(ge=0, description="For how long a new key is only shown before it signs.")
    ] = OVERLAP
    public_url: Annotated[
        str | None,
        Field(
            pattern=r"^https?://",
            description="Where clients reach this service, in its metadata; absent: the issuer.",
        ),
    ] = None
    token_failures_per_minute: Annotated[
        int,
        Field(gt=0, description="Most wrong secrets of one client from one address in a minute."),
    ] = 10
