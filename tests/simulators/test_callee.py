from __future__ import annotations

import pytest

from trioaudio.simulators.callee import Callee

LOUD = b"\x01\x00\xff\x7f\x00\x80"


def test_how_loud_it_was() -> None:
    callee = Callee()
    assert callee.rms == 0
    callee.hear(b"\x03\x00\xfc\xff")
    callee.hear_silence(100)
    assert callee.peak == 4
    assert callee.rms == pytest.approx(12.5**0.5)
    callee.hear(LOUD)
    assert callee.peak == 32768
