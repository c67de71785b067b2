import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trioaudio.core.level.leading_silence import LeadingSilence


def pcm(*samples: int) -> bytes:
    return np.array(samples, dtype="<i2").tobytes()


def test_silence_is_dropped_up_to_what_is_kept_before_the_first_sound() -> None:
    lead = LeadingSilence(keep=2, threshold=100)
    assert lead.push(pcm(1, 2, 3, 4)) == b""
    assert (lead.trimmed, lead.held, lead.over) == (2, 2, False)
    assert lead.push(pcm(5, 99, -100, 0)) == pcm(5, 99, -100, 0)
    assert (lead.trimmed, lead.held, lead.over) == (4, 0, True)


def test_after_the_first_sound_everything_passes() -> None:
    lead = LeadingSilence(keep=2, threshold=100)
    lead.push(pcm(100))
    assert lead.push(pcm(0, 0, 0)) == pcm(0, 0, 0)
    assert lead.trimmed == 0


def test_less_silence_than_is_kept_passes_whole() -> None:
    lead = LeadingSilence(keep=8, threshold=100)
    assert lead.push(pcm(1, 2)) == b""
    assert lead.push(pcm(500)) == pcm(1, 2, 500)
    assert lead.trimmed == 0


def test_nothing_need_be_kept() -> None:
    lead = LeadingSilence(keep=0, threshold=100)
    assert lead.push(pcm(1, 2)) == b""
    assert lead.push(pcm(3, 500, 4)) == pcm(500, 4)
    assert lead.trimmed == 3


@pytest.mark.parametrize("sample", [-32768, 32767])
def test_full_scale_is_a_sound(sample: int) -> None:
    assert LeadingSilence(keep=0, threshold=32767).push(pcm(sample)) == pcm(sample)


def test_digital_silence_is_never_a_sound() -> None:
    assert LeadingSilence(keep=0, threshold=0).push(pcm(0, 0)) == b""


def test_what_no_sound_follows_is_dropped() -> None:
    lead = LeadingSilence(keep=2, threshold=100)
    lead.push(pcm(1, 2, 3))
    lead.drop()
    assert (lead.trimmed, lead.held) == (3, 0)


@given(
    chunks=st.lists(st.lists(st.integers(-120, 120), max_size=6), max_size=8),
    keep=st.integers(0, 8),
)
def test_any_chunking_gives_the_same_samples(chunks: list[list[int]], keep: int) -> None:
    in_pieces = LeadingSilence(keep, threshold=100)
    at_once = LeadingSilence(keep, threshold=100)
    pieces = b"".join(in_pieces.push(pcm(*chunk)) for chunk in chunks)
    everything = [sample for chunk in chunks for sample in chunk]
    assert pieces == at_once.push(pcm(*everything))
    assert in_pieces.trimmed == at_once.trimmed
    assert len(pieces) // 2 + in_pieces.trimmed + in_pieces.held == len(everything)
