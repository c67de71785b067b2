"""One file per simulated carrier, each exporting `DIALECT`; found by name."""

from __future__ import annotations

import importlib
import pkgutil

from trioaudio.core.errors import ConfigError
from trioaudio.core.suggest import did_you_mean
from trioaudio.simulators.dialect import DialectKind


def dialect_names() -> list[str]:
    """Return the names of all dialects, sorted."""
    return sorted(
        module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_")
    )


def load_dialect(name: str) -> DialectKind:
    """Return a dialect's description; ConfigError with near matches if there is none."""
    known = dialect_names()
    if name not in known:
        raise ConfigError(f"unknown carrier {name!r}; {did_you_mean(name, known)}")
    kind: DialectKind = importlib.import_module(f"{__name__}.{name}").DIALECT
    return kind
