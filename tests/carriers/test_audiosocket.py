import pytest
from hypothesis import given
from hypothesis import strategies as st

from trioaudio.carriers.audiosocket import CARRIER, AudiosocketCodec
from trioaudio.core.audiosocket_unit import AUDIO_KINDS, Kind, read_unit, unit
from trioaudio.core.carrier import (
    Answer,
    CallerAudio,
    ClearAudio,
    Command,
    Complaint,
    DtmfPressed,
    EndStream,
    HangUp,
    Idle,
    Ignored,
    Message,
    Pause,
    Recovery,
    Resume,
    Role,
    SendAudio,
    SendDtmf,
    SendMark,
    Started,
    Stopped,
    Transfer,
    Transport,
)
from trioaudio.core.encoding import Encoding, MediaFormat
from trioaudio.core.errors import LocalProtocolError, RemoteProtocolError

UUID = bytes(range(16))
NAME = "00010203-0405-0607-0809-0a0b0c0d0e0f"
OPENING = unit(Kind.IDENTITY, UUID)


def codec(sample_rate: int = 8000, *, opened: bool = True) -> AudiosocketCodec:
    fresh = AudiosocketCodec(CARRIER.settings, MediaFormat(Encoding.PCM16, sample_rate))
    if opened:
        fresh.receive(OPENING)
    return fresh


# --- What we receive ---------------------------------------------------------------------


def test_the_uuid_starts_the_stream_and_is_the_call() -> None:
    assert codec(16000, opened=False).receive(OPENING) == [Started(NAME, NAME, "pcm16", 16000)]


@pytest.mark.parametrize(("rate", "kind"), [(8000, 0x10), (16000, 0x12)])
def test_audio_of_the_rate_expected(rate: int, kind: int) -> None:
    audio = b"\1\2" * (rate // 50)
    assert codec(rate).receive(unit(kind, audio)) == [CallerAudio(audio)]
    assert codec(rate).is_media(unit(kind, audio))


@pytest.mark.parametrize(("ours", "theirs"), [(8000, 16000), (16000, 8000), (8000, 192000)])
@pytest.mark.parametrize("opened", [True, False])
def test_audio_of_another_rate_would_be_noise(ours: int, theirs: int, *, opened: bool) -> None:
    other = unit(AUDIO_KINDS[theirs], bytes(320))
    assert not codec(ours).is_media(other)
    with pytest.raises(
        RemoteProtocolError,
        match=rf"sends {theirs} Hz where {ours} Hz is expected; change TRIOAUDIO_SAMPLE_RATE",
    ):
        codec(ours, opened=opened).receive(other)


@pytest.mark.parametrize("key", "0123456789*#ABCD")
def test_a_key(key: str) -> None:
    assert codec().receive(unit(Kind.DTMF, key.encode())) == [DtmfPressed(key)]


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ("hello", "text, which AudioSocket cannot carry; dropped"),
        (b"", "0 bytes that are not one unit; dropped"),
        (b"\x10\x01\x40", "3 bytes that are not one unit; dropped"),
        (OPENING + OPENING, "38 bytes that are not one unit; dropped"),
        (OPENING, "the UUID a second time; dropped"),
        (unit(Kind.IDENTITY, b"short"), "a UUID of 5 bytes; dropped"),
        (unit(Kind.DTMF), "a key that does not exist: ''; dropped"),
        (unit(Kind.DTMF, b"\xff"), "a key that does not exist: '\\xff'; dropped"),
        (unit(Kind.DTMF, b"12"), "a key that does not exist: '12'; dropped"),
    ],
)
def test_what_is_wrong_is_dropped_and_told(message: Message, text: str) -> None:
    assert codec().receive(message) == [Complaint(text)]


def test_half_a_sample_is_dropped() -> None:
    assert codec().receive(unit(0x10, b"abc")) == [
        CallerAudio(b"ab"),
        Complaint("3 bytes of audio are no whole samples; last byte dropped"),
    ]


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (unit(0x10, bytes(320)), "audio before the UUID; dropped"),
        (unit(Kind.DTMF, b"1"), "a key before the UUID; dropped"),
    ],
)
def test_what_comes_before_the_uuid_is_nobodys(message: bytes, text: str) -> None:
    assert codec(opened=False).receive(message) == [Complaint(text)]


def test_a_first_uuid_that_is_none_ends_the_leg() -> None:
    with pytest.raises(RemoteProtocolError, match="holds 5 bytes, and no UUID of 16"):
        codec(opened=False).receive(unit(Kind.IDENTITY, b"short"))


def test_another_uuid_ends_the_leg() -> None:
    with pytest.raises(RemoteProtocolError, match=f"connection of {NAME} turned into that of ff"):
        codec().receive(unit(Kind.IDENTITY, b"\xff" * 16))


@pytest.mark.parametrize(("payload", "code"), [(b"\1", "01"), (b"", None), (b"x" * 99, "78" * 16)])
def test_an_error_is_told_with_its_code(payload: bytes, code: str | None) -> None:
    assert codec().receive(unit(Kind.ERROR, payload)) == [
        Complaint("Asterisk reports an error", code)
    ]


def test_an_unknown_unit_is_harmless() -> None:
    assert codec().receive(unit(0x7E, b"?")) == [Ignored("a unit of unknown kind 0x7e")]


def test_the_end_comes_once() -> None:
    leg = codec()
    assert leg.receive(unit(Kind.HANG_UP)) == [Stopped("Asterisk hung up")]
    assert leg.receive(unit(Kind.HANG_UP)) == [
        Complaint("a unit of kind 0x00 after the hang-up; dropped")
    ]
    assert leg.receive(unit(0x10, b"ab")) == [
        Complaint("a unit of kind 0x10 after the hang-up; dropped")
    ]


@pytest.mark.parametrize("message", ["", "\x10\x01\x40", b"", unit(Kind.DTMF, b"1"), OPENING])
def test_what_is_no_media(message: Message) -> None:
    assert not codec().is_media(message)


# --- What we send ------------------------------------------------------------------------


@pytest.mark.parametrize(("rate", "kind", "size"), [(8000, 0x10, 320), (16000, 0x12, 640)])
def test_a_frame_is_three_units_of_20_ms(rate: int, kind: int, size: int) -> None:
    frame = bytes(range(240)) * (size * 3 // 240)
    sealed = codec(rate).seal(frame)
    assert [read_unit(bytes(each)) for each in sealed if isinstance(each, bytes)] == [
        (kind, frame[:size]),
        (kind, frame[size : 2 * size]),
        (kind, frame[2 * size :]),
    ]
    assert codec(rate).send(SendAudio(frame)) == list(sealed)


@given(st.binary(min_size=1, max_size=2000))
def test_a_short_unit_is_filled_up_with_silence_and_none_is_empty(audio: bytes) -> None:
    units = [read_unit(bytes(each)) for each in codec().seal(audio) if isinstance(each, bytes)]
    assert all(each is not None and len(each[1]) == 320 for each in units)
    joined = b"".join(each[1] for each in units if each)
    assert joined == audio.ljust(len(joined), b"\0")
    assert len(joined) - len(audio) < 320


def test_no_audio_is_no_unit() -> None:
    assert codec().seal(b"") == []


def test_audio_is_bytes_and_comes_after_the_uuid() -> None:
    with pytest.raises(LocalProtocolError, match="as bytes, not as text"):
        codec().seal("AAAA")
    with pytest.raises(LocalProtocolError, match="before Asterisk has sent its UUID"):
        codec(opened=False).seal(bytes(960))


@pytest.mark.parametrize("command", [HangUp("done"), EndStream()])
@pytest.mark.parametrize("opened", [True, False])
def test_the_end(command: Command, *, opened: bool) -> None:
    assert codec(opened=opened).send(command) == [b"\0\0\0"]


@pytest.mark.parametrize("command", [SendMark("m"), ClearAudio(), Pause(), Resume(), Answer()])
def test_there_is_no_unit_for_most(command: Command) -> None:
    assert codec().send(command) == []


@pytest.mark.parametrize("command", [SendDtmf("1"), Transfer(("911",))])
def test_and_where_silence_would_be_a_lie_it_says_so(command: Command) -> None:
    with pytest.raises(LocalProtocolError, match=f"no unit for {type(command).__name__}"):
        codec().send(command)


def test_the_description() -> None:
    assert CARRIER.transport is Transport.AUDIOSOCKET
    assert CARRIER.roles == {Role.ANSWER}
    assert CARRIER.recovery is Recovery.END
    assert CARRIER.stamps_by_arrival
    assert CARRIER.settings.idle is Idle.SILENCE
    assert CARRIER.unit.packet_ms == 20
