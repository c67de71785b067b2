"""One stretch of speech by one engine, brought to telephone level.

    leading silence dropped → gain → true-peak limiter → fades at both edges

Everything is worked out on a grid of blocks of 2.5 ms that begins with the stretch, so the output
is the same however the input is cut into chunks.
"""

from __future__ import annotations

import functools
import math

import numpy as np
import numpy.typing as npt

from trioaudio.core.level.glide import Glide
from trioaudio.core.level.leading_silence import LeadingSilence
from trioaudio.core.level.limiter import Limiter, block_samples
from trioaudio.core.level.loudness import LevelMeasure, LoudnessMeter
from trioaudio.core.level.options import LevelOptions, amplitude
from trioaudio.core.level.true_peak import REACH
from trioaudio.core.pcm import SAMPLE_BYTES

__all__ = ["LevelOptions", "Leveller"]

PCM16 = np.dtype("<i2")
_BEFORE = bytes(REACH * SAMPLE_BYTES)


class Leveller:
    """PCM16 LE mono at `sample_rate` Hz in and out, whole samples only.

    Holds back what a fade-out needs, `fade_ms` and up to 2.5 ms more; before the first sound it
    holds back nothing but `keep_lead_ms` of silence. Samples pushed are samples returned, trimmed
    and held, at any time. A stretch without a sound comes out empty. `flush` or `cut` ends it.

    `gain_db` stands for the whole stretch. With `seeking`, for a voice not heard before, it is
    where the gain begins, and from there it goes, by 6 dB a second at most, to what the level
    measured so far asks for.
    """

    __slots__ = (
        "_block",
        "_fade_in",
        "_faded",
        "_gain",
        "_glide",
        "_held",
        "_hold",
        "_lead",
        "_limiter",
        "_meter",
        "_ramp",
    )

    def __init__(
        self, sample_rate: int, gain_db: float, options: LevelOptions, *, seeking: bool = False
    ) -> None:
        self._block = block_samples(sample_rate)
        self._fade_in = fade_in(round(options.fade_ms * sample_rate / 1000))
        self._ramp = fade_in(self._block)
        self._hold = max(len(self._fade_in), self._block + REACH)
        self._lead = LeadingSilence(
            round(options.keep_lead_ms * sample_rate / 1000),
            amplitude(options.trim_below_dbov - gain_db),
        )
        self._limiter = Limiter(sample_rate, amplitude(options.ceiling_dbtp))
        self._meter = LoudnessMeter(sample_rate)
        self._gain = float(10 ** (gain_db / 20))
        self._glide = Glide(gain_db, options) if seeking else None
        self._faded = 0  # samples of the fade-in that are done
        self._held: bytes | None = _BEFORE  # what the limiter must still see, and what is to come

    @property
    def trimmed_samples(self) -> int:
        """Samples of leading silence dropped; word timings move up by them."""
        return self._lead.trimmed

    @property
    def held_samples(self) -> int:
        """Samples pushed that are neither returned nor trimmed yet."""
        held = 0 if self._held is None else len(self._held) // SAMPLE_BYTES - REACH
        return self._lead.held + held

    @property
    def measured(self) -> LevelMeasure:
        """The level of what was returned so far, before the gain."""
        return self._meter.measure()

    def push(self, pcm: bytes) -> bytes:
        """Return what the samples in `pcm` complete; may be empty. RuntimeError after the end."""
        if self._held is None:
            raise RuntimeError("pushed into a stretch of speech that has ended")
        window = self._held + self._lead.push(pcm)
        blocks = (len(window) // SAMPLE_BYTES - REACH - self._hold) // self._block
        if blocks <= 0:
            self._held = window
            return b""
        levelled = self._level(window, blocks)
        self._held = window[blocks * self._block * SAMPLE_BYTES :]
        return _pcm(levelled)

    def flush(self) -> bytes:
        """Return what is held, faded out over its last `fade_ms`: the engine has finished."""
        return self._end(len(self._fade_in))

    def cut(self) -> bytes:
        """Return what is held, faded out all along: the engine broke off in mid-sound."""
        return self._end(self._hold + self._block)

    def _end(self, fade: int) -> bytes:
        held, self._held = self._held, None
        self._lead.drop()
        if held is None or len(held) == len(_BEFORE):
            return b""
        samples = len(held) // SAMPLE_BYTES - REACH
        blocks = math.ceil(samples / self._block)
        window = held + bytes(((blocks + 1) * self._block + REACH - samples) * SAMPLE_BYTES)
        self._meter.push(held[len(_BEFORE) :])
        if self._glide is not None:
            self._gain = self._glide.gain  # it stays there for the last few milliseconds
        levelled = self._shape(window, blocks, self._gain)[:samples]
        fade_out = fade_in(min(fade, samples))[::-1]
        levelled[-len(fade_out) :] *= fade_out
        return _pcm(levelled)

    def _level(self, window: bytes, blocks: int) -> npt.NDArray[np.float32]:
        """Return the next blocks at their level, and measure them."""
        parts = []
        done = 0
        while (glide := self._glide) is not None and done < blocks:
            step = min(glide.left, blocks - done)
            rest = window[done * self._block * SAMPLE_BYTES :]
            parts.append(self._shape(rest, step, glide.take(step)))
            self._measure(rest, step)
            if not glide.left:
                glide.turn(self._meter.measure())
            if glide.arrived:
                self._gain = glide.gain
                self._glide = None
            done += step
        if done < blocks:
            rest = window[done * self._block * SAMPLE_BYTES :]
            parts.append(self._shape(rest, blocks - done, self._gain))
            self._measure(rest, blocks - done)
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _measure(self, window: bytes, blocks: int) -> None:
        stop = REACH + blocks * self._block
        self._meter.push(window[REACH * SAMPLE_BYTES : stop * SAMPLE_BYTES])

    def _shape(
        self, window: bytes, blocks: int, gains: float | npt.NDArray[np.float64]
    ) -> npt.NDArray[np.float32]:
        """Return the blocks that begin REACH samples into `window`: gain, limiter and fade-in."""
        samples = np.frombuffer(window, PCM16)
        reductions = self._limiter.reductions(samples, blocks, gains)
        here = samples[REACH : REACH + blocks * self._block]
        if reductions is None and isinstance(gains, float):
            levelled = here * np.float32(gains)
        else:
            # Where nothing is taken off this is the very gain of above, to the last bit.
            edges = np.asarray(gains * (1.0 - (0.0 if reductions is None else reductions)), "f4")
            steps = (edges[1:] - edges[:-1])[:, np.newaxis] * self._ramp
            factors = edges[:-1, np.newaxis] + steps
            levelled = here * factors.reshape(-1)
        if self._faded < len(self._fade_in):
            fade = self._fade_in[self._faded : self._faded + len(levelled)]
            levelled[: len(fade)] *= fade
            self._faded += len(fade)
        return levelled


@functools.lru_cache(maxsize=64)
def fade_in(samples: int) -> npt.NDArray[np.float32]:
    """Return a raised cosine that rises from 0 to 1 in `samples` samples."""
    ramp = 0.5 - 0.5 * np.cos(np.pi * (np.arange(samples) + 0.5) / max(1, samples))
    return ramp.astype(np.float32)


def _pcm(samples: npt.NDArray[np.float32]) -> bytes:
    """Round to PCM16; the limiter keeps everything within it."""
    return np.rint(samples, out=samples).astype(PCM16).tobytes()
