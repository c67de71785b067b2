import numpy as np
import numpy.typing as npt
import pytest

from core.level.signals import tone
from trioaudio.core.level.limiter import Limiter, block_samples
from trioaudio.core.level.true_peak import REACH

RATE = 8000
BLOCK = block_samples(RATE)
CEILING = 20000.0


def window(*heights: float) -> npt.NDArray[np.int16]:
    """Return blocks of a 500 Hz tone of these heights, as a limiter wants to see them."""
    wave = tone(500, RATE, len(heights) * BLOCK / RATE, 1.0) / 32767 * np.repeat(heights, BLOCK)
    return np.concatenate([np.zeros(REACH), wave, np.zeros(REACH)]).astype(np.int16)


def decibels_off(reductions: npt.NDArray[np.float64] | None) -> list[float]:
    assert reductions is not None
    return [-20 * float(np.log10(1 - each)) for each in reductions]


def test_a_block_is_two_and_a_half_milliseconds() -> None:
    assert [block_samples(rate) for rate in (100, 8000, 16000)] == [1, 20, 40]


def test_nothing_is_taken_off_what_stays_well_below() -> None:
    assert Limiter(RATE, CEILING).reductions(window(*[10000] * 6), 5, 1.0) is None


def test_nothing_is_taken_off_what_only_comes_near() -> None:
    assert Limiter(RATE, CEILING).reductions(window(*[18000] * 6), 5, 1.0) is None


def test_the_gain_is_down_at_both_edges_of_a_loud_block_and_comes_back_slowly() -> None:
    limiter = Limiter(RATE, CEILING)
    quiet = 5000.0
    off = decibels_off(
        limiter.reductions(window(quiet, quiet, 32767, *[quiet] * 20), 22, 1.0),
    )
    needed = 20 * np.log10(32767 / CEILING) + 0.45
    assert off[:2] == [0.0, 0.0]
    assert off[2] == off[3] == pytest.approx(needed, abs=0.3)
    assert off[2] > off[4] > off[8] > off[22] > 0
    assert off[22] < off[2] * 0.6


def test_it_looks_one_block_ahead() -> None:
    off = decibels_off(Limiter(RATE, CEILING).reductions(window(0, 0, 30000), 2, 1.0))
    assert off[:2] == [0.0, 0.0]
    assert off[2] > 3.5


def test_the_first_block_of_all_is_limited_from_its_beginning() -> None:
    off = decibels_off(Limiter(RATE, CEILING).reductions(window(30000, 0), 1, 1.0))
    assert off[0] == off[1] > 3.5


def test_the_gain_counts() -> None:
    assert Limiter(RATE, CEILING).reductions(window(20000, 0), 1, 0.5) is None
    assert Limiter(RATE, CEILING).reductions(window(10000, 0), 1, 3.0) is not None
    rising = np.array([0.5, 0.5, 4.0])
    off = decibels_off(Limiter(RATE, CEILING).reductions(window(0, 10000, 10000), 2, rising))
    assert off[0] == off[1] == 0.0
    assert off[2] > 6.0


def test_reduction_goes_on_into_quiet_and_ends() -> None:
    limiter = Limiter(RATE, CEILING)
    limiter.reductions(window(30000, 30000), 1, 1.0)
    after = limiter.reductions(window(*[0] * 401), 400, 1.0)
    assert after is not None
    assert after[0] > 0.3
    assert after[-1] == 0.0
    assert limiter.reductions(window(0, 0), 1, 1.0) is None
