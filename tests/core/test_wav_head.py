from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.wav_files import RATE, TUNE, wav_file
from trioaudio.core.wav_head import LARGEST_HEAD, WavHead, read_wav_head, starts_wav

DATA = TUNE.tobytes()
WHOLE = wav_file(DATA)


def test_a_file_begins_with_what_it_is() -> None:
    assert starts_wav(WHOLE)
    assert starts_wav(b"ID3\3") is False
    assert starts_wav(b"RIFF\0\0\0\0AVI ") is False
    assert starts_wav(b"RIFF\0\0\0\0AV") is False


@pytest.mark.parametrize("size", range(12))
def test_of_too_little_nobody_can_tell(size: int) -> None:
    assert starts_wav(WHOLE[:size]) is None


def test_the_head_says_what_is_in_it() -> None:
    head = read_wav_head(WHOLE)
    assert head == WavHead("PCM", 16, 1, RATE, len(WHOLE) - len(DATA), len(DATA))
    assert str(head) == "16-bit PCM, mono, 8000 Hz"
    stereo = read_wav_head(wav_file(DATA, channels=2, code=7, bits=8, rate=16000))
    assert str(stereo) == "8-bit mu-law, stereo, 16000 Hz"
    odd = read_wav_head(wav_file(DATA, channels=5, code=99, extensible=True))
    assert str(odd) == "16-bit format 99, 5 channels, 8000 Hz"


@pytest.mark.parametrize("size", [0, 0x7FFF_0000, 0xFFFF_FFFF])
def test_who_streams_does_not_know_how_much_it_is(size: int) -> None:
    head = read_wav_head(wav_file(DATA, size=size))
    assert head is not None
    assert head.audio_bytes is None


@given(st.integers(12, len(WHOLE) - len(DATA) - 1))
def test_a_head_that_is_not_all_there_is_waited_for(size: int) -> None:
    assert read_wav_head(WHOLE[:size]) is None


@pytest.mark.parametrize(
    ("chunks", "words"),
    [
        (b"data\4\0\0\0abcd", "audio before its format"),
        (b"fmt \4\0\0\0abcd" + b"data\4\0\0\0abcd", "too few bytes"),
        (b"LIST" + struct.pack("<I", LARGEST_HEAD), "header without end"),
        (b"LIST\xff\xff\xff\xff", "header without end"),
    ],
)
def test_a_broken_head_is_told(chunks: bytes, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        read_wav_head(b"RIFF\0\0\0\0WAVE" + chunks)
