"""What a body begins with that is no raw PCM: compressed sound, or text.

Strict, because PCM may begin with any bytes. A compressed file must have the whole of its
signature, MP3 and AAC without one a second frame where the first says it is; text must be text
for as long as we look.
"""

from __future__ import annotations

import codecs
import enum
import json
import re
from typing import Final, Literal, TypeAlias

TEXT_BYTES = 512
"""So much text at the start, and no other byte, is text."""

_SHORTEST_TEXT = 64  # bytes of a whole body that is text, though no JSON


class _NotYet(enum.Enum):
    NOT_YET = enum.auto()


NOT_YET: Final = _NotYet.NOT_YET
Foreign: TypeAlias = str | Literal[_NotYet.NOT_YET] | None

_SIGNATURES = (
    ("Ogg", re.compile(rb"OggS\0[\x00-\x07]"), b"OggS"),
    ("FLAC", re.compile(rb"fLaC[\x00\x80]\0\0\x22"), b"fLaC"),
    ("MP3", re.compile(rb"ID3[\x02-\x04][^\xff][\x00-\xf0][\x00-\x7f]{4}", re.DOTALL), b"ID3"),
    ("WebM", re.compile(rb"\x1aE\xdf\xa3[\x80-\xff\x01]"), b"\x1aE\xdf\xa3"),
    ("MP4", re.compile(rb"\0\0\0.ftyp", re.DOTALL), b"\0\0\0"),
)
_SIGNATURE_BYTES = 10
_TEXT_STARTS = (b"{", b"<", b"event:", b"data:")
_NO_TEXT = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")

_MP3_RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}
_MP3_KBPS_1 = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_MP3_KBPS_2 = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)


def foreign_body(data: bytes, *, at_end: bool) -> Foreign:
    """Say what begins here, None when it is nothing we know, NOT_YET when more bytes would tell.

    `at_end` says that there will be no more of them.
    """
    for name, signature, start in _SIGNATURES:
        if signature.match(data):
            return name
        if len(data) < _SIGNATURE_BYTES and not at_end and _may_start(data, start):
            return NOT_YET
    if any(_may_start(data, start) for start in _TEXT_STARTS):
        return _text(data, at_end=at_end)
    return _framed(data, at_end=at_end)


def _may_start(data: bytes, start: bytes) -> bool:
    return start.startswith(data[: len(start)])


def _text(data: bytes, *, at_end: bool) -> Foreign:
    if _NO_TEXT.search(data[:TEXT_BYTES]):
        return None
    try:
        words = codecs.getincrementaldecoder("utf-8")().decode(data[:TEXT_BYTES])
    except UnicodeDecodeError:
        return None
    quoted = f"text ({' '.join(words.split())[:80]})"
    if len(data) >= TEXT_BYTES:
        return quoted
    if not at_end:
        return NOT_YET
    return quoted if len(data) >= _SHORTEST_TEXT or _is_json(words) else None


def _is_json(words: str) -> bool:
    try:
        json.loads(words)
    except ValueError:
        return False
    return True


def _framed(data: bytes, *, at_end: bool) -> Foreign:
    """Recognise MP3 (layer III) and AAC (ADTS) by two frames in a row."""
    if data[:1] != b"\xff" or (len(data) > 1 and data[1] & 0xE0 != 0xE0):
        return None
    if len(data) < 6:
        return None if at_end else NOT_YET
    name, length = _frame(data)
    if not length:
        return None
    if len(data) < length + 2:
        return None if at_end else NOT_YET
    same = data[length] == 0xFF and data[length + 1] == data[1]
    return name if same else None


def _frame(data: bytes) -> tuple[str, int]:
    """Return what a frame head is of, and the frame's length in bytes; 0 when it is no head."""
    if data[1] & 0xF6 == 0xF0:  # ISO/IEC 13818-7, 6.2: layer is always 0
        length = (data[3] & 3) << 11 | data[4] << 3 | data[5] >> 5
        return "AAC", length if length > 7 and data[2] >> 2 & 15 < 13 else 0
    version, layer = data[1] >> 3 & 3, data[1] >> 1 & 3  # ISO/IEC 11172-3, 2.4.1.3
    bitrate, rate, padding = data[2] >> 4, data[2] >> 2 & 3, data[2] >> 1 & 1
    if layer != 1 or version == 1 or bitrate in (0, 15) or rate == 3:
        return "MP3", 0
    kbps = (_MP3_KBPS_1 if version == 3 else _MP3_KBPS_2)[bitrate]
    slots = 144_000 if version == 3 else 72_000
    return "MP3", slots * kbps // _MP3_RATES[version][rate] + padding
