"""Read a WAV file that must hold exactly what a stream carries.

The form is that of https://www.mmsp.ece.mcgill.ca/Documents/AudioFormats/WAVE/WAVE.html: chunks
of a name, a size and that many bytes, then one more if they are odd. What is not linear has an
extended `fmt ` chunk, and a `fact` chunk that counts the samples.
"""

from __future__ import annotations

import struct

from trioaudio.core.encoding import Encoding, MediaFormat
from trioaudio.simulators.dialects._strict_reading import DeviationError, demand_samples

_FORMAT_TAGS = {Encoding.PCM16: 1, Encoding.ALAW: 6, Encoding.MULAW: 7}
_CHUNK = struct.Struct("<4sI")
_FORMAT = struct.Struct("<HHIIHH")
_FIELDS = (
    *("format tag", "channels", "sample rate"),
    *("bytes in a second", "bytes of a sample", "bits of a sample"),
)
_HEAD_BYTES = 12
_NEEDED = (b"fmt ", b"data")


def read_wav(file: bytes, media: MediaFormat) -> bytes:
    """Return a file's samples; DeviationError if it is none, or one of other audio than `media`."""
    if file[:4] != b"RIFF" or file[8:_HEAD_BYTES] != b"WAVE":
        raise DeviationError("no WAV file: it does not begin with RIFF, a size and WAVE")
    size = int.from_bytes(file[4:8], "little")
    if size != len(file) - 8:
        raise DeviationError(f"WAV file says {size} bytes follow, and has {len(file) - 8}")
    chunks = _read_chunks(file[_HEAD_BYTES:])
    names = [name for name in chunks if name in _NEEDED]
    if names != list(_NEEDED):
        raise DeviationError("WAV file without a fmt chunk and a data chunk behind it")
    samples = chunks[b"data"]
    demand_samples(samples, media.encoding)
    _demand_format(chunks[b"fmt "], media)
    if media.encoding is not Encoding.PCM16:
        count = len(samples) // media.encoding.sample_bytes
        if chunks.get(b"fact", b"")[:4] != count.to_bytes(4, "little"):
            raise DeviationError(f"WAV file without a fact chunk that says {count} samples")
    return samples


def _read_chunks(rest: bytes) -> dict[bytes, bytes]:
    chunks: dict[bytes, bytes] = {}
    while rest:
        if len(rest) < _CHUNK.size:
            raise DeviationError(f"WAV file with {len(rest)} bytes behind its last chunk")
        name, size = _CHUNK.unpack_from(rest)
        padded = size + size % 2
        body, rest = rest[_CHUNK.size :][:padded], rest[_CHUNK.size + padded :]
        if len(body) < padded:
            raise DeviationError(f"WAV file that ends within its chunk {name!r}")
        if name in chunks:
            raise DeviationError(f"WAV file with two chunks {name!r}")
        chunks[name] = body[:size]
    return chunks


def _demand_format(chunk: bytes, media: MediaFormat) -> None:
    linear = media.encoding is Encoding.PCM16
    if len(chunk) not in ((16, 18) if linear else (18,)) or chunk[16:] not in (b"", b"\0\0"):
        raise DeviationError(f"WAV file with a fmt chunk of another form, {len(chunk)} bytes")
    sample_bytes = media.encoding.sample_bytes
    wanted = (
        *(_FORMAT_TAGS[media.encoding], 1, media.sample_rate),
        *(media.bytes_in(1000), sample_bytes, sample_bytes * 8),
    )
    for name, found, need in zip(_FIELDS, _FORMAT.unpack_from(chunk), wanted, strict=True):
        if found != need:
            raise DeviationError(f"WAV file with {name} {found}, must be {need} for {media}")
