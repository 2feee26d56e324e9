"""This service's environment variables."""

from email.utils import parseaddr
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from services.notify.unsubscribing import LEAST_KEY
from shared.events.ids import UUID_PATTERN
from shared.secret_files import ForeignSecretFile, is_example, read_secret
from shared.settings import Settings


class NotifySettings(Settings):
    """The mail server, whom mail is from, and how long a hand-over is tried."""

    smtp_host: Annotated[str, Field(description="The mail server.")]
    smtp_port: Annotated[int, Field(ge=1, le=65_535, description="Its port.")] = 25
    smtp_tls: Annotated[
        Literal["none", "starttls", "tls"],
        Field(description="How the connection is secured; what is asked for is demanded."),
    ] = "none"
    smtp_ca_file: Annotated[
        Path | None, Field(description="CA of the mail server's certificate, if not a usual one.")
    ] = None
    smtp_username: Annotated[str | None, Field(description="Who we are there.")] = None
    smtp_password_file: Annotated[
        ForeignSecretFile | None, Field(description="Its password, in a file; may change.")
    ] = None
    smtp_timeout_seconds: Annotated[
        float, Field(gt=0, description="How long one answer of the mail server may take.")
    ] = 30.0
    smtp_connections: Annotated[
        int, Field(ge=1, le=20, description="Most connections to the mail server at once.")
    ] = 8
    domain_connections: Annotated[
        int, Field(ge=1, description="Most mails at once to the addresses of one mail domain.")
    ] = 4
    domain_rate: Annotated[
        float, Field(gt=0, description="Most mails a second to the addresses of one mail domain.")
    ] = 20.0
    mail_from: Annotated[str, Field(description="`From` of every message: Name <address>.")] = (
        "Alliance for the Reconstruction of Ukraine <noreply@alliance.example>"
    )
    send_retry_seconds: Annotated[
        float,
        Field(gt=0, description="Pause before the second attempt; it doubles, up to 15 minutes."),
    ] = 5.0
    send_give_up_seconds: Annotated[
        float, Field(gt=0, description="A notice older than this is tried no more.")
    ] = 5 * 86_400.0
    facts_patience_seconds: Annotated[
        float,
        Field(ge=0, description="How long a notice waits for names and titles still on their way."),
    ] = 60.0

    webhooks_allow_loopback: Annotated[
        bool, Field(description="Webhooks may be on this machine, over http too; for local stacks.")
    ] = False
    webhook_timeout_seconds: Annotated[
        float, Field(gt=0, description="How long one hand-over to a webhook takes at most.")
    ] = 10.0
    webhook_retry_seconds: Annotated[
        float,
        Field(gt=0, description="Pause before the second attempt; each is four times the last."),
    ] = 5.0
    webhook_longest_pause_seconds: Annotated[
        float, Field(gt=0, description="The longest pause between two attempts.")
    ] = 8 * 3600.0
    webhook_give_up_seconds: Annotated[
        float, Field(gt=0, description="A webhook's notice older than this is tried no more.")
    ] = 4 * 86_400.0
    webhook_disable_seconds: Annotated[
        float, Field(gt=0, description="A webhook that takes nothing for so long is disabled …")
    ] = 3 * 86_400.0
    webhook_disable_attempts: Annotated[
        int, Field(ge=1, description="… when so many attempts failed in a row, too.")
    ] = 10
    webhooks_at_once: Annotated[
        int, Field(ge=1, description="Most webhooks that are spoken to at the same time.")
    ] = 20
    public_url: Annotated[
        str | None,
        Field(
            pattern=r"^https?://[!#-;=?-~]+$",
            description="Where people see needs and matches, and unsubscribe: links in mails lead "
            "below it; absent: no links.",
        ),
    ] = None
    notify_url: Annotated[
        str | None,
        Field(
            pattern=r"^https?://[!#-;=?-~]+$",
            description="Where people reach this service: the pages behind the links that verify "
            "an address, and feeds, are below it; absent: below the public URL. Without either no "
            "address can be verified.",
        ),
    ] = None
    verification_days: Annotated[
        float, Field(gt=0, description="How long a link that verifies an address is good.")
    ] = 14.0
    verification_pause_seconds: Annotated[
        float, Field(ge=0, description="How soon another mail to verify it may be asked for.")
    ] = 300.0
    verifications_a_day: Annotated[
        int, Field(ge=1, description="Most mails a day to verify one contact's address.")
    ] = 5
    operator_contact: Annotated[
        str | None,
        Field(
            pattern=UUID_PATTERN,
            description="Reference of the contact that is told of addresses that bounced, of "
            "notices that could not be delivered, and of dead letters.",
        ),
    ] = None
    report_seconds: Annotated[
        float,
        Field(gt=0, description="How often it is told of failed notices and dead letters."),
    ] = 60.0
    link_keys_file: Annotated[
        Path | None,
        Field(
            description="Keys that links in mails are signed with, one a line, of 32 bytes or more;"
            " the first signs, all are good. Absent: no links."
        ),
    ] = None
    digest_grace_seconds: Annotated[
        float,
        Field(ge=0, description="How long after its hour a digest waits for what is being queued."),
    ] = 60.0

    @field_validator("mail_from")
    @classmethod
    def _has_an_address(cls, given: str) -> str:
        if not given.isprintable() or "@" not in parseaddr(given)[1]:
            raise ValueError("must be one line with an address: Name <address@host>")
        return given

    @field_validator("link_keys_file")
    @classmethod
    def _has_good_keys(cls, file: Path | None) -> Path | None:
        if file is not None:
            _link_keys(file)
        return file

    @model_validator(mode="after")
    def _login_is_whole(self) -> Self:
        if self.smtp_username and not self.smtp_password:
            raise ValueError(
                "ALLIANCE_SMTP_USERNAME is set: ALLIANCE_SMTP_PASSWORD_FILE must hold its password"
            )
        return self

    @property
    def own_url(self) -> str | None:
        """Where people reach this service, without a slash at its end."""
        found = self.notify_url or self.public_url
        return found.rstrip("/") if found else None

    @property
    def link_keys(self) -> list[bytes]:
        """Read anew each time, so that a key can be added while we run."""
        return _link_keys(self.link_keys_file) if self.link_keys_file else []

    @property
    def smtp_password(self) -> str | None:
        """Read anew each time, so that it can be changed while we run."""
        return read_secret(self.smtp_password_file) if self.smtp_password_file else None


def _link_keys(file: Path) -> list[bytes]:
    try:
        keys = file.read_bytes().split()
    except OSError as error:
        raise ValueError(f"can't be read: {error.strerror}") from None
    if not keys or min(map(len, keys)) < LEAST_KEY:
        raise ValueError(f"must hold keys of {LEAST_KEY} bytes or more, one a line")
    if any(is_example(key.decode(errors="replace")) for key in keys):
        raise ValueError("holds an example's key, allowed: those that `deploy/init` made")
    return keys
