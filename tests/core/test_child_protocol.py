import pytest
from hypothesis import given
from hypothesis import strategies as st

from trioaudio.core.child_protocol import PAYLOAD_LIMIT, MessageReader, pack
from trioaudio.core.errors import LocalProtocolError

MESSAGES = st.lists(
    st.tuples(st.integers(0, 255), st.integers(0, 2**32 - 1), st.binary(max_size=40))
)


@given(messages=MESSAGES, sizes=st.lists(st.integers(0, 30), max_size=40))
def test_any_chunking_gives_the_same_messages(
    messages: list[tuple[int, int, bytes]], sizes: list[int]
) -> None:
    data = b"".join(pack(*message) for message in messages)
    reader = MessageReader()
    received = []
    for size in [*sizes, len(data)]:
        chunk, data = data[:size], data[size:]
        received += reader.push(chunk)
    assert received == messages


def test_the_layout_is_fixed() -> None:
    assert pack(7, 258, b"ab") == b"\x02\0\0\0\x07\x02\x01\0\0ab"
    assert pack(7, 0) == b"\0\0\0\0\x07\0\0\0\0"


def test_a_message_comes_out_with_the_byte_that_completes_it() -> None:
    reader = MessageReader()
    data = pack(1, 2, b"three")
    assert reader.push(data[:-1]) == []
    assert reader.push(data[-1:] + data) == [(1, 2, b"three"), (1, 2, b"three")]


def test_a_length_beyond_the_limit_is_junk_as_soon_as_it_is_seen() -> None:
    longest = pack(1, 2, bytes(PAYLOAD_LIMIT))
    assert MessageReader().push(longest) == [(1, 2, bytes(PAYLOAD_LIMIT))]
    with pytest.raises(LocalProtocolError, match=f"a message of {PAYLOAD_LIMIT + 1} bytes"):
        MessageReader().push(pack(1, 2, bytes(PAYLOAD_LIMIT + 1))[:9])
