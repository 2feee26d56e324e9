"""Event classes that exist for one test only."""

from collections.abc import Iterator
from contextlib import contextmanager

from shared.events import registry


@contextmanager
def throw_away_classes() -> Iterator[None]:
    """Classes and upcasts registered inside are forgotten at the end."""
    classes, upcasts = dict(registry._classes), dict(registry._upcasts)
    try:
        yield
    finally:
        for table, before in ((registry._classes, classes), (registry._upcasts, upcasts)):
            table.clear()
            table.update(before)  # type: ignore[arg-type]
