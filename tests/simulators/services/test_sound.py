"""What a service delivers: encodings, phonemes and the WAV header."""

from __future__ import annotations

import io
import struct
import wave

import numpy as np
import pytest

from trioaudio.core.g711 import Law, compress
from trioaudio.simulators.services.sound import (
    Encoding,
    SoundFormat,
    SpokenWord,
    phonemes,
    wav_header,
)

PCM = struct.pack("<4h", 0, 16384, -32768, 32767)


def test_encodings() -> None:
    assert SoundFormat(Encoding.S16, 8000).encode(PCM) == PCM
    floats = np.frombuffer(SoundFormat(Encoding.F32, 8000).encode(PCM), "<f4")
    assert floats.tolist() == pytest.approx([0, 0.5, -1, 32767 / 32768])
    assert SoundFormat(Encoding.MULAW, 8000).encode(PCM) == compress(PCM, Law.MU)
    assert SoundFormat(Encoding.ALAW, 8000).encode(PCM) == compress(PCM, Law.A)


@pytest.mark.parametrize("encoding", list(Encoding))
def test_a_second_is_as_long_as_it_says(encoding: Encoding) -> None:
    sound = SoundFormat(encoding, 8000)
    assert len(sound.encode(bytes(16000))) == sound.bytes_per_second


def test_a_wav_stream_is_read_by_others() -> None:
    with wave.open(io.BytesIO(wav_header(SoundFormat(Encoding.S16, 22050)) + PCM)) as wav:
        assert (wav.getframerate(), wav.getnchannels(), wav.getsampwidth()) == (22050, 1, 2)
        assert wav.readframes(4) == PCM


@pytest.mark.parametrize(
    ("encoding", "code"), [(Encoding.F32, 3), (Encoding.ALAW, 6), (Encoding.MULAW, 7)]
)
def test_a_wav_header_names_the_encoding(encoding: Encoding, code: int) -> None:
    header = wav_header(SoundFormat(encoding, 8000))
    assert struct.unpack_from("<H", header, 20) == (code,)
    assert struct.unpack_from("<I", header, 28) == (SoundFormat(encoding, 8000).bytes_per_second,)


def test_phonemes_fill_their_word() -> None:
    found = phonemes([SpokenWord("No,", 1.0, 1.5), SpokenWord("!", 2.0, 2.5)])
    assert [each.text for each in found] == ["N", "o"]
    assert [(each.start, each.end) for each in found] == [(1.0, 1.25), (1.25, 1.5)]
    assert SpokenWord("a", 0, 1).later(2) == SpokenWord("a", 2, 3)
