"""Carriers' REST interfaces, simulated from their documentation: one file each, exporting `REST`.

They know nothing of our own requests to the same carriers, and take only what is documented.
"""

from __future__ import annotations

import importlib
import pkgutil

from trioaudio.core.errors import ConfigError
from trioaudio.core.suggest import did_you_mean
from trioaudio.simulators.rest.desk import RestKind

_SHARED = "desk"


def rest_names() -> list[str]:
    """Return the carriers whose REST interface can be simulated, sorted."""
    names = (module.name for module in pkgutil.iter_modules(__path__))
    return sorted(each for each in names if each != _SHARED and not each.startswith("_"))


def load_rest(name: str) -> RestKind:
    """Return one; ConfigError with near matches if there is none."""
    known = rest_names()
    if name not in known:
        raise ConfigError(f"no simulated REST interface {name!r}; {did_you_mean(name, known)}")
    kind: RestKind = importlib.import_module(f"{__name__}.{name}").REST
    return kind
