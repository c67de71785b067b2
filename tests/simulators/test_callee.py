from __future__ import annotations

import hashlib
import random
import struct
from pathlib import Path

import pytest

from trioaudio.core.encoding import Encoding, MediaFormat
from trioaudio.simulators.callee import Callee, measure
from trioaudio.simulators.place import measured
from trioaudio.wav_file import WavFile

LOUD = b"\x01\x00\xff\x7f\x00\x80"


def test_how_loud_it_was() -> None:
    callee = Callee()
    assert callee.rms == 0
    callee.hear(b"\x03\x00\xfc\xff")
    callee.hear_silence(100)
    callee.finish()
    assert (callee.peak, callee.samples) == (4, 2)
    assert callee.rms == pytest.approx(12.5**0.5)
    callee.hear(LOUD)
    callee.finish()
    callee.finish()
    assert (callee.peak, callee.samples) == (32768, 5)


def test_the_digest_is_of_the_audio_without_the_gaps(tmp_path: Path) -> None:
    with WavFile(tmp_path / "x.wav", 8000) as wav:
        callee = Callee(wav)
        whole = random.Random(1).randbytes(200_000)
        for start in range(0, len(whole), 320):
            callee.hear(whole[start : start + 320])
            callee.hear_silence(start % 3)
        callee.finish()
        wav.finish()
    assert callee.sha256 == hashlib.sha256(whole).hexdigest()
    assert callee.samples == 100_000
    assert (tmp_path / "x.wav").stat().st_size == 44 + 2 * (
        100_000 + sum(start % 3 for start in range(0, len(whole), 320))
    )


def test_both_ways_of_measuring_agree() -> None:
    fast = measured(MediaFormat(Encoding.MULAW, 8000))
    assert measured(MediaFormat(Encoding.PCM16, 8000)) is measure
    for pcm in (LOUD, struct.pack("<h", -7), random.Random(2).randbytes(32_000)):
        assert fast(pcm) == measure(pcm)
