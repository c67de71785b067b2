import numpy as np
import numpy.typing as npt
import pytest

from core.level.signals import decibels, tone
from trioaudio.core.level.true_peak import REACH, block_peaks

BLOCK = 20


def rows_of(samples: npt.NDArray[np.float64]) -> npt.NDArray[np.int16]:
    width = BLOCK + 2 * REACH
    starts = range(0, len(samples) - width, BLOCK)
    return np.stack([np.rint(samples[at : at + width]).astype(np.int16) for at in starts])


@pytest.mark.parametrize("phase", [0.0, 0.4, np.pi / 4, 1.2])
@pytest.mark.parametrize("frequency", [150, 1000, 2000, 2730, 3400, 3500])
def test_a_tone_is_as_high_as_it_is_whatever_its_phase(frequency: int, phase: float) -> None:
    samples = tone(frequency, 8000, 0.5, 0.5, phase)
    read = np.maximum(block_peaks(rows_of(samples)).max(), np.abs(samples).max())
    assert decibels(float(read)) == pytest.approx(decibels(0.5 * 32767), abs=0.5)


def test_the_samples_of_a_tone_at_a_quarter_of_the_rate_lie_3_db_below_its_peak() -> None:
    samples = tone(2000, 8000, 0.1, 0.9, np.pi / 4)
    assert decibels(np.abs(samples).max()) == pytest.approx(decibels(0.9 * 32767) - 3.01, abs=0.01)
    peaks = block_peaks(rows_of(samples))
    assert decibels(peaks.min()) == pytest.approx(decibels(0.9 * 32767), abs=0.1)


def test_a_peak_counts_for_the_blocks_on_both_its_sides_and_for_no_other() -> None:
    samples = np.zeros(9 * BLOCK)
    samples[3 * BLOCK + REACH - 1 : 3 * BLOCK + REACH + 1] = 10000  # last of row 2, first of row 3
    peaks = block_peaks(rows_of(samples))
    assert peaks[2] == peaks[3] > 12000
    assert max(peaks[0], peaks[1], peaks[4]) < 3000


def test_a_peak_does_not_hang_on_how_many_blocks_are_measured_at_once() -> None:
    noise = np.random.default_rng(3).integers(-32768, 32768, (200, BLOCK + 2 * REACH))
    rows = noise.astype(np.int16)
    together = block_peaks(rows)
    assert [block_peaks(rows[at : at + 1])[0] for at in range(200)] == together.tolist()
