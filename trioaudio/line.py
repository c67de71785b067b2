"""What a call is made with, and what its legs counted."""

from __future__ import annotations

import attrs

from trioaudio.core.carrier import Carrier, CarrierSettings, Idle
from trioaudio.core.comfort_noise import comfort_noise
from trioaudio.core.encoding import Payload
from trioaudio.core.pcm import silence
from trioaudio.heartbeat import LegTiming
from trioaudio.leg import LegStatistics
from trioaudio.media_path import Shape
from trioaudio.supervise import RecoveryPolicy

NOISE_FRAMES = 16
"""960 ms of comfort noise before it repeats."""


@attrs.frozen
class Line:
    """What a call is made with: the carrier, its settings, and what our side does about it."""

    carrier: Carrier
    settings: CarrierSettings
    shape: Shape
    policy: RecoveryPolicy
    timing: LegTiming = LegTiming()
    keep: float = 2.0
    """Seconds: how old unsent audio may get while there is no connection; older is dropped."""
    start_gate: float | None = None
    """Seconds: nothing is said before the far end's first audio, or so long after the connection;
    None: at once."""
    utterances_ahead: int = 64
    """Texts that may wait to be said."""


@attrs.define(eq=False)
class CallTotals:
    """Counts over all legs of a call that have ended."""

    underruns: int = 0
    underrun_seconds: float = 0.0
    resyncs: int = 0
    stalls: int = 0
    idle_frames: int = 0
    wire_bytes: int = 0
    complaints: int = 0
    stale_marks: int = 0

    def add(self, leg: LegStatistics) -> None:
        """Add what a leg counted."""
        self.underruns += leg.clock.underruns
        self.underrun_seconds += leg.clock.underrun_seconds
        self.resyncs += leg.clock.resyncs
        self.stalls += leg.stalls
        self.idle_frames += leg.idle_frames
        self.wire_bytes += leg.wire_bytes
        self.complaints += leg.complaints
        self.stale_marks += leg.stale_marks


def idle_filler(settings: CarrierSettings, shape: Shape) -> list[Payload]:
    """Return the payloads sent while nobody speaks, each of `shape.smallest_item` frames."""
    samples = shape.pcm.frame_samples * shape.smallest_item
    if settings.idle is Idle.NONE:
        return []
    if settings.idle is Idle.COMFORT_NOISE:
        pieces = -(-NOISE_FRAMES // shape.smallest_item)
        return [shape.to_payload(comfort_noise(samples, seed)) for seed in range(pieces)]
    return [shape.to_payload(silence(samples))]
