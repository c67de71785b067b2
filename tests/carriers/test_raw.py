import pytest
from hypothesis import given
from hypothesis import strategies as st

from trioaudio.carriers.raw import CARRIER, RawCodec, RawSettings
from trioaudio.core.carrier import (
    Answer,
    CallerAudio,
    CarrierSettings,
    ClearAudio,
    Command,
    Complaint,
    EndStream,
    HangUp,
    Metadata,
    Pause,
    Recovery,
    Resume,
    Role,
    SendAudio,
    SendDtmf,
    SendMark,
    Transfer,
)
from trioaudio.core.encoding import Encoding, MediaFormat
from trioaudio.core.errors import LocalProtocolError

SPOKEN = RawSettings(clear_message='{"clear":true}', end_message="BYE")


def codec(settings: CarrierSettings = CARRIER.settings) -> RawCodec:
    return RawCodec(settings, MediaFormat(Encoding.PCM16, 8000))


@given(st.binary(max_size=100).map(lambda half: half + half))
def test_a_frame_goes_out_and_comes_in_as_it_is(frame: bytes) -> None:
    assert codec().send(SendAudio(frame)) == [frame]
    assert list(codec().seal(frame)) == [frame]
    assert codec().receive(frame) == [CallerAudio(frame)]


def test_an_odd_byte_is_dropped_and_complained_of() -> None:
    assert codec().receive(b"abc") == [
        CallerAudio(b"ab"),
        Complaint("3 bytes are no whole samples; last byte dropped"),
    ]


@pytest.mark.parametrize("text", ["", "hello", '{"event":"start"}'])
def test_text_is_opaque(text: str) -> None:
    assert codec().receive(text) == [Metadata(text)]
    assert not codec().is_media(text)


def test_binary_is_media() -> None:
    assert codec().is_media(b"\0\0")


def test_an_endpoint_is_told_what_the_settings_say() -> None:
    spoken = codec(SPOKEN)
    assert spoken.send(ClearAudio()) == ['{"clear":true}']
    assert spoken.send(HangUp()) == ["BYE"]
    assert spoken.send(EndStream()) == ["BYE"]


@pytest.mark.parametrize("settings", [RawSettings(), CarrierSettings()])
@pytest.mark.parametrize("command", [ClearAudio(), HangUp(), EndStream()])
def test_and_otherwise_nothing(settings: CarrierSettings, command: Command) -> None:
    assert codec(settings).send(command) == []


@pytest.mark.parametrize("command", [SendMark("m"), Pause(), Resume(), Answer()])
def test_some_commands_need_no_message(command: Command) -> None:
    assert codec(SPOKEN).send(command) == []


@pytest.mark.parametrize("command", [SendDtmf("1"), Transfer(("911",))])
def test_what_cannot_be_done_is_not_passed_over_in_silence(command: Command) -> None:
    with pytest.raises(LocalProtocolError, match=f"no way to {type(command).__name__}"):
        codec(SPOKEN).send(command)


def test_the_description() -> None:
    assert CARRIER.roles == {Role.ANSWER, Role.DIAL}
    assert CARRIER.recovery is Recovery.REDIAL
    assert not CARRIER.clears
    assert isinstance(
        CARRIER.new_codec(CARRIER.settings, MediaFormat(Encoding.PCM16, 16000)), RawCodec
    )


def test_text_is_no_payload_for_a_binary_message() -> None:
    with pytest.raises(LocalProtocolError, match="as bytes"):
        RawCodec(CARRIER.settings, MediaFormat(Encoding.PCM16, 8000)).seal("AAAA")
