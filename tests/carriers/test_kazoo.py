import base64
import io
import json
import wave

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trioaudio.carriers.kazoo import CARRIER, KazooSettings
from trioaudio.core.carrier import (
    Answer,
    CallerAudio,
    ClearAudio,
    EndStream,
    HangUp,
    Ignored,
    Pause,
    SendAudio,
    SendDtmf,
    SendMark,
    Started,
    Stopped,
)
from trioaudio.core.encoding import Encoding, MediaFormat
from trioaudio.core.errors import LocalProtocolError, RemoteProtocolError
from trioaudio.core.pcm import PcmFormat
from trioaudio.media_path import shape_for

PCM = MediaFormat(Encoding.PCM16, 8000)
PLAY = '{"event":"mark","streamSid":"MZ1","mark":{"name":"file"}}'


def start(encoding: str = "audio/L16", sample_rate: int = 8000) -> str:
    return (
        '{"event":"start","sequenceNumber":"1","start":{"streamSid":"MZ1","callSid":"CA1",'
        f'"mediaFormat":{{"encoding":"{encoding}","sampleRate":{sample_rate},"channels":1}}}},'
        '"streamSid":"MZ1"}'
    )


def test_it_is_linear_at_8000_unless_something_else_is_chosen() -> None:
    assert CARRIER.media_format(CARRIER.settings, 8000) == PCM
    mulaw = CARRIER.media_format(KazooSettings(encoding=Encoding.MULAW), 8000)
    assert mulaw == MediaFormat(Encoding.MULAW, 8000)
    codec = CARRIER.new_codec(CARRIER.settings, PCM)
    with pytest.raises(RemoteProtocolError, match="TRIOAUDIO_KAZOO_ENCODING"):
        codec.receive(start("audio/x-mulaw"))


@pytest.mark.parametrize("sample_rate", [8000, 16000, 24000])
@given(pcm=st.binary(max_size=500).map(lambda half: half + half))
def test_each_message_is_a_wav_file_and_is_played_at_once(sample_rate: int, pcm: bytes) -> None:
    codec = CARRIER.new_codec(CARRIER.settings, MediaFormat(Encoding.PCM16, sample_rate))
    assert codec.receive(start(sample_rate=sample_rate)) == [
        Started("MZ1", "CA1", "audio/L16", sample_rate)
    ]
    payload = base64.b64encode(pcm).decode()
    file, play = codec.seal(payload)
    assert play == PLAY
    message = json.loads(file)
    assert message["streamSid"] == "MZ1"
    assert message["media"]["format"] == {"encoding": "audio/wav"}
    assert payload in message["media"]["payload"]
    data = base64.b64decode(message["media"]["payload"], validate=True)
    assert int.from_bytes(data[4:8], "little") == len(data) - 8
    with wave.open(io.BytesIO(data)) as read:
        assert read.getparams()[:4] == (1, 2, sample_rate, len(pcm) // 2)
        assert read.readframes(len(pcm)) == pcm
    assert codec.send(SendAudio(payload)) == [file, play]


def test_a_file_of_mulaw_says_so() -> None:
    codec = CARRIER.new_codec(CARRIER.settings, MediaFormat(Encoding.MULAW, 8000))
    codec.receive(start("audio/x-mulaw"))
    file, _ = codec.seal(base64.b64encode(b"\xff" * 480).decode())
    data = base64.b64decode(json.loads(file)["media"]["payload"])
    assert int.from_bytes(data[4:8], "little") == len(data) - 8
    # tag, channels, rates, bytes and bits of a sample, and no more about the format
    numbers = [int.from_bytes(data[at : at + 2], "little") for at in (20, 22, 24, 28, 32, 34, 36)]
    assert numbers == [7, 1, 8000, 8000, 1, 8, 0]
    assert data[38:50] == b"fact" + (4).to_bytes(4, "little") + (480).to_bytes(4, "little")
    assert data.endswith(b"data" + (480).to_bytes(4, "little") + b"\xff" * 480)


def test_a_file_holds_an_even_number_of_bytes() -> None:
    assert CARRIER.unit.multiple % 2 == 0


@pytest.mark.parametrize("sample_rate", [8000, 16000, 24000])
def test_an_utterance_is_one_file_up_to_a_minute(sample_rate: int) -> None:
    shape = shape_for(CARRIER, CARRIER.settings, PcmFormat(sample_rate))
    assert shape.frames_per_item == 1000
    assert not shape.marks
    shorter = shape_for(CARRIER, KazooSettings(frames_per_message=5), PcmFormat(sample_rate))
    assert shorter.frames_per_item == 5


def test_what_is_played_cannot_be_cleared_and_nothing_is_sent_ahead() -> None:
    codec = CARRIER.new_codec(CARRIER.settings, PCM)
    codec.receive(start())
    assert codec.send(ClearAudio()) == codec.send(SendMark("m")) == []
    assert not CARRIER.clears
    assert CARRIER.settings.lead_ms == 0


def test_a_mark_that_comes_back_is_one_of_a_file() -> None:
    codec = CARRIER.new_codec(CARRIER.settings, PCM)
    codec.receive(start())
    events = codec.receive('{"event":"mark","streamSid":"MZ1","mark":{"name":"file"}}')
    assert events == [Ignored("a file was played")]


def test_the_rest_is_read_as_the_family_writes_it() -> None:
    codec = CARRIER.new_codec(CARRIER.settings, PCM)
    codec.receive(start())
    media = '{"event":"media","streamSid":"MZ1","media":{"track":"inbound","payload":"AAECAw=="}}'
    assert codec.is_media(media)
    assert codec.receive(media) == [CallerAudio(b"\0\1\2\3", "inbound")]
    assert codec.receive('{"event":"stop","streamSid":"MZ1"}') == [Stopped()]


def test_only_closing_ends_the_call() -> None:
    codec = CARRIER.new_codec(CARRIER.settings, PCM)
    codec.receive(start())
    for command in (HangUp(), EndStream(), Answer(), Pause()):
        assert codec.send(command) == []
    with pytest.raises(LocalProtocolError, match="kazoo: the stream has no message to SendDtmf"):
        codec.send(SendDtmf("1"))


def test_what_is_no_base64_or_too_early_is_our_error() -> None:
    codec = CARRIER.new_codec(CARRIER.settings, PCM)
    with pytest.raises(LocalProtocolError, match="kazoo: audio before"):
        codec.seal("AAAA")
    codec.receive(start())
    with pytest.raises(LocalProtocolError, match="kazoo: audio goes as base64"):
        codec.seal(bytes(960))


def test_an_id_may_be_any_text() -> None:
    codec = CARRIER.new_codec(CARRIER.settings, PCM)
    codec.receive(json.dumps({"event": "start", "streamSid": 'a"bü'}))
    for message in codec.seal("AAAA"):
        assert json.loads(message)["streamSid"] == 'a"bü'
