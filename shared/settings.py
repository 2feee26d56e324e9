"""What every service reads from its environment. Each service's `settings.py` adds its own."""

import os
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from shared import crash
from shared.kafka import Security


class UnsafeSettings(SystemExit):
    """The environment asks for something that must not run; the message names the variable."""


def _listed(given: Any) -> Any:
    return [part.strip() for part in given.split(",")] if isinstance(given, str) else given


TokenAlgorithms = Annotated[
    tuple[Literal["EdDSA", "ES256", "RS256"], ...],
    NoDecode,
    BeforeValidator(_listed),
    Field(min_length=1),
]


class Settings(BaseSettings):
    """Common settings; the variable of field `kafka` is `ALLIANCE_KAFKA`, and so on."""

    model_config = SettingsConfigDict(env_prefix="ALLIANCE_", frozen=True)

    kafka: Annotated[str, Field(description="Kafka's bootstrap servers, host:port.")]
    mongodb: Annotated[str, Field(description="MongoDB connection string of a replica set.")]
    kafka_username: Annotated[str | None, Field(description="SCRAM identity.")] = None
    kafka_password_file: Annotated[Path | None, Field(description="Its password, in a file.")] = (
        None
    )
    kafka_ca_file: Annotated[Path | None, Field(description="CA of the broker, for TLS.")] = None
    jwks_file: Annotated[
        Path | None, Field(description="Public keys that tokens are checked with, in a file.")
    ] = None
    jwks_url: Annotated[
        str | None,
        Field(
            pattern=r"^https?://",
            validate_default=True,
            description="The same at a URL; either this or the file.",
        ),
    ] = None
    issuer: Annotated[str, Field(description="`iss` of the tokens.")] = "https://alliance.example"
    audience: Annotated[str, Field(description="`aud` of the tokens.")] = "alliance"
    token_algorithms: Annotated[
        TokenAlgorithms, Field(description="Signatures that are taken, with commas between.")
    ] = ("EdDSA", "ES256")
    roles_claim: Annotated[
        str, Field(min_length=1, description="Claim of the roles; a path may have dots.")
    ] = "roles"
    member_claim: Annotated[
        str, Field(min_length=1, description="Claim of the member that is acted for.")
    ] = "member_id"
    lease_seconds: Annotated[
        float, Field(gt=0, description="How long a crashed relay's lease stands.")
    ] = 5.0
    poll_seconds: Annotated[
        float,
        Field(gt=0, description="How often work is looked for without a wake-up."),
    ] = 0.25
    stuck_seconds: Annotated[
        float,
        Field(gt=0, description="A consumer with lag and no progress for so long exits."),
    ] = 120.0
    session_seconds: Annotated[
        float, Field(gt=0, description="A consumer that is silent for so long left its group.")
    ] = 10.0
    store_patience_seconds: Annotated[
        float,
        Field(gt=0, description="How long a request waits for the store before 503."),
    ] = 4.0
    commands_per_minute: Annotated[
        int, Field(gt=0, description="Most commands of one actor in a minute; then 429.")
    ] = 6000
    reads_per_minute: Annotated[
        int, Field(gt=0, description="Most reads from one address in a minute; then 429.")
    ] = 12000
    log_level: Annotated[str, Field(description="Level of the JSON logs.")] = "INFO"
    otlp_endpoint: Annotated[
        str | None,
        Field(
            validation_alias="OTEL_EXPORTER_OTLP_ENDPOINT",
            description="Where traces and metrics go (OTLP over HTTP); absent: nowhere.",
        ),
    ] = None

    @field_validator("jwks_url")
    @classmethod
    def _one_source_of_keys(cls, jwks_url: str | None, info: ValidationInfo) -> str | None:
        if (jwks_url is None) == (info.data.get("jwks_file") is None):
            raise ValueError("set ALLIANCE_JWKS_FILE or ALLIANCE_JWKS_URL, and not both")
        return jwks_url

    @property
    def jwks(self) -> Path | str:
        """Where the public keys are: a file, or a URL."""
        found = self.jwks_file or self.jwks_url
        assert found is not None, "one of the two is set"
        return found

    @property
    def security(self) -> Security:
        """How to speak to the broker."""
        password = (
            self.kafka_password_file.read_text().strip() if self.kafka_password_file else None
        )
        return Security(
            self.kafka_username,
            password,
            str(self.kafka_ca_file) if self.kafka_ca_file else None,
        )

    @classmethod
    def load(cls, test_build: bool = False) -> Self:
        """Read the environment. Ends the process with a readable message where it is not usable."""
        if crash.VARIABLE in os.environ and not test_build:
            raise UnsafeSettings(
                f"{crash.VARIABLE} is set: it kills the service at a named point and is for test "
                "builds only (tests/chaos/service.py)"
            )
        try:
            return cls()
        except ValidationError as error:
            lines = [
                f"  ALLIANCE_{str(e['loc'][0]).upper()}: {e['msg']}"
                for e in error.errors(include_url=False)
            ]
            raise UnsafeSettings("settings are missing or wrong:\n" + "\n".join(lines)) from None
