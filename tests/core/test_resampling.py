import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trioaudio.core.resampling import Resampler

ENGINE_RATES = [16000, 22050, 24000, 44100, 48000]
AMPLITUDE = 16000


def tone(frequency: float, sample_rate: int, seconds: float = 0.6) -> bytes:
    at = np.arange(int(sample_rate * seconds)) / sample_rate
    samples: npt.NDArray[np.float64] = np.rint(AMPLITUDE * np.sin(2 * np.pi * frequency * at))
    return samples.astype("<i2").tobytes()


def samples_of(pcm: bytes) -> npt.NDArray[np.float64]:
    return np.frombuffer(pcm, dtype="<i2").astype(np.float64)


def resample(pcm: bytes, source_rate: int, target_rate: int) -> bytes:
    resampler = Resampler(source_rate, target_rate)
    return resampler.push(pcm) + resampler.flush()


def level_db(samples: npt.NDArray[np.float64]) -> float:
    """Return the level against the tone's own, in dB."""
    power = float(np.mean(samples**2)) / (AMPLITUDE**2 / 2)
    return 10 * float(np.log10(max(power, 1e-20)))


def middle(samples: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Leave out a quarter at either end: a tone that begins at once is a click, rightly heard."""
    return samples[len(samples) // 4 : -len(samples) // 4]


@given(
    source_rate=st.sampled_from([8000, 11025, *ENGINE_RATES]),
    target_rate=st.sampled_from([8000, 16000, 24000]),
    samples=st.integers(0, 5000),
)
def test_the_total_length_is_exact(source_rate: int, target_rate: int, samples: int) -> None:
    made = len(resample(bytes(2 * samples), source_rate, target_rate)) // 2
    assert made == (2 * samples * target_rate + source_rate) // (2 * source_rate)


@given(
    source_rate=st.sampled_from(ENGINE_RATES),
    sizes=st.lists(st.integers(0, 900), min_size=1, max_size=20),
    seed=st.integers(0, 2**32 - 1),
)
def test_any_chunking_gives_the_same_samples(source_rate: int, sizes: list[int], seed: int) -> None:
    noise = np.random.default_rng(seed).integers(-32768, 32768, sum(sizes)).astype("<i2")
    resampler = Resampler(source_rate, 8000)
    pieces = [resampler.push(chunk.tobytes()) for chunk in np.split(noise, np.cumsum(sizes)[:-1])]
    in_pieces = b"".join([*pieces, resampler.flush()])
    assert in_pieces == resample(noise.tobytes(), source_rate, 8000)


@pytest.mark.parametrize(
    ("source_rate", "frequency"),
    [
        (rate, frequency)
        for rate in ENGINE_RATES
        for frequency in (4200, 5000, 6000, 9000)
        if frequency < rate / 2
    ],
)
def test_what_a_telephone_cannot_carry_vanishes_instead_of_coming_back_as_a_whistle(
    source_rate: int, frequency: int
) -> None:
    heard = samples_of(resample(tone(frequency, source_rate), source_rate, 8000))
    assert level_db(middle(heard)) <= -60


@pytest.mark.parametrize("frequency", [200, 1000, 3400, 3600])
@pytest.mark.parametrize("source_rate", ENGINE_RATES)
def test_what_it_can_carry_keeps_its_level(source_rate: int, frequency: int) -> None:
    heard = samples_of(resample(tone(frequency, source_rate), source_rate, 8000))
    assert level_db(middle(heard)) == pytest.approx(0, abs=0.1)


@pytest.mark.parametrize("source_rate", ENGINE_RATES)
def test_the_tail_is_not_lost(source_rate: int) -> None:
    heard = samples_of(resample(tone(1000, source_rate), source_rate, 8000))
    assert level_db(heard[-160:]) == pytest.approx(0, abs=1)


@pytest.mark.parametrize(
    ("source_rate", "held_ms"), [(16000, 116), (22050, 81), (24000, 74), (44100, 81), (48000, 159)]
)
def test_the_filter_holds_back_a_bounded_time(source_rate: int, held_ms: int) -> None:
    resampler = Resampler(source_rate, 8000)
    made = 0
    longest = 0.0
    for sent in range(50, source_rate, 50):
        made += len(resampler.push(bytes(2 * 50))) // 2
        longest = max(longest, 1000 * (sent / source_rate - made / 8000))
    assert held_ms - 5 < longest < held_ms


@pytest.mark.parametrize("source_rate", ENGINE_RATES)
def test_silence_stays_silence(source_rate: int) -> None:
    assert not any(resample(bytes(2 * source_rate), source_rate, 8000))


def test_what_overshoots_is_clipped_and_does_not_wrap_round() -> None:
    square = np.repeat(np.tile([32767, -32768], 20), 480).astype("<i2")  # 10 ms up, 10 ms down
    heard = samples_of(resample(square.tobytes(), 48000, 8000)).reshape(40, 80)
    assert heard.max() == 32767
    assert heard.min() == -32768
    inner = heard[:, 4:-4]  # away from the edges
    assert np.all(inner[0::2] > 25000)
    assert np.all(inner[1::2] < -25000)


def test_equal_rates_pass_through_bit_exact() -> None:
    resampler = Resampler(8000, 8000)
    assert resampler.push(b"\x01\x02\xff\x7f") == b"\x01\x02\xff\x7f"
    assert resampler.flush() == b""


def test_nothing_goes_in_after_the_end() -> None:
    resampler = Resampler(16000, 8000)
    resampler.push(bytes(200))
    resampler.flush()
    with pytest.raises(RuntimeError):
        resampler.push(bytes(200))
