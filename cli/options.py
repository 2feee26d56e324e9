"""Options that several commands have: stated once, and handed in as one thing."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any, get_type_hints

Options = Mapping[str, tuple[Any, Any]]
"""By the parameter's name: how it is annotated, and its default."""


def offering(
    run: Callable[..., None], command: Callable[..., None], options: Options
) -> Callable[..., None]:
    """Let typer see `run` with the parameters of `command` but its first, and these options."""
    hints = get_type_hints(command, include_extras=True)
    _, *own = inspect.signature(command).parameters.values()
    own = [p.replace(annotation=hints[p.name]) for p in own]
    more = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind)
        for name, (kind, default) in options.items()
    ]
    run.__signature__ = inspect.Signature([*own, *more])  # type: ignore[attr-defined]
    run.__annotations__ = {p.name: p.annotation for p in [*own, *more]}
    return run
