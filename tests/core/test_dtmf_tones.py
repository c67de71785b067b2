"""Keys found again by a detector of its own, also behind a telephone line's μ-law."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trioaudio.core.dtmf_tones import dtmf_ms, dtmf_pcm
from trioaudio.core.errors import TextError
from trioaudio.core.g711 import Law, compress, expand

# Written down anew, so that a wrong table is not checked by itself.
PAIRS = {
    "1": (697, 1209),
    "2": (697, 1336),
    "3": (697, 1477),
    "A": (697, 1633),
    "4": (770, 1209),
    "5": (770, 1336),
    "6": (770, 1477),
    "B": (770, 1633),
    "7": (852, 1209),
    "8": (852, 1336),
    "9": (852, 1477),
    "C": (852, 1633),
    "*": (941, 1209),
    "0": (941, 1336),
    "#": (941, 1477),
    "D": (941, 1633),
}
EVERY_KEY = "".join(PAIRS)
FREQUENCIES = sorted({each for pair in PAIRS.values() for each in pair})


def samples_of(pcm: bytes) -> npt.NDArray[np.float64]:
    return np.frombuffer(pcm, dtype="<i2").astype(np.float64)


def goertzel(block: npt.NDArray[np.float64], hertz: float, rate: int) -> float:
    """Return the amplitude of one frequency in a block."""
    turn = 2 * np.cos(2 * np.pi * hertz / rate)
    before = before_that = 0.0
    for each in block:
        before, before_that = float(each) + turn * before - before_that, before
    power = before**2 + before_that**2 - turn * before * before_that
    return float(2 * np.sqrt(max(power, 0.0)) / len(block))


def keys_in(pcm: bytes, rate: int) -> list[tuple[str, int]]:
    """Return the keys in some audio, and in how many blocks of 20 ms each was heard."""
    block = rate // 50
    samples = samples_of(pcm)
    found: list[tuple[str, int]] = []
    last = ""
    for start in range(0, len(samples) - block + 1, block):
        piece = samples[start : start + block]
        key = ""
        if np.sqrt(np.mean(piece**2)) > 2000:
            heights = {each: goertzel(piece, each, rate) for each in FREQUENCIES}
            low = max(FREQUENCIES[:4], key=lambda each: heights[each])
            high = max(FREQUENCIES[4:], key=lambda each: heights[each])
            assert abs(20 * np.log10(heights[low] / heights[high])) < 4, "twist"
            key = next(name for name, pair in PAIRS.items() if pair == (low, high))
        if key and key == last:
            found[-1] = (key, found[-1][1] + 1)
        elif key:
            found.append((key, 1))
        last = key
    return found


@pytest.mark.parametrize("rate", [8000, 16000, 22050, 48000])
def test_every_key_is_found_again(rate: int) -> None:
    found = keys_in(dtmf_pcm(EVERY_KEY, rate), rate)
    assert "".join(key for key, _ in found) == EVERY_KEY
    assert {blocks for _, blocks in found} <= {5, 6}


@pytest.mark.parametrize("law", list(Law))
def test_keys_survive_a_telephone_line(law: Law) -> None:
    heard = expand(compress(dtmf_pcm(EVERY_KEY, 8000, tone_ms=60, gap_ms=60), law), law)
    assert "".join(key for key, _ in keys_in(heard, 8000)) == EVERY_KEY


def test_the_frequencies_are_exact() -> None:
    pcm = dtmf_pcm("5", 8000, tone_ms=1000)
    spectrum = np.abs(np.fft.rfft(samples_of(pcm)[:8000] * np.hanning(8000)))
    peaks = np.argsort(spectrum)[::-1]
    low = next(each for each in peaks if each < 1000)
    high = next(each for each in peaks if each > 1000)
    assert (low, high) == (770, 1336)


def test_nothing_else_is_heard() -> None:
    samples = samples_of(dtmf_pcm("1", 8000, tone_ms=500))[:4000]
    spectrum = np.abs(np.fft.rfft(samples * np.blackman(4000))) ** 2
    near = np.zeros(len(spectrum), dtype=bool)
    for hertz in PAIRS["1"]:
        near[hertz // 2 - 15 : hertz // 2 + 16] = True
    assert 10 * np.log10(spectrum[~near].sum() / spectrum[near].sum()) < -60


def test_each_tone_has_its_level() -> None:
    for level in (-10.0, -14.0, -30.0):
        middle = samples_of(dtmf_pcm("9", 8000, tone_ms=1000, level_dbov=level))[1000:7000]
        for hertz in PAIRS["9"]:
            at = np.arange(6000) / 8000
            parts = [
                2 * np.mean(middle * wave(2 * np.pi * hertz * at)) for wave in (np.sin, np.cos)
            ]
            rms = float(np.hypot(parts[0], parts[1])) / np.sqrt(2)
            assert 20 * np.log10(rms / 32768) == pytest.approx(level, abs=0.05)


def test_two_tones_never_pass_full_scale() -> None:
    pcm = samples_of(dtmf_pcm(EVERY_KEY, 48000, tone_ms=500, level_dbov=-9.1))
    assert 32000 < np.abs(pcm).max() <= 32767
    for level in (-9.0, 0.0, float("nan")):
        with pytest.raises(ValueError, match="do not fit"):
            dtmf_pcm("1", 8000, level_dbov=level)


def test_tones_begin_and_end_softly() -> None:
    samples = np.abs(samples_of(dtmf_pcm("3", 8000)))
    assert samples[0] < 50
    assert samples[799] < 50
    assert samples[:8].max() < samples[:40].max() < samples[40:760].max()
    assert not samples[800:].any()


@given(
    st.text(EVERY_KEY + "w", max_size=12),
    st.sampled_from([8000, 11025, 16000, 44100]),
    st.integers(10, 120),
    st.integers(0, 120),
)
def test_lengths_are_exact(digits: str, rate: int, tone_ms: int, gap_ms: int) -> None:
    pcm = dtmf_pcm(digits, rate, tone_ms=tone_ms, gap_ms=gap_ms)
    waits = digits.count("w")
    ms = 500 * waits + (tone_ms + gap_ms) * (len(digits) - waits)
    assert len(pcm) == ms * rate // 1000 * 2
    assert dtmf_ms(digits, tone_ms=tone_ms, gap_ms=gap_ms) == ms


def test_a_wait_is_silence() -> None:
    pcm = samples_of(dtmf_pcm("1w2", 8000))
    assert not pcm[800 : 800 + 800 + 4000].any()
    assert keys_in(dtmf_pcm("1w2", 8000), 8000) == [("1", 5), ("2", 5)]
    assert dtmf_pcm("w", 8000) == bytes(8000)


def test_small_letters_are_keys_as_well() -> None:
    assert dtmf_pcm("abcdW", 8000) == dtmf_pcm("ABCDw", 8000)


def test_what_is_no_key_is_told() -> None:
    with pytest.raises(TextError, match="'X' is no key"):
        dtmf_pcm("12x", 8000)
    with pytest.raises(TextError, match="'S' is no key"):
        dtmf_ms("ß")


@pytest.mark.parametrize(
    ("tone_ms", "gap_ms", "rate"), [(9, 100, 8000), (50, -1, 8000), (50, 50, 3000)]
)
def test_what_cannot_be_heard_is_refused(tone_ms: int, gap_ms: int, rate: int) -> None:
    with pytest.raises(ValueError, match=r"ms|samples a second"):
        dtmf_pcm("1", rate, tone_ms=tone_ms, gap_ms=gap_ms)
