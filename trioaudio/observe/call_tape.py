"""Where each sample of a call belongs in its recording: both sides, by time and never by count.

Our side stands at its due time: contiguous in a talkspurt, exact over hours. The caller's side has
no due times, only arrivals: it is laid end to end while that is within `TOLERANCE_S` of where it
arrived, and anchored anew where it is not, so its clock may be wrong and its network may jitter. A
network that stood still for a moment delivers late what is then played in order: a message that
comes late is anchored anew only if those behind it do not catch up.

Computes only; `CallRecording` gives it a thread. All times are seconds after the beginning.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import attrs
import numpy as np
from numpy.typing import NDArray

from trioaudio.core.pcm import SAMPLE_BYTES
from trioaudio.observe.utterance_spans import UtteranceSpans

TOLERANCE_S = 0.12
"""How far the caller's audio may stand from its arrival."""

AHEAD_MOST_S = 60.0
"""What is due later than this after the latest writing is no audio of this call."""

RE_ANCHORS_TOLD = 1000

OURS, THEIRS = 0, 1
_CHANNELS = 2
_NEXT_TO = 1  # samples: two roundings of the same instant


class SampleSink(Protocol):
    """Takes finished stereo audio in order."""

    def write(self, pcm: bytes, /) -> None:
        """Append samples, left and right in turn."""
        ...

    def write_silence(self, samples: int, /) -> None:
        """Append zeros, so many samples of each channel."""
        ...


@attrs.frozen
class ReAnchor:
    """The caller's audio was moved: later by a gap, or earlier onto what had come too early."""

    at_s: float
    by_s: float


@attrs.frozen
class Arrival:
    """One message of the caller's; its last sample was there at `at_s`."""

    at_s: float
    samples: NDArray[np.int16]


@attrs.define(eq=False)
class CallTape:
    """A window of two channels that moves on with time; `sink` gets what is behind it."""

    sample_rate: int
    sink: SampleSink
    spans: UtteranceSpans = attrs.field(factory=UtteranceSpans)
    re_anchors: int = 0
    told: list[ReAnchor] = attrs.field(factory=list)
    """The first `RE_ANCHORS_TOLD` of them."""
    misplaced: int = 0
    """Messages with a time that cannot be: before what is written, or far ahead."""
    written: int = 0
    """Samples of each channel that went to the sink."""
    _window: NDArray[np.int16] = attrs.field(
        factory=lambda: np.zeros((0, _CHANNELS), dtype=np.int16)
    )
    _ours_end: int = 0
    _theirs_end: int | None = None

    def lay_ours(self, due_s: float, pcm: bytes, utterance: int) -> None:
        """Lay down what the callee is to hear from `due_s` on; it replaces what stood there."""
        samples = _samples(pcm)
        start = round(due_s * self.sample_rate)
        if abs(start - self._ours_end) <= _NEXT_TO:
            start = self._ours_end
        if self._lay(OURS, start, samples):
            self._ours_end = start + len(samples)
            self.spans.add(utterance, start, self._ours_end)

    def clear(self, at_s: float) -> None:
        """Silence what of ours is due from `at_s` on: the carrier forgot it."""
        start = round(at_s * self.sample_rate)
        self._window[max(0, start - self.written) :, OURS] = 0
        self._ours_end = min(self._ours_end, start)
        self.spans.cut(start)

    def lay_theirs(self, arrivals: Sequence[Arrival], final: int) -> None:
        """Lay down the first `final` messages; those behind only tell whether they catch up."""
        for n, arrival in enumerate(arrivals[:final]):
            place = self._place(arrival)
            end = self._theirs_end
            late = 0 if end is None else place - end
            if end is None:
                end = place
            elif abs(late) > self._tolerance and not (late > 0 and self._catches_up(arrivals[n:])):
                self._note_re_anchor(place, late)
                end = place
            self._lay(THEIRS, end, arrival.samples)
            self._theirs_end = end + len(arrival.samples)

    def write(self, until_s: float) -> None:
        """Give the sink all before `until_s`; gaps are silence. Raises what the sink raises."""
        count = round(until_s * self.sample_rate) - self.written
        if count <= 0:
            return
        done, self._window = self._window[:count], self._window[count:].copy()
        self.written += count
        if len(done):
            self.sink.write(done.astype("<i2").tobytes())
        if count > len(done):
            self.sink.write_silence(count - len(done))

    @property
    def end_s(self) -> float:
        """Where the last audio laid down ends."""
        return (self.written + len(self._window)) / self.sample_rate

    @property
    def _tolerance(self) -> int:
        return round(TOLERANCE_S * self.sample_rate)

    def _place(self, arrival: Arrival) -> int:
        """Return where a message begins by its arrival."""
        return max(0, round(arrival.at_s * self.sample_rate) - len(arrival.samples))

    def _catches_up(self, arrivals: Sequence[Arrival]) -> bool:
        """Say whether one of the next messages stands near its arrival if all are contiguous."""
        assert self._theirs_end is not None
        end = self._theirs_end
        for arrival in arrivals:
            if self._place(arrival) - end <= self._tolerance:
                return True
            end += len(arrival.samples)
        return False

    def _note_re_anchor(self, place: int, by: int) -> None:
        self.re_anchors += 1
        if len(self.told) < RE_ANCHORS_TOLD:
            self.told.append(ReAnchor(place / self.sample_rate, by / self.sample_rate))

    def _lay(self, channel: int, start: int, samples: NDArray[np.int16]) -> bool:
        """Put samples into the window; False, and counted, where part of them has no place."""
        at = start - self.written
        if at < 0:
            samples, at = samples[-at:], 0
            self.misplaced += 1
        end = at + len(samples)
        if end > AHEAD_MOST_S * self.sample_rate:
            self.misplaced += 1
            return False
        if not len(samples):
            return False
        if end > len(self._window):
            longer = np.zeros((end, _CHANNELS), dtype=np.int16)
            longer[: len(self._window)] = self._window
            self._window = longer
        self._window[at:end, channel] = samples
        return True


def arrival(at_s: float, pcm: bytes) -> Arrival:
    """Return a message of PCM16 LE; half a sample at its end is left out."""
    return Arrival(at_s, _samples(pcm))


def _samples(pcm: bytes) -> NDArray[np.int16]:
    return np.frombuffer(pcm, dtype="<i2", count=len(pcm) // SAMPLE_BYTES)
