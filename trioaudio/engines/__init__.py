"""One file per engine, each exporting `open_engine`; found by name, never knowing each other.

What an engine shares with nobody but is too long for its file lies beside it, with a name that
begins with an underscore.
"""

from __future__ import annotations

import importlib
import pkgutil
from typing import TYPE_CHECKING

from trioaudio.core.errors import ConfigError
from trioaudio.core.suggest import did_you_mean

if TYPE_CHECKING:
    from trioaudio.core.engine import OpenEngine


def engine_names() -> list[str]:
    """Return the names of all engines, sorted; a part of one or a child's program is none."""
    return sorted(
        module.name
        for module in pkgutil.iter_modules(__path__)
        if not module.name.startswith("_") and not module.name.endswith("_worker")
    )


def load_engine(name: str) -> OpenEngine:
    """Return the function that opens an engine; ConfigError with near matches if there is none."""
    known = engine_names()
    if name not in known:
        raise ConfigError(f"unknown engine {name!r}; {did_you_mean(name, known)}")
    opener: OpenEngine = importlib.import_module(f"{__name__}.{name}").open_engine
    return opener
