"""Where the stores and the broker are, for whoever administers all of them."""

from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from cli.backup.archive import BackupRefused
from shared.kafka import Security
from shared.mongo import Store
from shared.secret_files import read_secret

PATIENCE = 30.0
"""Seconds for which a store is waited for: nobody waits for an answer, as in a service."""


@dataclass(frozen=True)
class Places:
    """`mongodb` is a connection string in which `{service}` stands for the service's name, if
    each has a server of its own; `password_file` may have it, too. The user is of `admin`."""

    kafka: str
    mongodb: str
    username: str | None = None
    password_file: str | None = None
    security: Security = field(default_factory=Security)

    def store(self, service: str, database: str = "") -> Store:
        """The database of a service, or another one beside it.

        Raises BackupRefused where the password can't be read.
        """
        uri = self.mongodb.replace("{service}", service)
        if self.username and self.password_file:
            file = Path(self.password_file.replace("{service}", service))
            try:
                password = read_secret(file)
            except OSError as error:
                raise BackupRefused(f"{file} can't be read: {error.strerror}") from None
            scheme, _, rest = uri.partition("://")
            rest = rest if "/" in rest else f"{rest}/"
            rest += f"{'&' if '?' in rest else '?'}authSource=admin"
            uri = f"{scheme}://{quote(self.username, '')}:{quote(password, '')}@{rest}"
        return Store(uri, database or service, PATIENCE)
