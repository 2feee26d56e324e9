"""What every service reads from its environment. Each service's `settings.py` adds its own."""

import os
import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from shared import crash
from shared.environment import PREFIX, faults
from shared.kafka import Security
from shared.mongo import Login
from shared.secret_files import SecretFile
from shared.store_uri import safe_uri


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


Unsafe = Annotated[
    tuple[Literal["finite-retention"], ...],
    NoDecode,
    BeforeValidator(_listed),
]
"""Unsafe ways to run that an operator may choose: `finite-retention` of the service's topic."""


class Settings(BaseSettings):
    """Common settings; the variable of field `kafka` is `ALLIANCE_KAFKA`, and so on."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True, frozen=True)

    kafka: Annotated[str, Field(description="Kafka's bootstrap servers, host:port.")]
    mongodb: Annotated[
        str,
        AfterValidator(safe_uri),
        Field(
            description="MongoDB connection string of a replica set, without a password (but on "
            "loopback) and without a weaker write concern than majority."
        ),
    ]
    mongodb_username: Annotated[
        str | None, Field(description="Who we are there: a user of the service's own database.")
    ] = None
    mongodb_password_file: Annotated[
        SecretFile | None, Field(description="Its password, in a file; may change while we run.")
    ] = None
    kafka_username: Annotated[str | None, Field(description="SCRAM identity.")] = None
    kafka_password_file: Annotated[
        SecretFile | None, Field(description="Its password, in a file; may change while we run.")
    ] = None
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
        Field(
            gt=0,
            description="How long a request waits for a store that is not found before 503; up to "
            "three times as long for one that stops answering, twice where others change the same.",
        ),
    ] = 4.0
    commands_per_minute: Annotated[
        int, Field(gt=0, description="Most commands of one actor in a minute; then 429.")
    ] = 6000
    reads_per_minute: Annotated[
        int, Field(gt=0, description="Most reads from one address in a minute; then 429.")
    ] = 12000
    allow_unsafe: Annotated[
        Unsafe,
        Field(description="What may lose events all the same, by name, with commas between."),
    ] = ()
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

    @model_validator(mode="after")
    def _user_with_password(self) -> Self:
        for at in ("kafka", "mongodb"):
            user, file = getattr(self, f"{at}_username"), getattr(self, f"{at}_password_file")
            if (user is None) != (file is None):
                name = f"{PREFIX}{at.upper()}"
                raise ValueError(f"set both {name}_USERNAME and {name}_PASSWORD_FILE, or neither")
        return self

    @property
    def security(self) -> Security:
        """How to speak to the broker."""
        return Security(
            self.kafka_username,
            self.kafka_password_file,
            str(self.kafka_ca_file) if self.kafka_ca_file else None,
        )

    @property
    def login(self) -> Login | None:
        """Who we are at the store; None where it asks nobody, as on a local machine."""
        if self.mongodb_username is None or self.mongodb_password_file is None:
            return None
        return Login(self.mongodb_username, self.mongodb_password_file)

    @classmethod
    def variables(cls) -> dict[str, str]:
        """The environment variable of each setting, and its field."""
        return {
            str(field.validation_alias or f"{PREFIX}{name.upper()}"): name
            for name, field in cls.model_fields.items()
        }

    @classmethod
    def load(cls, test_build: bool = False) -> Self:
        """Read the environment. Ends the process with a readable message where it is not usable."""
        known = cls.variables()
        if crash.VARIABLE in os.environ and not test_build:
            raise UnsafeSettings(
                f"{crash.VARIABLE} is set: it kills the service at a named point and is for test "
                "builds only (tests/chaos/service.py)"
            )
        wrong = list(faults([*known, crash.VARIABLE]))
        try:
            if not wrong:
                return cls()
        except ValidationError as error:
            wrong += [_said(known, each) for each in error.errors(include_url=False)]
        raise UnsafeSettings("settings are missing or wrong:\n  " + "\n  ".join(wrong)) from None


def _said(known: dict[str, str], error: Any) -> str:
    """The variable, what is wrong, and what was given, where that can be no secret."""
    message = str(error["msg"]).removeprefix("Value error, ")
    if not error["loc"]:
        return message
    field = str(error["loc"][0])
    variable = next((v for v, f in known.items() if field in (v, f)), field)
    given = error.get("input")
    if error["type"] == "missing" or not _may_be_shown(field, given):
        return f"{variable}: {message}"
    return f"{variable}: {message}; given: {_shown(given)}"


def _may_be_shown(field: str, given: Any) -> bool:
    """Somebody may have put the password where the file's path belongs."""
    if field == "mongodb" or not isinstance(given, str):
        return False
    return not field.endswith("_file") or given.startswith(("/", "."))


def _shown(given: str) -> str:
    without_user = re.sub(r"//[^/]*@", "//…@", given)
    return repr(without_user if len(without_user) <= 100 else without_user[:99] + "…")
