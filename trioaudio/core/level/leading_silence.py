"""Drop the silence an engine puts before the first sound."""

from __future__ import annotations

import numpy as np

from trioaudio.core.pcm import SAMPLE_BYTES


class LeadingSilence:
    """PCM16 LE mono in; out comes everything from `keep` samples before the first sound on.

    A sound is a sample of `threshold` or more. Until it comes, only the `keep` last samples are
    held; from then on there is nothing to do, and `over` is true.
    """

    __slots__ = ("_keep", "_kept", "_threshold", "over", "trimmed")

    def __init__(self, keep: int, threshold: float) -> None:
        self._keep = keep
        self._threshold = max(1.0, threshold)
        self._kept = b""
        self.over = False
        self.trimmed = 0

    @property
    def held(self) -> int:
        """Samples that are dropped unless a sound comes soon."""
        return len(self._kept) // SAMPLE_BYTES

    def push(self, pcm: bytes) -> bytes:
        """Return nothing before the first sound; with it, the silence kept and all that came."""
        if self.over:
            return pcm
        samples = np.frombuffer(pcm, dtype="<i2").astype(np.int32)  # −32768 has no int16 absolute
        sounds = np.flatnonzero(np.abs(samples) >= self._threshold)
        self.over = sounds.size > 0
        before = self.held + (int(sounds[0]) if self.over else len(samples))
        whole = self._kept + pcm
        drop = max(0, before - self._keep)
        self.trimmed += drop
        rest = whole[drop * SAMPLE_BYTES :]
        self._kept = b"" if self.over else rest
        return rest if self.over else b""

    def drop(self) -> None:
        """Drop what is held: no sound came."""
        self.trimmed += self.held
        self._kept = b""
