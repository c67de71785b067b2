"""What a one-shot call is to do, decided before anything heavy is imported."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Any

import attrs

from trioaudio.core.carrier import Carrier, CarrierSettings
from trioaudio.core.engine import ChosenEngine
from trioaudio.settings import Settings


class FarEndKind(enum.Enum):
    """Who the media connection is with."""

    SIMULATED = "simulated"
    DIALLED = "dialled"
    AWAITED = "awaited"


@attrs.frozen
class Plan:
    """All that was asked for."""

    text: str | None
    """None: standard input."""
    settings: Settings
    carrier: Carrier
    carrier_settings: CarrierSettings
    far_end: FarEndKind
    out: Path | None
    play: bool
    report_on_stdout: bool
    plain: bool
    engines: tuple[ChosenEngine, ...] = ()
    """In order; known only once they have been imported, which takes a while."""


@attrs.frozen
class Ended:
    """How a one-shot call ended."""

    exit_code: int
    report: dict[str, Any] | None = None
    problem: str | None = None
    """One line about what went wrong, not told yet."""
    out: Path | None = None
    """The WAV file, if it was written."""
    by_signal: bool = False
