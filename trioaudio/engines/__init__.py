"""One file per engine, each exporting `ENGINE`; found by name, never knowing each other.

What engines share, and what one of them has that is too long for its file, lies beside them with
a name that begins with an underscore.
"""

from __future__ import annotations

import importlib
import pkgutil
from typing import TYPE_CHECKING

from trioaudio.core.errors import ConfigError
from trioaudio.core.suggest import did_you_mean

if TYPE_CHECKING:
    from trioaudio.core.engine import EngineKind


def engine_names() -> list[str]:
    """Return the names of all engines, sorted; a part of one or a child's program is none."""
    return sorted(
        module.name
        for module in pkgutil.iter_modules(__path__)
        if not module.name.startswith("_") and not module.name.endswith("_worker")
    )


def load_engine(name: str) -> EngineKind:
    """Return an engine's description; ConfigError with near matches if there is none."""
    known = engine_names()
    if name not in known:
        raise ConfigError(f"unknown engine {name!r}; {did_you_mean(name, known)}")
    kind: EngineKind = importlib.import_module(f"{__name__}.{name}").ENGINE
    return kind
