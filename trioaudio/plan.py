"""What a one-shot call is to do, decided before anything heavy is imported."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Any

import attrs

from trioaudio.core.call_control import CallOrder
from trioaudio.core.carrier import Carrier, CarrierSettings, Transfer
from trioaudio.core.engine import ChosenEngine
from trioaudio.settings import Settings


class FarEndKind(enum.Enum):
    """Who the media connection is with."""

    SIMULATED = "simulated"
    DIALLED = "dialled"
    AWAITED = "awaited"
    PLACED = "placed"
    """We have the carrier call somebody, and dial us."""


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
    transfer: Transfer | None = None
    """Whom the callee is connected to at the end; None hangs up."""
    order: CallOrder | None = None
    """Whom to call; None unless the far end is PLACED."""


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
