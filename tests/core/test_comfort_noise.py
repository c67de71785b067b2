import numpy as np
import pytest

from trioaudio.core.comfort_noise import LEVEL_DBFS, comfort_noise


@pytest.mark.parametrize("level_dbfs", [LEVEL_DBFS, -50.0, -40.0])
def test_it_is_as_loud_as_asked(level_dbfs: float) -> None:
    noise = np.frombuffer(comfort_noise(8000, seed=1, level_dbfs=level_dbfs), dtype="<i2")
    assert len(noise) == 8000
    rms = float(np.sqrt(np.mean(noise.astype(np.float64) ** 2)))
    assert 20 * np.log10(rms / 32768) == pytest.approx(level_dbfs, abs=0.3)
    assert abs(float(noise.mean())) < rms / 20


def test_a_seed_is_a_noise() -> None:
    assert comfort_noise(480, seed=1) == comfort_noise(480, seed=1)
    assert comfort_noise(480, seed=1) != comfort_noise(480, seed=2)


def test_what_is_too_loud_clips_and_does_not_wrap() -> None:
    noise = np.frombuffer(comfort_noise(8000, seed=1, level_dbfs=20.0), dtype="<i2")
    assert noise.max() == 32767
    assert noise.min() == -32768
    assert np.mean(np.abs(noise.astype(int)) >= 32767) > 0.9


def test_no_noise_at_all() -> None:
    assert comfort_noise(0, seed=1) == b""
