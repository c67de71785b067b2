import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame
from websockets.frames import Opcode as TheirOpcode
from wsproto.frame_protocol import FrameDecoder
from wsproto.frame_protocol import Opcode as WsprotoOpcode

from trioaudio.core.websocket_frame import Opcode, client_frame, header, mask, ping, server_frame

KEYS = st.binary(min_size=4, max_size=4)
MESSAGES = st.one_of(st.binary(max_size=300), st.text(max_size=200))
# Lengths around which the header changes its size, and our own frames.
LENGTHS = [0, 1, 2, 3, 4, 5, 124, 125, 126, 127, 960, 1920, 65535, 65536, 70000]


def as_sent(message: str | bytes) -> tuple[WsprotoOpcode, bytes]:
    if isinstance(message, str):
        return WsprotoOpcode.TEXT, message.encode()
    return WsprotoOpcode.BINARY, message


def read_back(wire: bytes, *, by_client: bool) -> tuple[WsprotoOpcode, bytes]:
    decoder = FrameDecoder(client=by_client)
    decoder.receive_bytes(wire)
    frame = decoder.process_buffer()
    assert frame is not None
    assert frame.frame_finished
    assert frame.message_finished
    assert decoder.process_buffer() is None
    assert isinstance(frame.payload, bytes)
    return WsprotoOpcode(frame.opcode), frame.payload


@given(MESSAGES)
def test_another_library_builds_the_same_server_frame(message: str | bytes) -> None:
    opcode, data = as_sent(message)
    theirs = Frame(TheirOpcode(opcode), data).serialize(mask=False)
    assert server_frame(message) == theirs


@given(MESSAGES)
def test_another_library_reads_our_server_frame(message: str | bytes) -> None:
    assert read_back(server_frame(message), by_client=True) == as_sent(message)


@given(MESSAGES, KEYS)
def test_another_library_reads_our_client_frame(message: str | bytes, key: bytes) -> None:
    assert read_back(client_frame(message, key), by_client=False) == as_sent(message)


@pytest.mark.parametrize("length", LENGTHS)
def test_every_header_size(length: int) -> None:
    message = bytes(n % 251 for n in range(length))
    assert read_back(server_frame(message), by_client=True)[1] == message
    assert read_back(client_frame(message, b"\x01\x80\xff\x00"), by_client=False)[1] == message


def test_headers_are_made_once() -> None:
    assert header(Opcode.BINARY, 960, 0) is header(Opcode.BINARY, 960, 0)
    assert header(Opcode.BINARY, 960, 0x80) == b"\x82\xfe\x03\xc0"


@given(st.binary(max_size=100), KEYS)
def test_masking_is_a_byte_by_byte_xor_and_its_own_inverse(data: bytes, key: bytes) -> None:
    masked = mask(data, key)
    assert masked == bytes(byte ^ key[index % 4] for index, byte in enumerate(data))
    assert mask(masked, key) == data


@pytest.mark.parametrize("key", [None, b"\x01\x02\x03\x04"])
def test_a_ping_is_a_ping_to_an_independent_parser(key: bytes | None) -> None:
    assert read_back(ping(key), by_client=key is None) == (WsprotoOpcode.PING, b"")
