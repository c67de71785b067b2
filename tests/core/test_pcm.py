import pytest
from hypothesis import given
from hypothesis import strategies as st

from trioaudio.core.errors import UnframeableRateError
from trioaudio.core.pcm import PcmFormat, SampleAligner, silence


@pytest.mark.parametrize(
    ("sample_rate", "ptime_ms", "frame_bytes"),
    [(8000, 60, 960), (16000, 60, 1920), (24000, 60, 2880), (22050, 60, 2646), (8000, 20, 320)],
)
def test_a_frame_is_a_whole_number_of_samples(
    sample_rate: int, ptime_ms: int, frame_bytes: int
) -> None:
    pcm = PcmFormat(sample_rate, ptime_ms)
    assert pcm.frame_bytes == frame_bytes == 2 * pcm.frame_samples
    assert pcm.ptime == ptime_ms / 1000
    assert pcm.milliseconds_of(pcm.frame_samples) == ptime_ms
    assert pcm.samples_in(ptime_ms) == pcm.frame_samples


@given(sample_rate=st.integers(1, 192_000), ptime_ms=st.integers(1, 240))
def test_nothing_is_rounded(sample_rate: int, ptime_ms: int) -> None:
    if sample_rate * ptime_ms % 1000:
        with pytest.raises(UnframeableRateError, match="no whole number of samples"):
            PcmFormat(sample_rate, ptime_ms)
    else:
        pcm = PcmFormat(sample_rate, ptime_ms)
        assert pcm.frame_samples * 1000 == sample_rate * ptime_ms


def test_11025_hertz_is_an_error_at_start_up_and_not_a_click_every_second() -> None:
    with pytest.raises(UnframeableRateError, match="choose 8000 or 16000 Hz"):
        PcmFormat(11025)


@pytest.mark.parametrize(("sample_rate", "ptime_ms"), [(0, 60), (-8000, 60), (8000, 0), (8000, -1)])
def test_rate_and_ptime_are_positive(sample_rate: int, ptime_ms: int) -> None:
    with pytest.raises(UnframeableRateError, match="must be positive"):
        PcmFormat(sample_rate, ptime_ms)


def test_durations_are_counted_in_whole_samples() -> None:
    pcm = PcmFormat(22050)
    assert pcm.samples_in(1) == 22
    assert pcm.milliseconds_of(22050) == 1000.0


def test_silence_is_zero_samples() -> None:
    assert silence(3) == b"\0\0\0\0\0\0"


@given(chunks=st.lists(st.binary(max_size=7)))
def test_samples_come_out_whole_however_the_chunks_are_cut(chunks: list[bytes]) -> None:
    aligner = SampleAligner()
    pieces = [aligner.push(chunk) for chunk in chunks]
    assert all(len(piece) % 2 == 0 for piece in pieces)
    assert len(aligner.half) <= 1
    assert b"".join(pieces) + aligner.half == b"".join(chunks)


def test_an_odd_byte_waits_for_its_other_half() -> None:
    aligner = SampleAligner()
    assert aligner.push(b"abc") == b"ab"
    assert aligner.half == b"c"
    assert aligner.push(b"") == b""
    assert aligner.push(b"d") == b"cd"
    assert aligner.half == b""
