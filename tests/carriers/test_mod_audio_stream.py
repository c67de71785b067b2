import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trioaudio.carriers.mod_audio_stream import (
    CARRIER,
    Build,
    ModAudioStreamCodec,
    ModAudioStreamSettings,
)
from trioaudio.core.carrier import (
    Answer,
    CallerAudio,
    CarrierSettings,
    ClearAudio,
    Command,
    Complaint,
    EndStream,
    HangUp,
    Idle,
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
from trioaudio.core.encoding import Encoding, MediaFormat, PayloadForm
from trioaudio.core.errors import LocalProtocolError
from trioaudio.core.payload import payload_encoder

BASE64 = payload_encoder(Encoding.PCM16, PayloadForm.BASE64)
COMMERCIAL = ModAudioStreamSettings(build=Build.COMMERCIAL, frames_per_message=1)
TOLD = ModAudioStreamSettings(clear_message='{"do":"break"}', end_message='{"do":"hangup"}')
EVEN = st.binary(min_size=1, max_size=1000).map(lambda half: half + half)


def codec(
    settings: CarrierSettings = CARRIER.settings, sample_rate: int = 8000
) -> ModAudioStreamCodec:
    return ModAudioStreamCodec(settings, MediaFormat(Encoding.PCM16, sample_rate))


# --- What we send ------------------------------------------------------------------------


@given(pcm=EVEN, rate=st.sampled_from([8000, 16000]))
def test_the_open_build_gets_base64_in_json(pcm: bytes, rate: int) -> None:
    (message,) = codec(sample_rate=rate).seal(BASE64(pcm))
    assert isinstance(message, str)
    assert json.loads(message) == {
        "type": "streamAudio",
        "data": {
            "audioDataType": "raw",
            "sampleRate": rate,
            "audioData": base64.b64encode(pcm).decode(),
        },
    }
    assert codec(sample_rate=rate).send(SendAudio(BASE64(pcm))) == [message]


@pytest.mark.parametrize(("rate", "size"), [(8000, 320), (16000, 640)])
def test_the_commercial_build_gets_binary_of_20_ms(rate: int, size: int) -> None:
    frame = bytes(range(240)) * (size * 3 // 240)
    sealed = codec(COMMERCIAL, rate).seal(BASE64(frame))
    assert sealed == [frame[:size], frame[size : 2 * size], frame[2 * size :]]
    assert codec(COMMERCIAL, rate).send(SendAudio(BASE64(frame))) == sealed


@given(EVEN)
def test_its_last_message_is_filled_up_with_silence(pcm: bytes) -> None:
    sealed = [each for each in codec(COMMERCIAL).seal(BASE64(pcm)) if isinstance(each, bytes)]
    assert all(len(each) == 320 for each in sealed)
    joined = b"".join(sealed)
    assert joined == pcm.ljust(len(joined), b"\0")
    assert len(joined) - len(pcm) < 320


def test_the_commercial_build_is_told_the_rate_first() -> None:
    assert codec(COMMERCIAL, 16000).send(Answer()) == [
        '{"type":"rawAudio","data":{"sampleRate":16000}}'
    ]
    assert codec().send(Answer()) == []


@pytest.mark.parametrize("settings", [CARRIER.settings, COMMERCIAL])
def test_bytes_are_no_payload_here(settings: CarrierSettings) -> None:
    with pytest.raises(LocalProtocolError, match="base64"):
        codec(settings).seal(b"\0\0")


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (ClearAudio(), '{"do":"break"}'),
        (HangUp(), '{"do":"hangup"}'),
        (EndStream(), '{"do":"hangup"}'),
    ],
)
def test_a_script_in_freeswitch_is_told_what_the_settings_say(command: Command, told: str) -> None:
    assert codec(TOLD).send(command) == [told]
    assert codec().send(command) == []
    assert codec(CarrierSettings()).send(command) == []


@pytest.mark.parametrize("command", [SendMark("m"), Pause(), Resume()])
def test_some_commands_have_no_message(command: Command) -> None:
    assert codec(TOLD).send(command) == []


@pytest.mark.parametrize("command", [SendDtmf("1"), Transfer(("911",))])
def test_what_only_freeswitch_can_do_is_not_passed_over_in_silence(command: Command) -> None:
    with pytest.raises(LocalProtocolError, match=f"no message for {type(command).__name__}"):
        codec().send(command)


# --- What we receive ---------------------------------------------------------------------


@given(EVEN)
def test_binary_is_audio(pcm: bytes) -> None:
    assert codec().receive(pcm) == [CallerAudio(pcm)]
    assert codec().is_media(pcm)


def test_half_a_sample_is_dropped() -> None:
    assert codec().receive(b"abc") == [
        CallerAudio(b"ab"),
        Complaint("3 bytes of audio are no whole samples; last byte dropped"),
    ]


@pytest.mark.parametrize("value", [{"call": "c1"}, ["a"], "text", 7, None])
def test_json_is_metadata(value: object) -> None:
    assert codec().receive(json.dumps(value)) == [Metadata(value)]
    assert not codec().is_media(json.dumps(value))


@pytest.mark.parametrize("text", ["", "hello", "{", "\ud800", "[" * 100_000, "9" * 5000])
def test_and_so_is_any_other_text(text: str) -> None:
    assert codec().receive(text) == [Metadata(text)]


# --- Description -------------------------------------------------------------------------


def test_the_description() -> None:
    assert CARRIER.roles == {Role.ANSWER}
    assert CARRIER.recovery is Recovery.END
    assert not CARRIER.clears
    assert CARRIER.settings.idle is Idle.NONE
    assert CARRIER.settings.frames_per_message == 0
