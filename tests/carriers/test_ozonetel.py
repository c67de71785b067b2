import json
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trioaudio.carriers.ozonetel import CARRIER, OzonetelCodec, OzonetelSettings
from trioaudio.core.carrier import (
    Acknowledges,
    Answer,
    CallerAudio,
    CarrierSettings,
    ClearAudio,
    Command,
    Complaint,
    DtmfPressed,
    EndStream,
    Event,
    HangUp,
    Ignored,
    Message,
    Pause,
    Recovery,
    Resume,
    SendAudio,
    SendDtmf,
    SendMark,
    Started,
    Stopped,
    Transfer,
)
from trioaudio.core.encoding import Encoding, MediaFormat, PayloadForm
from trioaudio.core.errors import LocalProtocolError, RemoteProtocolError
from trioaudio.core.payload import payload_encoder

MEDIA = MediaFormat(Encoding.PCM16, 8000)
SAMPLES = st.lists(st.integers(-32768, 32767), min_size=1, max_size=500)


def start(**changes: Any) -> str:
    told = {"event": "start", "type": "text", "ucid": "u1", "did": "91", **changes}
    return json.dumps({name: value for name, value in told.items() if value is not None})


def media(**changes: Any) -> str:
    data = {"samples": [1, -2], "bitsPerSample": 16, "sampleRate": 8000, "channelCount": 1}
    told = {"event": "media", "type": "media", "ucid": "u1", "data": {**data, **changes}}
    return json.dumps(told)


def started(settings: CarrierSettings = CARRIER.settings) -> OzonetelCodec:
    codec = OzonetelCodec(settings, MEDIA)
    assert isinstance(codec.receive(start())[0], Started)
    return codec


def data_of(message: Message) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(message)
    assert {name: told[name] for name in ("event", "type", "ucid")} == {
        "event": "media",
        "type": "media",
        "ucid": "u1",
    }
    data: dict[str, Any] = told["data"]
    return data


# --- The start -------------------------------------------------------------------------------


def test_the_call_is_its_ucid_and_their_call_id_is_metadata() -> None:
    codec = OzonetelCodec(CARRIER.settings, MEDIA)
    opening = start(call_id="919", media={"encoding": "PCMU", "sampleRate": "8000", "channels": 1})
    assert codec.receive(opening) == [
        Started("u1", "u1", "pcm16", 8000, {"did": "91", "call_id": "919"})
    ]


def test_it_may_say_nothing_else() -> None:
    codec = OzonetelCodec(CARRIER.settings, MEDIA)
    assert codec.receive('{"event":"start","ucid":17}') == [Started("17", "17", "pcm16", 8000)]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"ucid": None}, "no ucid"),
        ({"media": {"sampleRate": 16000}}, "TRIOAUDIO_SAMPLE_RATE"),
        ({"media": {"channels": 2}}, "TRIOAUDIO_SAMPLE_RATE"),
    ],
)
def test_a_start_we_cannot_work_with_is_refused(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(RemoteProtocolError, match=says):
        OzonetelCodec(CARRIER.settings, MEDIA).receive(start(**changes))


def test_a_connection_carries_one_call() -> None:
    codec = started()
    assert isinstance(codec.receive(start())[0], Complaint)
    with pytest.raises(RemoteProtocolError, match="another stream"):
        codec.receive(start(ucid="u2"))


# --- In the stream ---------------------------------------------------------------------------


@given(SAMPLES)
def test_samples_are_integers(samples: list[int]) -> None:
    assert started().receive(media(samples=samples)) == [
        CallerAudio(struct.pack(f"<{len(samples)}h", *samples))
    ]


def test_the_first_message_alone_may_claim_another_rate() -> None:
    codec = started()
    assert codec.receive(media(sampleRate=16000)) == []
    assert codec.receive(media()) == [CallerAudio(b"\1\0\xfe\xff")]
    assert codec.receive(media(sampleRate=16000)) == [
        Complaint("media with sampleRate 16000, not 8000; dropped")
    ]
    assert isinstance(started().receive(media(sampleRate=24000))[0], Complaint)


@pytest.mark.parametrize(
    ("message", "events"),
    [
        (media(sampleRate="8000", bitsPerSample=None), [CallerAudio(b"\1\0\xfe\xff")]),
        (media(samples=[]), [CallerAudio(b"")]),
        ('{"type":"media","ucid":"u1","data":{"samples":[1]}}', [CallerAudio(b"\1\0")]),
        ('{"event":"media","type":"dtmf","signal":"5"}', [DtmfPressed("5")]),
        ('{"event":"media","type":"dtmf","data":{"signal":7}}', [DtmfPressed("7")]),
        ('{"event":"dtmf","digit":"#"}', [DtmfPressed("#")]),
        ('{"event":"mark","type":"ack","seqid":"x"}', [Ignored("event 'mark'")]),
        ('{"event":"stop","cause":433}', [Stopped("433")]),
        ('{"event":"stop","type":"text"}', [Stopped()]),
        ("{}", [Ignored("event None")]),
        ('{"event":"error","message":"no"}', [Complaint("the carrier reports an error: 'no'")]),
    ],
)
def test_what_comes_is_understood(message: str, events: list[Event]) -> None:
    assert started().receive(message) == events


@pytest.mark.parametrize(
    ("message", "says"),
    [
        (b"\0\0", "2 binary bytes"),
        ("no", "no JSON object"),
        (media(samples=None), "16-bit integer samples"),
        (media(samples="0,0"), "16-bit integer samples"),
        (media(samples=[0.5]), "16-bit integer samples"),
        (media(samples=["0"]), "16-bit integer samples"),
        (media(samples=[None]), "16-bit integer samples"),
        (media(samples=[32768]), "16-bit integer samples"),
        (media(samples=[10**30]), "16-bit integer samples"),
        (media(samples=[[0]]), "16-bit integer samples"),
        (media(bitsPerSample=8), "bitsPerSample 8, not 16"),
        (media(channelCount=2), "channelCount 2, not 1"),
        (media(sampleRate="fast"), "sampleRate 'fast', not 8000"),
        ('{"event":"media","type":"media","ucid":"u2"}', "another stream"),
        ('{"event":"media","type":"media","data":[0]}', "16-bit integer samples"),
        ('{"event":"media","type":"media","event":"stop"}', "16-bit integer samples"),
        ('{"event":"media","type":"dtmf"}', "a key that does not exist"),
        ('{"event":"media","type":"dtmf","signal":"flash"}', "a key that does not exist"),
    ],
)
def test_what_is_wrong_is_dropped_and_told(message: Message, says: str) -> None:
    (event,) = started().receive(message)
    assert isinstance(event, Complaint)
    assert says in event.text


def test_media_belongs_between_start_and_stop() -> None:
    codec = OzonetelCodec(CARRIER.settings, MEDIA)
    assert codec.receive(media()) == [Complaint("media before the stream was started; dropped")]
    codec.receive(start())
    codec.receive('{"event":"stop"}')
    for late in (media(), start(), '{"event":"stop"}', '{"event":"mark"}'):
        (event,) = codec.receive(late)
        assert isinstance(event, Complaint)
        assert "after the stream has ended" in event.text


def test_media_is_told_from_its_first_characters() -> None:
    codec = started()
    assert codec.is_media(media())
    assert not codec.is_media('{"event":"media","type":"dtmf","signal":"5"}')
    assert not codec.is_media(start())
    assert not codec.is_media(b'{"event":"media","type":"media"}')


# --- What we send ----------------------------------------------------------------------------


@given(SAMPLES, st.integers(1, 200))
def test_audio_is_cut_into_whole_packets(samples: list[int], packet: int) -> None:
    pcm = struct.pack(f"<{len(samples)}h", *samples)
    payload = payload_encoder(Encoding.PCM16, PayloadForm.NUMBERS)(pcm)
    sealed = list(started(OzonetelSettings(packet_samples=packet)).seal(payload))
    packets = [data_of(message) for message in sealed]
    assert all(len(each["samples"]) == each["numberOfFrames"] == packet for each in packets)
    sent = [sample for each in packets for sample in each["samples"]]
    assert sent[: len(samples)] == samples
    assert sent[len(samples) :] == [0] * (len(sent) - len(samples))
    assert len(sent) - len(samples) < packet


def test_a_frame_is_six_packets_of_10_ms() -> None:
    sealed = list(started().seal(",".join(["-7"] * 480)))
    assert len(sealed) == 6
    assert data_of(sealed[0]) == {
        "samples": [-7] * 80,
        "bitsPerSample": 16,
        "sampleRate": 8000,
        "channelCount": 1,
        "numberOfFrames": 80,
        "type": "data",
    }
    assert started(CarrierSettings()).send(SendAudio(",".join(["-7"] * 480))) == sealed


@pytest.mark.parametrize("packet", [0, -1])
def test_or_one_message_when_the_platform_takes_any_number(packet: int) -> None:
    (message,) = started(OzonetelSettings(packet_samples=packet)).seal("1,2,3")
    assert data_of(message)["samples"] == [1, 2, 3]
    assert data_of(message)["numberOfFrames"] == 3


def test_a_clear_names_the_extension_if_there_is_one() -> None:
    assert started().send(ClearAudio()) == ['{"command":"clearBuffer"}']
    (message,) = started(OzonetelSettings(extension="5142")).send(ClearAudio())
    assert json.loads(message) == {
        "command": "clearBuffer",
        "extension": "5142",
        "sessionId": "u1",
    }


@pytest.mark.parametrize(
    ("command", "sent"),
    [
        (HangUp(), ['{"command":"callDisconnect"}']),
        (SendMark("m"), []),
        (EndStream(), []),
        (Answer(), []),
        (Pause(), []),
        (Resume(), []),
    ],
)
def test_commands(command: Command, sent: list[str]) -> None:
    assert started().send(command) == sent


@pytest.mark.parametrize("command", [SendDtmf("1"), Transfer(("911",))])
def test_what_cannot_be_done_is_not_passed_over_in_silence(command: Command) -> None:
    with pytest.raises(LocalProtocolError, match=f"no way to {type(command).__name__}"):
        started().send(command)


def test_nothing_is_sent_before_the_start() -> None:
    codec = OzonetelCodec(CARRIER.settings, MEDIA)
    assert codec.send(ClearAudio()) == []
    with pytest.raises(LocalProtocolError, match="before the start"):
        codec.seal("1,2")


def test_bytes_are_no_payload_for_numbers() -> None:
    with pytest.raises(LocalProtocolError, match="numbers"):
        started().seal(b"\0\0")


def test_the_description() -> None:
    assert CARRIER.sample_rates == (8000,)
    assert CARRIER.form is PayloadForm.NUMBERS
    assert CARRIER.unit.packet_ms == 10
    assert CARRIER.acknowledges is Acknowledges.NOTHING
    assert CARRIER.recovery is Recovery.END
    assert CARRIER.hangs_up
