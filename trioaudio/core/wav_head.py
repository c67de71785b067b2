"""The head of a WAV file, up to its first sample, read from however much of it is there."""

from __future__ import annotations

import struct

import attrs

LARGEST_HEAD = 64 << 10
"""Bytes before the first sample; pictures and tags are all that could make it longer."""

_ENCODINGS = {1: "PCM", 3: "float", 6: "A-law", 7: "mu-law", 17: "ADPCM", 85: "MP3"}
_EXTENSIBLE = 0xFFFE
_NO_COUNT_FROM = 0x7FFF_0000  # whoever streams writes some "endless" number, or nought


@attrs.frozen
class WavHead:
    """What a WAV file is said to hold."""

    encoding: str
    bits: int
    channels: int
    sample_rate: int
    length: int
    """Bytes before the first sample."""
    audio_bytes: int | None
    """Of samples; None when the writer did not know yet."""

    def __str__(self) -> str:
        """Say it to people."""
        channels = {1: "mono", 2: "stereo"}.get(self.channels, f"{self.channels} channels")
        return f"{self.bits}-bit {self.encoding}, {channels}, {self.sample_rate} Hz"


def starts_wav(data: bytes) -> bool | None:
    """Say whether a WAV file begins here; None when too little is there to tell."""
    if not b"RIFF".startswith(data[:4]):
        return False
    if len(data) < 12 and b"WAVE".startswith(data[8:]):
        return None
    return data[8:12] == b"WAVE"


def read_wav_head(data: bytes) -> WavHead | None:
    """Return the head of what `starts_wav`; None when it is not all there yet.

    ValueError, as the rest of a sentence, when it is broken.
    """
    format_chunk: bytes | None = None
    at = 12
    while at + 8 <= len(data):
        name, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        at += 8
        if name == b"data":
            if format_chunk is None:
                raise ValueError("has audio before its format")
            return _wav_head(format_chunk, at, size)
        if at + size > LARGEST_HEAD:
            raise ValueError("has a header without end")
        if name == b"fmt ":
            if at + size > len(data):
                return None
            format_chunk = data[at : at + size]
        at += size + size % 2
    return None


def _wav_head(format_chunk: bytes, length: int, size: int) -> WavHead:
    if len(format_chunk) < 16:
        raise ValueError("has a format of too few bytes")
    code, channels, sample_rate, _, _, bits = struct.unpack_from("<HHIIHH", format_chunk)
    if code == _EXTENSIBLE and len(format_chunk) >= 26:
        (code,) = struct.unpack_from("<H", format_chunk, 24)
    return WavHead(
        encoding=_ENCODINGS.get(code, f"format {code}"),
        bits=bits,
        channels=channels,
        sample_rate=sample_rate,
        length=length,
        audio_bytes=size if 0 < size < _NO_COUNT_FROM else None,
    )
