import random

import attrs
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from wsproto.connection import Connection, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, TextMessage
from wsproto.frame_protocol import FrameDecoder
from wsproto.utilities import ProtocolError

from trioaudio.core.websocket_frame import Opcode, client_frame, mask, server_frame
from trioaudio.core.websocket_split import DataFrame, WebSocketSplitter

HEAD = b"GET /media HTTP/1.1\r\nUpgrade: websocket\r\n\r\n"
KEY = b"\x11\x22\x00\xff"
LARGEST = 200
LONGEST_HEADER = 14
FINAL = 0x80
PING, PONG = 0x9, 0xA


def wire(first: int, payload: bytes, key: bytes | None) -> bytes:
    bit = 0x80 if key else 0
    if len(payload) < 126:
        length = bytes((bit | len(payload),))
    elif len(payload) < 65536:
        length = bytes((bit | 126,)) + len(payload).to_bytes(2, "big")
    else:
        length = bytes((bit | 127,)) + len(payload).to_bytes(8, "big")
    body = key + mask(payload, key) if key else payload
    return bytes((first,)) + length + body


def cut(data: bytes, sizes: list[int]) -> list[bytes]:
    chunks, at = [], 0
    for size in sizes:
        chunks.append(data[at : at + size])
        at += size
    return [*chunks, data[at:]]


def split(splitter: WebSocketSplitter, chunks: list[bytes]) -> tuple[list[DataFrame], bytes]:
    frames, rest = [], b""
    for chunk in chunks:
        some, passed = splitter.push(chunk)
        frames += some
        rest += passed
    return frames, rest


def past_head(*, masked: bool, largest: int = LARGEST) -> WebSocketSplitter:
    splitter = WebSocketSplitter(masked=masked, largest=largest)
    assert splitter.push(HEAD) == ([], HEAD)
    return splitter


def payload_of(frame: DataFrame) -> bytes:
    return mask(frame.data, frame.key) if frame.key else frame.data


@attrs.frozen
class Unit:
    """A part of a stream, and what is to become of it: taken out, or passed on."""

    first: int
    payload: bytes
    key: bytes | None
    taken: bool = False
    wrong: bool = False

    @property
    def wire(self) -> bytes:
        return wire(self.first, self.payload, self.key)


PAYLOADS = st.one_of(
    st.binary(max_size=20), st.binary(max_size=LARGEST), st.just(bytes(125)), st.just(bytes(126))
)
SIZES = st.lists(st.integers(0, 60), max_size=40)


@st.composite
def messages(draw: st.DrawFn, key: bytes | None) -> list[Unit]:
    """Draw a data frame, a control frame, or a fragmented message with pings in between."""
    opcode = draw(st.sampled_from([Opcode.TEXT, Opcode.BINARY]))
    match draw(st.sampled_from(["data", "control", "fragments"])):
        case "data":
            return [Unit(FINAL | opcode, draw(PAYLOADS), key, taken=True)]
        case "control":
            first = FINAL | draw(st.sampled_from([PING, PONG]))
            return [Unit(first, draw(st.binary(max_size=125)), key)]
    units = []
    parts = draw(st.lists(PAYLOADS, min_size=2, max_size=4))
    for index, part in enumerate(parts):
        final = FINAL if index == len(parts) - 1 else 0
        units.append(Unit(final | (opcode if index == 0 else 0), part, key))
        if not final and draw(st.booleans()):
            units.append(Unit(FINAL | PING, b"there?", key))
    return units


def endings(key: bytes | None) -> list[list[Unit]]:
    """Return what trio-websocket ends the connection over, in every way there is."""
    payload = b"xyz"
    data, ping, close = FINAL | Opcode.BINARY, FINAL | PING, FINAL | Opcode.CLOSE
    other_key = None if key else KEY
    begun = Unit(Opcode.TEXT, payload, key)
    broken = [
        *(Unit(data | reserved, payload, key) for reserved in (0x40, 0x20, 0x10)),
        *(Unit(first, payload, other_key) for first in (data, ping, close)),
        *(Unit(data, bytes(length), key) for length in (LARGEST + 1, 70_000)),
        *(Unit(final | opcode, payload, key) for final in (0, FINAL) for opcode in range(3, 8)),
        *(Unit(FINAL | opcode, payload, key) for opcode in range(0xB, 0x10)),
        *(Unit(opcode, payload, key) for opcode in (Opcode.CLOSE, PING, PONG)),
        *(Unit(first, bytes(126), key) for first in (ping, close)),
        *(Unit(first, payload, key) for first in (0, FINAL)),  # a continuation of nothing
    ]
    return [
        [Unit(close, payload, key)],
        *([attrs.evolve(unit, wrong=True)] for unit in broken),
        *([begun, Unit(final | 1, payload, key, wrong=True)] for final in (0, FINAL)),
    ]


@st.composite
def streams(draw: st.DrawFn) -> tuple[bool, list[Unit]]:
    masked = draw(st.booleans())
    key = KEY if masked else None
    return masked, [unit for each in draw(st.lists(messages(key), max_size=8)) for unit in each]


@given(stream=streams(), sizes=SIZES)
def test_data_frames_are_taken_out_and_all_else_is_passed_on_however_it_is_cut(
    stream: tuple[bool, list[Unit]], sizes: list[int]
) -> None:
    masked, units = stream
    data = HEAD + b"".join(unit.wire for unit in units)
    splitter = WebSocketSplitter(masked=masked, largest=LARGEST)
    frames, rest = split(splitter, cut(data, sizes))
    assert rest == HEAD + b"".join(unit.wire for unit in units if not unit.taken)
    taken = [unit for unit in units if unit.taken]
    assert [frame.opcode | FINAL for frame in frames] == [unit.first for unit in taken]
    assert [payload_of(frame) for frame in frames] == [unit.payload for unit in taken]
    assert not splitter.broken


@pytest.mark.parametrize("key", [KEY, None])
def test_nothing_is_taken_out_after_a_close_or_an_error(key: bytes | None) -> None:
    before = Unit(FINAL | Opcode.TEXT, b"before", key, taken=True)
    after = [Unit(FINAL | Opcode.BINARY, b"after", key), Unit(FINAL | PING, b"", key)]
    for ending in endings(key):
        passed_on = b"".join(unit.wire for unit in [*ending, *after])
        for size in (1, len(passed_on)):
            chunks = [passed_on[at : at + size] for at in range(0, len(passed_on), size)]
            splitter = past_head(masked=key is not None)
            frames, rest = split(splitter, [before.wire, *chunks])
            assert [payload_of(frame) for frame in frames] == [b"before"]
            assert rest == passed_on
            assert splitter.broken is any(unit.wrong for unit in ending)


@pytest.mark.parametrize("key", [KEY, None])
@pytest.mark.parametrize("length", [0, 1, 125, 126, 65_535, 65_536])
def test_a_frame_of_any_length_is_taken_with_its_last_byte(key: bytes | None, length: int) -> None:
    frame = wire(FINAL | Opcode.BINARY, bytes(length), key)
    splitter = past_head(masked=key is not None, largest=65_536)
    for chunk in cut(frame[:-1], [1] * LONGEST_HEADER):
        assert splitter.push(chunk) == ([], b"")
    frames, rest = splitter.push(frame[-1:])
    assert [payload_of(each) for each in frames] == [bytes(length)]
    assert rest == b""


@pytest.mark.parametrize("key", [KEY, None])
def test_a_longest_control_frame_is_in_order(key: bytes | None) -> None:
    ping = wire(FINAL | PING, bytes(125), key)
    splitter = past_head(masked=key is not None, largest=10)
    assert splitter.push(ping) == ([], ping)
    assert not splitter.broken


@given(stream=streams(), sizes=SIZES)
def test_another_library_finds_the_same_frames(
    stream: tuple[bool, list[Unit]], sizes: list[int]
) -> None:
    masked, units = stream

    def decoded(data: bytes) -> list[tuple[int, bytes]]:
        decoder = FrameDecoder(client=not masked)
        decoder.receive_bytes(data)
        frames = []
        while frame := decoder.process_buffer():
            assert isinstance(frame.payload, bytes)
            frames.append((int(frame.opcode), frame.payload))
        return frames

    data = b"".join(unit.wire for unit in units)
    frames, rest = split(past_head(masked=masked), cut(data, sizes))
    ours = [(int(frame.opcode), payload_of(frame)) for frame in frames]
    assert sorted(ours + decoded(rest)) == sorted(decoded(data))


JUNK = st.lists(
    st.one_of(
        st.binary(max_size=12),
        st.sampled_from(
            [
                b"\x82\x82",
                b"\x82\x02",
                b"\x81\xfe\x00\x05",
                b"\x81\x7e\x00\x05",
                b"\x82\x7f" + bytes(7) + b"\x03",
                b"\x82\xff" + b"\xff" * 8,
                b"\x01\x00",
                b"\x80\x00",
                b"\x89\x7e\x00\x90",
                b"\x8f\x01",
            ]
        ),
    ),
    max_size=20,
).map(b"".join)


@given(masked=st.booleans(), largest=st.integers(0, 40), data=JUNK, sizes=SIZES)
def test_junk_is_never_lost_or_made_up_and_little_is_held(
    masked: bool, largest: int, data: bytes, sizes: list[int]
) -> None:
    splitter = past_head(masked=masked, largest=largest)
    frames: list[DataFrame] = []
    rest = b""
    settled = 0  # bytes of data that came out again
    for at in range(1, len(data) + 1):
        some, passed = splitter.push(data[at - 1 : at])
        if some:
            (frame,) = some
            key = frame.key or b""
            assert data[settled:at].endswith(key + frame.data)
            assert not passed
            settled = at
        else:
            assert data[settled:at].startswith(passed)
            settled += len(passed)
        assert at - settled < LONGEST_HEADER + largest
        frames += some
        rest += passed
    again, rest_again = split(past_head(masked=masked, largest=largest), cut(data, sizes))
    assert rest_again == rest
    assert [attrs.astuple(frame) for frame in again] == [attrs.astuple(frame) for frame in frames]


@given(lines=st.text("a\r\n", max_size=30), size=st.integers(1, 6))
def test_the_head_is_passed_on_at_once_but_for_a_beginning_of_its_end(
    lines: str, size: int
) -> None:
    head = lines.encode() + b"\r\n\r\n"
    head = head[: head.index(b"\r\n\r\n") + 4]
    splitter = WebSocketSplitter(masked=True, largest=LARGEST)
    passed = b""
    for chunk in cut(head, [size] * (len(head) // size)):
        frames, rest = splitter.push(chunk)
        passed += rest
        assert frames == []
        assert head.startswith(passed)
    assert passed == head
    frames, rest = splitter.push(client_frame(b"first", KEY))
    assert [frame.message() for frame in frames] == [b"first"]
    assert rest == b""


def test_of_a_head_only_a_beginning_of_its_end_waits() -> None:
    splitter = WebSocketSplitter(masked=True, largest=LARGEST)
    steps = [
        (b"GET", b"GET"),
        (b"\r", b""),
        (b"x", b"\rx"),
        (b"\r\n", b""),
        (b"y", b"\r\ny"),
        (b"\r\n\r", b""),
        (b"\r", b"\r\n\r"),
        (b"\n", b""),
        (b"\r", b""),
        (b"\n" + client_frame(b"z", KEY)[:2], b"\r\n\r\n"),
    ]
    for chunk, passed in steps:
        assert splitter.push(chunk) == ([], passed)
    ((frame,), rest) = splitter.push(client_frame(b"z", KEY)[2:])
    assert (frame.message(), rest) == (b"z", b"")


def test_a_message_long_in_coming_is_looked_at_once() -> None:
    class Watched(WebSocketSplitter):
        looks = 0

        def _next_frame(self, data: bytes, at: int, frames: list[DataFrame]) -> int:
            self.looks += 1
            return super()._next_frame(data, at, frames)

    message = random.Random(1).randbytes(5000)
    splitter = Watched(masked=False, largest=5000)
    splitter.push(HEAD)
    frames, rest = split(splitter, [bytes((byte,)) for byte in server_frame(message)])
    assert [frame.message() for frame in frames] == [message]
    assert rest == b""
    assert splitter.looks <= 4


def test_a_longest_message_is_taken_and_a_longer_one_is_not() -> None:
    fits, too_long = server_frame(bytes(LARGEST)), server_frame(bytes(LARGEST + 1))
    splitter = past_head(masked=False)
    frames, rest = splitter.push(fits + too_long + fits)
    assert len(frames) == 1
    assert rest == too_long + fits


def test_text_and_binary_come_out_as_what_they_are() -> None:
    data = client_frame("grüß dich", KEY) + client_frame(b"\0\1\2", KEY) + client_frame("", KEY)
    frames, rest = past_head(masked=True).push(data)
    assert [frame.message() for frame in frames] == ["grüß dich", b"\0\1\2", ""]
    assert rest == b""


def test_a_message_need_not_be_unmasked_whole_to_see_what_it_is() -> None:
    frames, _ = past_head(masked=True).push(client_frame('{"event":"media"}', KEY))
    assert frames[0].prefix(8) == '{"event"'
    frames, _ = past_head(masked=True).push(client_frame("a" * 127 + "ß", KEY))
    assert frames[0].prefix() == "a" * 127 + "\ufffd"  # cut within a character
    frames, _ = past_head(masked=False).push(server_frame(b"abc"))
    assert frames[0].prefix(2) == b"ab"
    assert frames[0].message() == b"abc"


def test_text_that_is_no_utf8_is_found_out_when_it_is_read() -> None:
    frames, _ = past_head(masked=True).push(wire(FINAL | Opcode.TEXT, b"\xff", KEY))
    with pytest.raises(UnicodeDecodeError):
        frames[0].message()


def test_the_body_of_a_refusal_is_passed_on() -> None:
    refusal = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 9\r\n\r\nForbidden"
    splitter = WebSocketSplitter(masked=False, largest=LARGEST)
    assert splitter.push(refusal) == ([], refusal)


def test_a_stream_in_order_is_not_called_broken() -> None:
    splitter = past_head(masked=True)
    assert not splitter.broken
    splitter.push(wire(FINAL | Opcode.CLOSE, b"\x03\xe8", KEY))
    assert not splitter.broken


# --- Against other ways to do the same ----------------------------------------------------


class Slow(WebSocketSplitter):
    """Does without the short cut for what nearly all messages are."""

    def _take_whole(self, data: bytes, at: int, frames: list[DataFrame]) -> int:
        return at


@attrs.frozen
class Parsed:
    """What a stream without its head consists of."""

    messages: list[tuple[int, bytes]]
    rest: bytes
    broken: bool


def parse_by_the_book(data: bytes, *, masked: bool, largest: int) -> Parsed:
    """Read RFC 6455, 5.2, from the first byte to the last; what is not all there is left out."""
    messages: list[tuple[int, bytes]] = []
    rest = b""
    begun = False  # a fragmented message
    while len(data) >= 2:
        final, reserved, opcode = data[0] >> 7, data[0] >> 4 & 7, data[0] & 15
        has_key, length, size = data[1] >> 7, data[1] & 127, 2
        extended = {126: 2, 127: 8}.get(length, 0)
        size += extended + 4 * has_key
        if len(data) < size:
            break
        if extended:
            length = int.from_bytes(data[2 : 2 + extended], "big")
        whole = len(data) >= size + length
        control = opcode in (8, PING, PONG)
        wrong = (
            opcode not in (0, 1, 2, 8, PING, PONG)
            or reserved
            or bool(has_key) is not masked
            or (control and (not final or length > 125))
            or (not control and (length > largest or (opcode == 0) is not begun))
        )
        if wrong or opcode == 8:
            return Parsed(messages, rest + data, bool(wrong))
        if final and opcode in (1, 2):
            if not whole:
                break
            key = data[size - 4 : size] if masked else bytes(4)
            body = data[size : size + length]
            text = bytes(byte ^ key[at % 4] for at, byte in enumerate(body))
            messages.append((opcode, text))
        else:
            if not control:
                begun = not final
            rest += data[: size + length]
        data = data[size + length :]
    return Parsed(messages, rest, broken=False)


@st.composite
def damaged_streams(draw: st.DrawFn) -> tuple[bool, bytes]:
    """Draw a stream in order, or one with some bytes of it changed, inserted or lost."""
    masked, units = draw(streams())
    data = bytearray(b"".join(unit.wire for unit in units))
    damages = st.tuples(
        st.sampled_from(["change", "insert", "lose"]), st.integers(0, 400), st.integers(0, 255)
    )
    for what, where, byte in draw(st.lists(damages, max_size=3)):
        at = where % (len(data) + 1)
        if what == "insert":
            data.insert(at, byte)
        elif at < len(data) and what == "change":
            data[at] = byte
        elif at < len(data):
            del data[at]
    return masked, bytes(data)


@given(
    stream=st.one_of(damaged_streams(), st.tuples(st.booleans(), JUNK)),
    sizes=SIZES,
    largest=st.sampled_from([0, 7, 125, LARGEST]),
)
def test_short_cut_long_way_byte_by_byte_and_by_the_book_are_the_same(
    stream: tuple[bool, bytes], sizes: list[int], largest: int
) -> None:
    masked, data = stream
    single = [data[at : at + 1] for at in range(len(data))]
    expected = parse_by_the_book(data, masked=masked, largest=largest)
    for kind, chunks in (
        (WebSocketSplitter, cut(data, sizes)),
        (WebSocketSplitter, [data]),
        (WebSocketSplitter, single),
        (Slow, cut(data, sizes)),
        (Slow, [data]),
    ):
        splitter = kind(masked=masked, largest=largest)
        splitter.push(HEAD)
        frames, rest = split(splitter, chunks)
        assert [(int(each.opcode), payload_of(each)) for each in frames] == expected.messages
        assert splitter.broken is expected.broken
        # Of a frame that is passed on, what there is goes on before the rest of it has come.
        assert rest[: len(expected.rest)] == expected.rest
        assert data.endswith(rest[len(expected.rest) :]) or not rest[len(expected.rest) :]


@given(stream=streams(), sizes=SIZES)
def test_what_is_passed_on_is_the_same_by_every_way(
    stream: tuple[bool, list[Unit]], sizes: list[int]
) -> None:
    masked, units = stream
    data = b"".join(unit.wire for unit in units)[:-1]  # the last frame is not all there
    results = []
    for kind in (WebSocketSplitter, Slow):
        for chunks in (cut(data, sizes), [data], [bytes((byte,)) for byte in data]):
            splitter = kind(masked=masked, largest=LARGEST)
            splitter.push(HEAD)
            frames, rest = split(splitter, chunks)
            results.append(([attrs.astuple(each) for each in frames], rest))
    assert results == [results[0]] * len(results)


# --- Against wsproto as the whole of a WebSocket ------------------------------------------


def minimal(data: bytes, *, masked: bool) -> bool:
    """Say whether every length is written as short as it can be, which wsproto insists on.

    We do not: what is longer than need be is harmless, and of carriers one takes what comes.
    """
    while len(data) >= 2:
        length, extended = data[1] & 127, {126: 2, 127: 8}.get(data[1] & 127, 0)
        if extended:
            length = int.from_bytes(data[2 : 2 + extended], "big")
            if length < (126 if extended == 2 else 1 << 16) or length >= 1 << 63:
                return False
        data = data[2 + extended + 4 * (data[1] >> 7) + length :]
    return True


def messages_by_wsproto(data: bytes, *, masked: bool) -> tuple[list[str | bytes], bool]:
    """Return the data messages wsproto finds, and whether it then gave the connection up."""
    role = ConnectionType.SERVER if masked else ConnectionType.CLIENT
    connection = Connection(role)
    messages: list[str | bytes] = []
    parts: list[str | bytes] = []
    try:
        connection.receive_data(data)
        for event in connection.events():
            if isinstance(event, CloseConnection):
                return messages, True  # theirs, or its own over what it cannot read
            if isinstance(event, TextMessage | BytesMessage):
                data_ = event.data
                parts.append(data_ if isinstance(data_, str) else bytes(data_))
                if event.message_finished:
                    joined = parts[0][:0].join(parts)  # type: ignore[arg-type]
                    messages.append(joined)
                    parts = []
    except ProtocolError:
        return messages, True
    return messages, False


@given(stream=damaged_streams(), sizes=SIZES)
def test_with_trio_websockets_share_the_messages_are_those_of_wsproto(
    stream: tuple[bool, bytes], sizes: list[int]
) -> None:
    """What is taken out and what is found in the rest are together what there was."""
    masked, data = stream
    assume(minimal(data, masked=masked))
    splitter = past_head(masked=masked, largest=1 << 40)
    frames, rest = split(splitter, cut(data, sizes))
    expected, given_up = messages_by_wsproto(data, masked=masked)
    ours: list[str | bytes] = []
    for each in frames:
        try:
            ours.append(each.message())
        except UnicodeDecodeError:
            break  # ends the leg, and wsproto's connection
    ours += messages_by_wsproto(rest, masked=masked)[0]
    for message in expected:
        assert message in ours
        ours.remove(message)
    # Text that is no UTF-8 in what it took for one message may be the end of more to wsproto.
    assert given_up or not ours


def masked_text(text: str, key: bytes) -> DataFrame:
    return DataFrame(Opcode.TEXT, mask(text.encode(), key), key)


@pytest.mark.parametrize("text", ["", "x", "x" * 19, "x" * 20, '{"event":"media","se', "ä" * 15])
def test_messages_of_one_kind_begin_alike(text: str) -> None:
    one, other = masked_text(text, b"\1\2\3\4"), masked_text(text, b"\xff\0\x80\7")
    assert one.kind() == other.kind() == DataFrame(Opcode.TEXT, text.encode(), None).kind()
    assert one.beginning() == other.beginning()
    if len(text.encode()) >= 20:
        assert masked_text("y" + text[1:], b"\1\2\3\4").kind() != one.kind()
    assert DataFrame(Opcode.BINARY, text.encode(), None).beginning() == b""
    assert DataFrame(Opcode.BINARY, text.encode(), None).kind() not in {one.kind(), None}
