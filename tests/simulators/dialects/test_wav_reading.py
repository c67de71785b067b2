from __future__ import annotations

import contextlib
import io
import struct
import wave

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trioaudio.core.encoding import Encoding, MediaFormat
from trioaudio.simulators.dialects._strict_reading import DeviationError
from trioaudio.simulators.dialects._wav_reading import read_wav

LINEAR = MediaFormat(Encoding.PCM16, 16000)
MULAW = MediaFormat(Encoding.MULAW, 8000)
ALAW = MediaFormat(Encoding.ALAW, 8000)
TONE = bytes(range(200))


def chunk(name: bytes, body: bytes) -> bytes:
    return name + len(body).to_bytes(4, "little") + body + b"\0" * (len(body) % 2)


def riff(*chunks: bytes) -> bytes:
    return chunk(b"RIFF", b"WAVE" + b"".join(chunks))


def form(*values: int) -> bytes:
    return chunk(b"fmt ", struct.pack("<HHIIHH", *values[:6]) + struct.pack("<H", *values[6:]))


def fact(samples: int) -> bytes:
    return chunk(b"fact", samples.to_bytes(4, "little"))


LINEAR_FORM = chunk(b"fmt ", struct.pack("<HHIIHH", 1, 1, 16000, 32000, 2, 16))
MULAW_FORM = form(7, 1, 8000, 8000, 1, 8, 0)
DATA = chunk(b"data", TONE)


def written(rate: int, data: bytes, channels: int = 1, width: int = 2) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setparams((channels, width, rate, 0, "NONE", ""))
        writer.writeframes(data)
    return file.getvalue()


@given(data=st.binary(min_size=1, max_size=50).map(lambda half: half * 2))
def test_what_others_write_is_read(data: bytes) -> None:
    assert read_wav(written(16000, data), LINEAR) == data


@pytest.mark.parametrize(
    ("file", "media"),
    [
        (riff(form(1, 1, 16000, 32000, 2, 16, 0), DATA), LINEAR),
        (riff(chunk(b"LIST", b"odd"), LINEAR_FORM, chunk(b"JUNK", b""), DATA), LINEAR),
        (riff(LINEAR_FORM, DATA, chunk(b"LIST", b"INFO")), LINEAR),
        (riff(MULAW_FORM, fact(200), DATA), MULAW),
        (riff(form(6, 1, 8000, 8000, 1, 8, 0), DATA, fact(200)), ALAW),
    ],
)
def test_other_chunks_do_no_harm(file: bytes, media: MediaFormat) -> None:
    assert read_wav(file, media) == TONE


def test_an_odd_byte_is_filled_up() -> None:
    assert read_wav(riff(MULAW_FORM, fact(3), chunk(b"data", b"abc")), MULAW) == b"abc"


@pytest.mark.parametrize(
    ("file", "media", "problem"),
    [
        (TONE, LINEAR, "no WAV file"),
        (b"", LINEAR, "no WAV file"),
        (b"RIFF\0\0\0\0AVI ", LINEAR, "no WAV file"),
        (riff(LINEAR_FORM, DATA) + b"\0", LINEAR, "says 236 bytes follow, and has 237"),
        (riff(LINEAR_FORM, DATA)[:-1], LINEAR, "says 236 bytes follow, and has 235"),
        (riff(LINEAR_FORM, DATA, b"LIST"), LINEAR, "4 bytes behind its last chunk"),
        (riff(LINEAR_FORM, DATA[:-2]), LINEAR, "ends within its chunk b'data'"),
        (riff(LINEAR_FORM, chunk(b"data", b"abcde")[:-2]), LINEAR, "ends within its chunk b'data'"),
        (riff(LINEAR_FORM, DATA, DATA), LINEAR, "two chunks b'data'"),
        (riff(DATA), LINEAR, "without a fmt chunk and a data chunk"),
        (riff(LINEAR_FORM), LINEAR, "without a fmt chunk and a data chunk"),
        (riff(DATA, LINEAR_FORM), LINEAR, "without a fmt chunk and a data chunk"),
        (riff(LINEAR_FORM, chunk(b"data", b"")), LINEAR, "0 bytes of audio"),
        (riff(LINEAR_FORM, chunk(b"data", b"abc")), LINEAR, "3 bytes of audio are no whole"),
        (riff(chunk(b"fmt ", b""), DATA), LINEAR, "another form, 0 bytes"),
        (riff(form(1, 1, 16000, 32000, 2, 16, 2), DATA), LINEAR, "another form, 18 bytes"),
        (riff(chunk(b"fmt ", bytes(16)), fact(200), DATA), MULAW, "another form, 16 bytes"),
        (riff(MULAW_FORM, DATA), LINEAR, "format tag 7, must be 1 for pcm16 at 16000 Hz"),
        (written(16000, TONE, channels=2), LINEAR, "channels 2, must be 1"),
        (written(8000, TONE), LINEAR, "sample rate 8000, must be 16000"),
        (riff(form(1, 1, 16000, 16000, 2, 16, 0), DATA), LINEAR, "bytes in a second 16000"),
        (written(16000, TONE, width=1), LINEAR, "bytes in a second 16000, must be 32000"),
        (riff(form(1, 1, 16000, 32000, 4, 16, 0), DATA), LINEAR, "bytes of a sample 4, must be 2"),
        (riff(form(1, 1, 16000, 32000, 2, 15, 0), DATA), LINEAR, "bits of a sample 15"),
        (riff(MULAW_FORM, DATA), MULAW, "without a fact chunk that says 200 samples"),
        (riff(MULAW_FORM, fact(100), DATA), MULAW, "without a fact chunk that says 200 samples"),
    ],
)
def test_everything_else_is_named(file: bytes, media: MediaFormat, problem: str) -> None:
    with pytest.raises(DeviationError) as refused:
        read_wav(file, media)
    assert problem in str(refused.value)


@given(st.binary(max_size=80), st.binary(max_size=80))
def test_nothing_is_a_crash(start: bytes, rest: bytes) -> None:
    for file in (start, riff(start, rest), riff(LINEAR_FORM, start + rest)):
        with contextlib.suppress(DeviationError):
            read_wav(file, LINEAR)
