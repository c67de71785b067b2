"""The audio events of one clause: as they say what they are, at the rate that was promised."""

from __future__ import annotations

import attrs

from trioaudio.core.errors import EngineError
from trioaudio.core.resampling import Resampler
from trioaudio.core.wyoming_event import Event
from trioaudio.engines._clause_audio import ClauseAudio
from trioaudio.engines._status import broke_protocol
from trioaudio.engines._vendor_pcm import VendorPcm
from trioaudio.engines._wyoming_connection import NAME

_LOWEST_RATE = 4000
_HIGHEST_RATE = 192_000


@attrs.frozen
class _Run:
    """One run of audio, from its start to its stop, at the server's rate."""

    rate: int
    pcm: VendorPcm
    resampler: Resampler


class WyomingSound:
    """Takes `audio-start`, `audio-chunk` and `audio-stop`, any number of runs of them.

    Another rate than was promised is converted; it costs the conversion, and nothing breaks.
    """

    def __init__(self, audio: ClauseAudio) -> None:
        self._audio = audio
        self._run: _Run | None = None

    def begin(self, event: Event) -> None:
        """Take the beginning of a run. EngineError when its format is not ours."""
        self.end()
        rate = _rate_of(event)
        target = self._audio.sample_rate
        self._run = _Run(rate, VendorPcm(NAME, rate), Resampler(rate, target))

    def take(self, event: Event) -> None:
        """Take a chunk; one that comes without a beginning is one. EngineError."""
        if self._run is None:
            self.begin(event)
        run = self._run
        assert run is not None
        if _rate_of(event) != run.rate:
            raise broke_protocol(NAME, f"its audio began at {run.rate} Hz and then changed")
        self._audio.take(run.resampler.push(run.pcm.push(event.payload)))

    def end(self) -> None:
        """Take the end of a run, if there is one. EngineError."""
        run, self._run = self._run, None
        if run is not None:
            self._audio.take(run.resampler.push(run.pcm.flush()) + run.resampler.flush())


def _rate_of(event: Event) -> int:
    """Return the rate of audio in Hz; EngineError unless it is 16 bit and mono."""
    rate, width, channels = (event.data.get(name) for name in ("rate", "width", "channels"))
    if (width, channels) != (2, 1) or not isinstance(rate, int):
        raise _refused(f"{rate} Hz, {width} bytes a sample, {channels} channels")
    if not _LOWEST_RATE <= rate <= _HIGHEST_RATE:
        raise _refused(f"{rate} Hz")
    return rate


def _refused(what: str) -> EngineError:
    return broke_protocol(NAME, f"it sent {what} where 2 bytes a sample and 1 channel were due")
