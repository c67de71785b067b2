"""Raw PCM as a service promised it, kept from being noise when it is something else.

Services send WAV where raw PCM was asked for, MP3 because a setting was ignored, or an error as
the body of a success. Played as samples, each of them is a burst of noise at a callee's ear.
"""

from __future__ import annotations

import enum

from trioaudio.core.errors import EngineError
from trioaudio.core.pcm import SampleAligner
from trioaudio.core.wav_head import WavHead, read_wav_head, starts_wav
from trioaudio.engines._foreign_sound import NOT_YET, foreign_body
from trioaudio.engines._status import broke_protocol

_PROMISED = ("PCM", 16, 1)
_TRAILERS = (b"LIST", b"id3 ", b"ID3 ", b"fact", b"cue ", b"JUNK", b"bext", b"smpl", b"PAD ")


class _Place(enum.Enum):
    """Where in the body we are."""

    START = enum.auto()
    RAW = enum.auto()
    COUNTED = enum.auto()
    """In the audio of a WAV file that says how long it is."""
    AFTER = enum.auto()
    """Behind it: something else may follow, or the count was wrong."""
    TRAILER = enum.auto()


class VendorPcm:
    """PCM16 LE mono out of what a service sends for it, one answer's worth.

    Bytes may be cut anywhere. The header of a WAV file of the same format is dropped; every other
    format is an EngineError of kind PROTOCOL that says what came.
    """

    __slots__ = ("_aligner", "_engine", "_held", "_left", "_place", "_sample_rate")

    def __init__(self, engine: str, sample_rate: int) -> None:
        self._engine = engine
        self._sample_rate = sample_rate
        self._aligner = SampleAligner()
        self._place = _Place.START
        self._held = b""  # of it is not known yet what it is; at most a WAV header
        self._left = 0

    def push(self, chunk: bytes) -> bytes:
        """Return the whole samples that are now known to be audio; EngineError."""
        return self._aligner.push(self._take(chunk, at_end=False))

    def flush(self) -> bytes:
        """Return what was held back at the body's end, without half a sample; EngineError."""
        return self._aligner.push(self._take(b"", at_end=True))

    def _take(self, chunk: bytes, *, at_end: bool) -> bytes:
        self._held += chunk
        audio = bytearray()
        while self._held and self._judge(at_end=at_end):
            audio += self._cut()
        return bytes(audio)

    def _judge(self, *, at_end: bool) -> bool:
        """Say whether it is clear what is held; the place says what it is."""
        if self._place not in (_Place.START, _Place.AFTER):
            return True
        wav = starts_wav(self._held)
        if wav:
            return self._judge_wav(at_end=at_end)
        if wav is None and not at_end:
            return False
        if self._place is _Place.START:
            return self._judge_start(at_end=at_end)
        return self._judge_after(at_end=at_end)

    def _judge_start(self, *, at_end: bool) -> bool:
        found = foreign_body(self._held, at_end=at_end)
        if found is NOT_YET:
            return False
        if found is not None:
            raise self._wrong(found)
        self._place = _Place.RAW
        return True

    def _judge_after(self, *, at_end: bool) -> bool:
        """Tell tags from audio: some services count only the first sentence of what they send."""
        if any(trailer.startswith(self._held[:4]) for trailer in _TRAILERS):
            if len(self._held) < 4 and not at_end:
                return False
            self._place = _Place.TRAILER
        else:
            self._place = _Place.RAW
        return True

    def _judge_wav(self, *, at_end: bool) -> bool:
        try:
            head = read_wav_head(self._held)
        except ValueError as exc:
            raise self._wrong(f"a WAV file that {exc}") from None
        if head is None:
            if at_end:
                raise self._wrong("a WAV file that ends in its header")
            return False
        self._enter_wav(head)
        return True

    def _enter_wav(self, head: WavHead) -> None:
        if (head.encoding, head.bits, head.channels) != _PROMISED or (
            head.sample_rate != self._sample_rate
        ):
            raise self._wrong(f"WAV ({head})")
        self._held = self._held[head.length :]
        self._left = head.audio_bytes or 0
        self._place = _Place.RAW if head.audio_bytes is None else _Place.COUNTED

    def _cut(self) -> bytes:
        """Return the audio at the beginning of what is held, and hold the rest."""
        match self._place:
            case _Place.COUNTED:
                audio, self._held = self._held[: self._left], self._held[self._left :]
                self._left -= len(audio)
                if not self._left:
                    self._place = _Place.AFTER
                return audio
            case _Place.RAW:
                audio, self._held = self._held, b""
                return audio
            case _:
                self._held = b""
                return b""

    def _wrong(self, what: str) -> EngineError:
        return broke_protocol(
            self._engine, f"it sent {what} where raw 16-bit mono at {self._sample_rate} Hz was due"
        )
