"""One file per carrier, each exporting `CARRIER`; found by name, never knowing each other.

A file with an underscore is a family's codec, whose members differ by data.
"""

from __future__ import annotations

import importlib
import pkgutil

from trioaudio.core.carrier import Carrier
from trioaudio.core.errors import ConfigError
from trioaudio.core.suggest import did_you_mean


def carrier_names() -> list[str]:
    """Return the names of all carriers, sorted."""
    return sorted(
        module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_")
    )


def load_carrier(name: str) -> Carrier:
    """Return a carrier's description; ConfigError with near matches if there is none."""
    known = carrier_names()
    if name not in known:
        raise ConfigError(f"unknown carrier {name!r}; {did_you_mean(name, known)}")
    carrier: Carrier = importlib.import_module(f"{__name__}.{name}").CARRIER
    return carrier
