import pytest
from hypothesis import given
from hypothesis import strategies as st

from trioaudio.core.framing import Framer


@given(size=st.integers(1, 40), chunks=st.lists(st.binary(max_size=100)))
def test_any_chunking_gives_the_same_bytes_in_exact_frames(size: int, chunks: list[bytes]) -> None:
    data = b"".join(chunks)
    framer = Framer(size)
    frames = [frame for chunk in chunks for frame in framer.push(chunk)]
    assert [len(frame) for frame in frames] == [size] * (len(data) // size)
    assert framer.waiting_bytes == len(data) % size
    assert b"".join(frames) == data[: len(data) - framer.waiting_bytes]


@given(size=st.integers(1, 40), data=st.binary(max_size=100))
def test_the_tail_is_padded_with_silence_once(size: int, data: bytes) -> None:
    framer = Framer(size)
    framer.push(data)
    rest = data[len(data) - framer.waiting_bytes :]
    assert framer.flush() == (rest + bytes(size - len(rest)) if rest else None)
    assert framer.waiting_bytes == 0
    assert framer.flush() is None


def test_a_frame_comes_out_with_the_byte_that_completes_it() -> None:
    framer = Framer(4)
    assert framer.push(b"abc") == []
    assert framer.push(b"defghi") == [b"abcd", b"efgh"]
    assert framer.push(b"") == []
    assert framer.flush() == b"i\0\0\0"


def test_framing_goes_on_after_a_flush() -> None:
    framer = Framer(2)
    framer.push(b"a")
    framer.flush()
    assert framer.push(b"bc") == [b"bc"]


@pytest.mark.parametrize("size", [0, -960])
def test_a_frame_has_bytes(size: int) -> None:
    with pytest.raises(ValueError, match=f"a frame of {size} bytes"):
        Framer(size)


@given(size=st.integers(1, 40), chunks=st.lists(st.binary(max_size=100)))
def test_whole_frames_can_be_had_in_one_piece(size: int, chunks: list[bytes]) -> None:
    one, other = Framer(size), Framer(size)
    for chunk in chunks:
        assert one.push_whole(chunk) == b"".join(other.push(chunk))
        assert one.waiting_bytes == other.waiting_bytes
