import importlib
import sys
import warnings
from types import ModuleType

import numpy as np
import numpy.typing as npt
import pytest

from trioaudio.core.g711 import Law, compress, expand

EVERY_SAMPLE = np.arange(-32768, 32768, dtype="<i2").tobytes()
EVERY_CODE = bytes(range(256))
LAWS = list(Law)


def samples_of(pcm: bytes) -> npt.NDArray[np.int64]:
    return np.frombuffer(pcm, dtype="<i2").astype(np.int64)


def pcm_of(*samples: int) -> bytes:
    return np.array(samples, dtype="<i2").tobytes()


@pytest.fixture
def audioop() -> ModuleType:
    if sys.version_info >= (3, 13):
        pytest.skip("this interpreter has no audioop to compare with")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return importlib.import_module("audioop")


def test_mu_law_agrees_with_audioop_on_every_value(audioop: ModuleType) -> None:
    assert compress(EVERY_SAMPLE, Law.MU) == audioop.lin2ulaw(EVERY_SAMPLE, 2)
    assert expand(EVERY_CODE, Law.MU) == audioop.ulaw2lin(EVERY_CODE, 2)


def test_a_law_agrees_with_audioop_on_every_value(audioop: ModuleType) -> None:
    assert compress(EVERY_SAMPLE, Law.A) == audioop.lin2alaw(EVERY_SAMPLE, 2)
    assert expand(EVERY_CODE, Law.A) == audioop.alaw2lin(EVERY_CODE, 2)


@pytest.mark.parametrize(
    ("law", "sample", "code"),
    [
        (Law.MU, 0, 0xFF),
        (Law.MU, 32767, 0x80),
        (Law.MU, -32768, 0x00),
        (Law.MU, 1000, 0xCE),
        (Law.MU, -1000, 0x4E),
        (Law.A, 0, 0xD5),
        (Law.A, -1, 0x55),
        (Law.A, 32767, 0xAA),
        (Law.A, -32768, 0x2A),
        (Law.A, 1000, 0xFA),
        (Law.A, -1000, 0x7A),
    ],
)
def test_known_codes(law: Law, sample: int, code: int) -> None:
    assert compress(pcm_of(sample), law) == bytes((code,))


@pytest.mark.parametrize(
    ("law", "code", "sample"),
    [
        (Law.MU, 0xFF, 0),
        (Law.MU, 0x7F, 0),
        (Law.MU, 0x80, 32124),
        (Law.MU, 0x00, -32124),
        (Law.MU, 0xCE, 988),
        (Law.A, 0xD5, 8),
        (Law.A, 0x55, -8),
        (Law.A, 0xAA, 32256),
        (Law.A, 0x2A, -32256),
        (Law.A, 0xFA, 1008),
    ],
)
def test_known_samples(law: Law, code: int, sample: int) -> None:
    assert expand(bytes((code,)), law) == pcm_of(sample)


def test_every_code_survives_a_round_trip_except_negative_zero() -> None:
    assert compress(expand(EVERY_CODE, Law.A), Law.A) == EVERY_CODE
    assert compress(expand(EVERY_CODE, Law.MU), Law.MU) == EVERY_CODE.replace(b"\x7f", b"\xff")


@pytest.mark.parametrize("law", LAWS)
def test_a_round_trip_costs_half_a_step(law: Law) -> None:
    samples = samples_of(EVERY_SAMPLE)
    error = np.abs(samples_of(expand(compress(EVERY_SAMPLE, law), law)) - samples)
    loud = np.abs(samples) > 32124 + 512  # clipped
    # A step is a sixteenth of its segment's beginning; a sample loses its 2 or 3 lowest bits.
    assert np.all(error[~loud] <= (np.abs(samples[~loud]) + 132) / 32 + 8)
    assert error.max() <= 644


@pytest.mark.parametrize("law", LAWS)
def test_louder_stays_louder(law: Law) -> None:
    assert np.all(np.diff(samples_of(expand(compress(EVERY_SAMPLE, law), law))) >= 0)


@pytest.mark.parametrize("law", LAWS)
def test_silence_is_the_code_of_sample_zero(law: Law) -> None:
    assert law.silence == compress(pcm_of(0), law)
    assert abs(int(samples_of(expand(law.silence, law))[0])) <= 8


@pytest.mark.parametrize("law", LAWS)
def test_nothing_in_nothing_out(law: Law) -> None:
    assert compress(b"", law) == b""
    assert expand(b"", law) == b""
