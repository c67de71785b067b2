"""How loud speech is while it is spoken, pauses left out, and what gain each voice needs."""

from __future__ import annotations

import attrs
import numpy as np
import numpy.typing as npt

from trioaudio.core.level.options import LevelOptions
from trioaudio.core.pcm import SAMPLE_BYTES

BLOCKS_PER_SECOND = 50
ENOUGH_SECONDS = 0.4
"""Active speech before there is a level: a syllable or two says little of a voice."""

_FLOOR_DBOV = -70
_HANGOVER_BLOCKS = 10  # 200 ms, as in P.56: shorter pauses are part of speech
_MARGIN_DB = 15.9  # P.56: how far below the active level speech ends
_COUNT_AT = 512  # blocks, some 10 s

_EDGES_DBOV = np.arange(_FLOOR_DBOV, 1.0)
_EDGES = 10 ** (_EDGES_DBOV / 10)


@attrs.frozen
class LevelMeasure:
    """What is known of the level of some speech."""

    active_dbov: float | None
    """Its active speech level; None while less than 0.4 s of speech were heard."""
    active_seconds: float


class LoudnessMeter:
    """Active speech level after ITU-T P.56 method B, from the energies of blocks of 20 ms.

    Speech is what lies less than 15.9 dB below its own level, with the 200 ms after it. Constant
    memory; the same however the input is cut into chunks.
    """

    __slots__ = ("_counts", "_energies", "_energy", "_full", "_recent", "_rest", "_samples")

    def __init__(self, sample_rate: int) -> None:
        self._samples = sample_rate // BLOCKS_PER_SECOND
        self._full = self._samples * 32768.0**2  # the energy of a block at 0 dBov
        self._rest = b""
        self._energies: list[float] = []  # of blocks not yet counted
        self._recent = [0.0] * _HANGOVER_BLOCKS  # the last ones counted
        self._counts = np.zeros(len(_EDGES) + 1, np.int64)  # by the loudest within the hangover
        self._energy = 0.0

    def push(self, pcm: bytes) -> None:
        """Hear some PCM16 LE, whole samples."""
        heard = self._rest + pcm if self._rest else pcm
        blocks = len(heard) // (self._samples * SAMPLE_BYTES)
        whole = blocks * self._samples
        self._rest = heard[whole * SAMPLE_BYTES :]
        if not blocks:
            return
        # In float64 the sums of these whole numbers are exact, whatever order they are made in.
        samples = np.frombuffer(heard, "<i2", whole).astype(np.float64).reshape(blocks, -1)
        self._energies += np.einsum("ij,ij->i", samples, samples).tolist()
        if len(self._energies) >= _COUNT_AT:
            self._count()

    @property
    def active_dbov(self) -> float | None:
        """The active speech level in dB against full scale; None until 0.4 s were heard."""
        return self.measure().active_dbov

    def measure(self) -> LevelMeasure:
        """Return what is known so far."""
        self._count()
        reached = np.cumsum(self._counts[::-1])[::-1][1:]  # blocks at or above each edge
        if not reached[0]:
            return LevelMeasure(None, 0.0)
        levels = 10 * np.log10(self._energy / self._full / np.maximum(reached, 1))
        margins = levels - _EDGES_DBOV - _MARGIN_DB
        at = max(1, int(np.argmax(margins <= 0)))
        share = float(np.clip(margins[at - 1] / (margins[at - 1] - margins[at]), 0.0, 1.0))
        seconds = _between(reached, at, share) / BLOCKS_PER_SECOND
        level = _between(levels, at, share) if seconds >= ENOUGH_SECONDS else None
        return LevelMeasure(level, seconds)

    def _count(self) -> None:
        """Move the waiting blocks into the counts."""
        if not self._energies:
            return
        self._energy += sum(self._energies)
        blocks = self._recent + self._energies
        loudest = np.array(blocks)
        for step in (1, 2, 4, 3):  # 1 + 2 + 4 + 3: the block itself and the ten before it
            loudest[step:] = np.maximum(loudest[step:], loudest[:-step])
        levels = np.searchsorted(_EDGES * self._full, loudest[_HANGOVER_BLOCKS:], "right")
        self._counts += np.bincount(levels, minlength=len(self._counts))
        self._recent = blocks[-_HANGOVER_BLOCKS:]
        self._energies = []


def _between(
    values: npt.NDArray[np.int64] | npt.NDArray[np.float64], at: int, share: float
) -> float:
    """Return the value a share of the way from the one before `at` to the one there."""
    before, there = float(values[at - 1]), float(values[at])
    return before + share * (there - before)


MOST_VOICES = 1000
SETTLED_SECONDS = 2.0
_MEMORY_SECONDS = 30.0
_SURE_SECONDS = 1.0


@attrs.define(eq=False)
class _Heard:
    """What is known of one voice."""

    active_dbov: float
    seconds: float


class VoiceGains:
    """The gain each voice needs, learned from the stretches it has spoken.

    A voice's level is the mean over its last half minute of speech or so. The voices longest not
    asked for are forgotten beyond `most_voices`.
    """

    __slots__ = ("_heard", "_most", "_options")

    def __init__(self, options: LevelOptions, most_voices: int = MOST_VOICES) -> None:
        self._options = options
        self._most = most_voices
        self._heard: dict[str, _Heard] = {}  # the least lately used first

    def gain_db(self, key: str, default_db: float = 0.0) -> float:
        """Return the gain for a new stretch; nearer the default the less was heard so far."""
        heard = self._touch(key)
        gain = default_db
        if heard is not None:
            sure = min(1.0, heard.seconds / _SURE_SECONDS)
            gain += sure * (self._options.target_dbov - heard.active_dbov - default_db)
        return self._options.bound_gain(gain)

    def settled(self, key: str) -> bool:
        """Say whether enough was heard of a voice to speak with its gain as it is."""
        heard = self._heard.get(key)
        return heard is not None and heard.seconds >= SETTLED_SECONDS

    def learn(self, key: str, active_dbov: float, active_seconds: float) -> None:
        """Take the level of a stretch, measured before the gain."""
        seconds = min(active_seconds, _MEMORY_SECONDS)
        heard = self._touch(key)
        if heard is None:
            self._heard[key] = _Heard(active_dbov, seconds)
            if len(self._heard) > self._most:
                del self._heard[next(iter(self._heard))]
            return
        known = min(heard.seconds, _MEMORY_SECONDS - seconds / 2)
        heard.active_dbov += (active_dbov - heard.active_dbov) * seconds / (known + seconds)
        heard.seconds = min(heard.seconds + seconds, _MEMORY_SECONDS)

    def _touch(self, key: str) -> _Heard | None:
        heard = self._heard.pop(key, None)
        if heard is not None:
            self._heard[key] = heard
        return heard
