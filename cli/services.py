"""The services as the command line knows them: their records and what they handle.

The one place that imports several services' models; a service imports none of the others.
"""

import importlib
from dataclasses import dataclass

from deploy.local.system import SERVICES
from shared.handlers import Handlers
from shared.log import Records

NAMES = SERVICES


@dataclass(frozen=True)
class Known:
    """One service: what it folds, and which foreign events it handles."""

    name: str
    records: Records
    on: Handlers

    @property
    def owners(self) -> tuple[str, ...]:
        """Whose logs its state is folded from."""
        return tuple(sorted({c.owner for c in self.records.collections}))


def known(name: str) -> Known:
    """A service by name. Raises KeyError with the names there are."""
    if name not in NAMES:
        raise KeyError(f"there is no service {name}; services: {', '.join(NAMES)}")
    store = importlib.import_module(f"services.{name}.store")
    handlers = importlib.import_module(f"services.{name}.handlers")
    return Known(name, store.RECORDS, handlers.on)
