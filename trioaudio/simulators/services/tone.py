"""A sound that costs nothing to make and tells whose it is and what it says.

Each character is 70 ms of two sine waves: a low one for whose it is, a high one for the
character. `read_tone` reads them back, so a test can see that what a callee hears is the text of
that callee, whole and in order.
"""

from __future__ import annotations

import functools
import zlib

import attrs
import numpy as np
import numpy.typing as npt

from trioaudio.simulators.services.sound import SpokenWord

CHARACTER_SECONDS = 0.07
OWNERS = 30
CHARACTERS = 64
_OWNER_HZ = 300.0
_OWNER_STEP_HZ = 20.0  # more than the 14 Hz that 70 ms can tell apart
_CHARACTER_HZ = 1000.0
_CHARACTER_STEP_HZ = 36.0  # the highest is 3268 Hz, which a telephone still carries
_AMPLITUDE = 6000.0
_RAMP_SECONDS = 0.002  # no clicks, which would be heard at all frequencies


@attrs.frozen
class Heard:
    """What one character's sound says."""

    owner: int
    character: str
    """In upper case; what is not ASCII shares a code with something that is."""


def owner_of(key: str) -> int:
    """Return the number of the low wave for a key, such as a context's id."""
    return zlib.crc32(key.encode()) % OWNERS


def make_tone(text: str, owner: int, sample_rate: int, before: int = 0) -> bytes:
    """Return a text as PCM16 LE; `before` characters came before it."""
    return b"".join(
        _slot(owner, _code(character), sample_rate)[: _length(n, sample_rate)].tobytes()
        for n, character in enumerate(text, before)
    )


def tone_words(text: str) -> list[SpokenWord]:
    """Return the words of a text where its tone has them."""
    found: list[SpokenWord] = []
    end = 0
    for word in text.split():
        start = text.index(word, end)
        end = start + len(word)
        found.append(SpokenWord(word, start * CHARACTER_SECONDS, end * CHARACTER_SECONDS))
    return found


def read_tone(pcm: bytes, sample_rate: int) -> list[Heard]:
    """Read PCM16 LE that begins with a tone's first sample; a last part of a slot is left out.

    Where it is silent, nothing is heard.
    """
    samples = np.frombuffer(pcm, dtype="<i2").astype(np.float64)
    found: list[Heard] = []
    start = n = 0
    while start + _length(n, sample_rate) <= len(samples):
        end = start + _length(n, sample_rate)
        slot = samples[start:end]
        if np.abs(slot).max() > _AMPLITUDE / 10:
            owner = _strongest(slot, _OWNER_HZ, _OWNER_STEP_HZ, OWNERS, sample_rate)
            code = _strongest(slot, _CHARACTER_HZ, _CHARACTER_STEP_HZ, CHARACTERS, sample_rate)
            found.append(Heard(owner, chr(code + 32)))
        start, n = end, n + 1
    return found


def _code(character: str) -> int:
    return (ord(character.upper()[0]) - 32) % CHARACTERS


def _length(n: int, sample_rate: int) -> int:
    """Return the samples of the nth slot; not the same for all where 70 ms is no whole number."""
    return round((n + 1) * CHARACTER_SECONDS * sample_rate) - round(
        n * CHARACTER_SECONDS * sample_rate
    )


@functools.lru_cache(maxsize=OWNERS * CHARACTERS)  # 2 to 7 kB each
def _slot(owner: int, code: int, sample_rate: int) -> npt.NDArray[np.int16]:
    at = np.arange(round(CHARACTER_SECONDS * sample_rate) + 1) / sample_rate
    waves = np.sin(2 * np.pi * (_OWNER_HZ + owner * _OWNER_STEP_HZ) * at) + np.sin(
        2 * np.pi * (_CHARACTER_HZ + code * _CHARACTER_STEP_HZ) * at
    )
    edge = np.minimum(at, at[-1] - at) / _RAMP_SECONDS
    shaped: npt.NDArray[np.int16] = (_AMPLITUDE * waves * np.minimum(edge, 1)).astype("<i2")
    return shaped


def _strongest(
    slot: npt.NDArray[np.float64], first_hz: float, step_hz: float, count: int, sample_rate: int
) -> int:
    waves = _analysis(len(slot), first_hz, step_hz, count, sample_rate)
    return int(np.abs(waves @ slot).argmax())


@functools.lru_cache(maxsize=16)
def _analysis(
    length: int, first_hz: float, step_hz: float, count: int, sample_rate: int
) -> npt.NDArray[np.complex128]:
    hz = first_hz + step_hz * np.arange(count)[:, None]
    waves: npt.NDArray[np.complex128] = np.exp(
        -2j * np.pi * hz * np.arange(length)[None, :] / sample_rate
    )
    return waves
