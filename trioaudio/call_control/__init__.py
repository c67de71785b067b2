"""One file per carrier, each exporting `CALL_CONTROL`; found by name, never knowing each other.

A file with an underscore is what several of them share: a family whose members differ by data,
and how they all check what they are given and read what comes back.
"""

from __future__ import annotations

import importlib
import pkgutil

from trioaudio.core.call_control import CallControl
from trioaudio.core.errors import ConfigError


def call_control_names() -> list[str]:
    """Return the names of the carriers that have some call control, sorted."""
    return sorted(
        module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_")
    )


def find_call_control(name: str) -> CallControl | None:
    """Return a carrier's call control; None when it has none."""
    if name not in call_control_names():
        return None
    control: CallControl = importlib.import_module(f"{__name__}.{name}").CALL_CONTROL
    return control


def load_call_control(name: str) -> CallControl:
    """Return a carrier's call control; ConfigError when it has none."""
    control = find_call_control(name)
    if control is None:
        raise ConfigError(
            f"carrier={name}: there is no REST interface of it to place and steer calls with;"
            f" there is for {', '.join(call_control_names())}"
        )
    return control
