import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trioaudio.carriers._asterisk_text import Control
from trioaudio.carriers.asterisk import CARRIER, LARGEST_MESSAGE, AsteriskCodec, AsteriskSettings
from trioaudio.core.carrier import (
    Answer,
    CallerAudio,
    CarrierSettings,
    ClearAudio,
    Command,
    Complaint,
    DtmfPressed,
    EndStream,
    Event,
    FlowPaused,
    FlowResumed,
    HangUp,
    Ignored,
    MarkPlayed,
    MarksAfterClear,
    Message,
    Pause,
    QueueDrained,
    Recovery,
    Resume,
    Role,
    SendAudio,
    SendDtmf,
    SendMark,
    Started,
    Transfer,
)
from trioaudio.core.encoding import Encoding, MediaFormat
from trioaudio.core.errors import LocalProtocolError, RemoteProtocolError
from trioaudio.core.secret import Secret
from trioaudio.core.upgrade import UpgradeRefusedError, UpgradeRequest

SLIN = MediaFormat(Encoding.PCM16, 8000)
SLIN16 = MediaFormat(Encoding.PCM16, 16000)
ULAW = MediaFormat(Encoding.MULAW, 8000)
ALAW = MediaFormat(Encoding.ALAW, 8000)
PLAIN = AsteriskSettings(control=Control.PLAIN)

START: dict[str, Any] = {
    "event": "MEDIA_START",
    "connection_id": "media1",
    "channel": "WebSocket/media1/0x7f",
    "channel_id": "1763.7",
    "format": "slin",
    "optimal_frame_size": 320,
    "ptime": 20,
    "channel_variables": {"REF": "42"},
}
PLAIN_START = (
    "MEDIA_START connection_id:media1 channel:WebSocket/media1/0x7f channel_id:1763.7"
    " format:slin optimal_frame_size:320 ptime:20"
)
OLDEST_START = "MEDIA_START connection_id:media1 channel:WebSocket/media1/0x7f"


def start(**changed: Any) -> str:
    return json.dumps({**START, **changed})


def fresh(media: MediaFormat = SLIN, settings: CarrierSettings = CARRIER.settings) -> AsteriskCodec:
    return AsteriskCodec(settings, media)


def opened(opening: str = "", settings: CarrierSettings = CARRIER.settings) -> AsteriskCodec:
    codec = fresh(settings=settings)
    codec.receive(opening or start())
    return codec


# --- The start ---------------------------------------------------------------------------


def test_the_start_in_json_tells_the_channels_variables() -> None:
    assert fresh().receive(start()) == [Started("media1", "1763.7", "slin", 8000, {"REF": "42"})]


@pytest.mark.parametrize("variables", [{}, None, "REF", []])
def test_no_variables_are_no_metadata(variables: object) -> None:
    (started,) = fresh().receive(start(channel_variables=variables))
    assert isinstance(started, Started)
    assert started.metadata is None


def test_the_start_in_plain_text() -> None:
    assert fresh().receive(PLAIN_START) == [Started("media1", "1763.7", "slin", 8000)]


def test_the_start_of_the_oldest_tells_no_format() -> None:
    assert fresh().receive(OLDEST_START) == [Started("media1", None, None, 8000)]
    assert fresh(SLIN16).receive(OLDEST_START + " optimal_frame_size:640") == [
        Started("media1", None, None, 16000)
    ]


@pytest.mark.parametrize(
    ("name", "size", "media"),
    [
        ("ulaw", 160, ULAW),
        ("alaw", 160, ALAW),
        ("slin", 320, SLIN),
        ("slin16", 640, SLIN16),
        ("SLIN16", "640", SLIN16),
    ],
)
def test_the_format_expected(name: str, size: object, media: MediaFormat) -> None:
    (started,) = fresh(media).receive(start(format=name, optimal_frame_size=size))
    assert started == Started("media1", "1763.7", name, media.sample_rate, {"REF": "42"})


@pytest.mark.parametrize(
    ("opening", "complaint"),
    [
        (start(format="ulaw", optimal_frame_size=160), "'ulaw', which is mulaw at 8000 Hz;"),
        (start(format="slin16", optimal_frame_size=640), "'slin16', which is pcm16 at 16000 Hz;"),
        (start(format="opus", optimal_frame_size=0), "'opus', which is what cannot be cut"),
        (start(optimal_frame_size=0), "optimal_frame_size 0 means a codec in passthrough mode"),
        (start(optimal_frame_size=160), "160 bytes a frame, but 20 ms of pcm16 at 8000 Hz are 320"),
        (OLDEST_START + " optimal_frame_size:640", "640 bytes a frame"),
    ],
)
def test_any_other_format_would_be_noise(opening: str, complaint: str) -> None:
    with pytest.raises(RemoteProtocolError, match=complaint) as raised:
        fresh().receive(opening)
    assert "c(" in str(raised.value)


def test_a_second_start_is_odd_and_one_of_another_channel_is_the_end() -> None:
    codec = opened()
    assert codec.receive(start()) == [Complaint("MEDIA_START a second time; dropped")]
    for again in (PLAIN_START, OLDEST_START, "MEDIA_START", start(format="opus")):
        assert codec.receive(again) == [Complaint("MEDIA_START a second time; dropped")]
    assert codec.send(ClearAudio()) == ['{"command":"FLUSH_MEDIA"}']
    with pytest.raises(RemoteProtocolError, match="of another channel"):
        codec.receive(start(channel_id="1763.8"))


# --- Events ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("in_json", "in_plain", "event"),
    [
        ({"event": "MEDIA_XOFF"}, "MEDIA_XOFF", FlowPaused()),
        ({"event": "MEDIA_XON"}, "MEDIA_XON", FlowResumed()),
        ({"event": "QUEUE_DRAINED"}, " QUEUE_DRAINED ", QueueDrained()),
        (
            {"event": "MEDIA_MARK_PROCESSED", "correlation_id": "u1g0"},
            "MEDIA_MARK_PROCESSED u1g0",
            MarkPlayed("u1g0", heard=True),
        ),
        (
            {"event": "MEDIA_MARK_PROCESSED", "correlation_id": ""},
            "MEDIA_MARK_PROCESSED",
            Complaint("a mark without an id; dropped"),
        ),
        (
            {"event": "MEDIA_BUFFERING_COMPLETED", "correlation_id": "b1"},
            "MEDIA_BUFFERING_COMPLETED b1",
            Ignored("event 'MEDIA_BUFFERING_COMPLETED'"),
        ),
        (
            {"event": "DTMF_END", "digit": "#"},
            "DTMF_END digit:# channel_id:1763.7",
            DtmfPressed("#"),
        ),
        ({"event": "DTMF_END", "digit": 5}, "DTMF_END digit:5", DtmfPressed("5")),
        (
            {"event": "DTMF_END", "digit": "x"},
            "DTMF_END digit:x",
            Complaint("a key that does not exist: 'x'; dropped"),
        ),
        (
            {"event": "STATUS", "queue_length": 12, "queue_full": False},
            "STATUS channel_id:1763.7 queue_length:12 queue_full:false",
            Ignored("event 'STATUS'"),
        ),
        (
            {"event": "ERROR", "error_text": "Unable to parse: JSON command"},
            "ERROR channel_id:1763.7 error_text:Unable to parse: JSON command",
            Complaint("Asterisk reports an error: 'Unable to parse: JSON command'"),
        ),
        (
            {"event": "ERROR", "error_text": "\u2603" + "x" * 5000},
            "ERROR error_text:\u2603" + "x" * 5000,
            Complaint("Asterisk reports an error: '\\u2603" + "x" * 119 + "'"),
        ),
        ({"event": "ERROR"}, "ERROR", Complaint("Asterisk reports an error: ''")),
        ({"event": "WEATHER"}, "WEATHER fine", Ignored("event 'WEATHER'")),
        ({}, "", Ignored("event ''")),
    ],
)
@pytest.mark.parametrize("opening", [start(), PLAIN_START])
def test_events_are_understood_in_either_notation(
    in_json: dict[str, Any], in_plain: str, event: Event, opening: str
) -> None:
    assert opened(opening).receive(json.dumps(in_json)) == [event]
    assert opened(opening).receive(json.dumps({**in_json, "channel_id": "1763.7"})) == [event]
    assert opened(opening).receive(in_plain) == [event]


@pytest.mark.parametrize("text", ["{", "[1]", '{"event":', "[" * 100_000, '{"event":1}x'])
def test_broken_json_is_dropped(text: str) -> None:
    assert opened().receive(text) == [
        Complaint("text that is neither a JSON object nor a plain event; dropped")
    ]


@pytest.mark.parametrize(
    "text",
    ['{"event":"DTMF_END","digit":"1","channel_id":"1763.8"}', "DTMF_END digit:1 channel_id:x"],
)
def test_an_event_of_another_channel_is_dropped(text: str) -> None:
    assert opened().receive(text) == [Complaint("'DTMF_END' of another channel; dropped")]


@pytest.mark.parametrize("text", ['{"event":"MEDIA_XOFF"}', "MEDIA_XOFF"])
def test_an_event_before_the_start_is_dropped(text: str) -> None:
    assert fresh().receive(text) == [Complaint("'MEDIA_XOFF' before MEDIA_START; dropped")]


@pytest.mark.parametrize("codec", [fresh(), opened()])
def test_audio_may_come_before_the_start(codec: AsteriskCodec) -> None:
    assert codec.receive(bytes(320)) == [CallerAudio(bytes(320))]
    assert codec.is_media(bytes(320))
    assert not codec.is_media("MEDIA_XOFF")


def test_half_a_sample_is_dropped_where_there_can_be_one() -> None:
    assert fresh().receive(b"abc") == [
        CallerAudio(b"ab"),
        Complaint("3 bytes of audio are no whole samples; last byte dropped"),
    ]
    assert fresh(ULAW).receive(b"abc") == [CallerAudio(b"abc")]


# --- Commands ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "in_json", "in_plain"),
    [
        (SendMark("u1g0"), '{"command":"MARK_MEDIA","correlation_id":"u1g0"}', "MARK_MEDIA u1g0"),
        (ClearAudio(), '{"command":"FLUSH_MEDIA"}', "FLUSH_MEDIA"),
        (Pause(), '{"command":"PAUSE_MEDIA"}', "PAUSE_MEDIA"),
        (Resume(), '{"command":"CONTINUE_MEDIA"}', "CONTINUE_MEDIA"),
        (HangUp("done"), '{"command":"HANGUP"}', "HANGUP"),
    ],
)
def test_commands_are_written_as_asterisk_writes_its_events(
    command: Command, in_json: str, in_plain: str
) -> None:
    assert opened(start(), PLAIN).send(command) == [in_json]
    assert opened(PLAIN_START).send(command) == [in_plain]


def test_before_the_start_the_setting_says_how() -> None:
    assert fresh().send(HangUp()) == ['{"command":"HANGUP"}']
    assert fresh(settings=PLAIN).send(HangUp()) == ["HANGUP"]
    assert fresh(settings=CarrierSettings()).send(HangUp()) == ['{"command":"HANGUP"}']


def test_the_channel_is_answered_if_that_is_left_to_us() -> None:
    assert opened().send(Answer()) == []
    assert opened(settings=AsteriskSettings(answer=True)).send(Answer()) == ['{"command":"ANSWER"}']


def test_a_flush_does_not_end_a_pause_so_we_do() -> None:
    codec = opened()
    codec.send(Pause())
    assert codec.send(ClearAudio()) == [
        '{"command":"FLUSH_MEDIA"}',
        '{"command":"CONTINUE_MEDIA"}',
    ]
    assert codec.send(ClearAudio()) == ['{"command":"FLUSH_MEDIA"}']
    codec.send(Pause())
    codec.send(Resume())
    assert codec.send(ClearAudio()) == ['{"command":"FLUSH_MEDIA"}']


@pytest.mark.parametrize(
    ("opening", "longest"), [(start(), 128 - 44), (PLAIN_START, 128 - len("MARK_MEDIA "))]
)
def test_a_mark_asterisk_would_ignore_is_our_fault(opening: str, longest: int) -> None:
    (message,) = opened(opening).send(SendMark("x" * longest))
    assert len(message) == 128
    with pytest.raises(LocalProtocolError, match="over 128 bytes"):
        opened(opening).send(SendMark("x" * (longest + 1)))


def test_a_long_command_is_counted_in_bytes() -> None:
    with pytest.raises(LocalProtocolError, match="over 128 bytes"):
        opened(PLAIN_START).send(SendMark("é" * 100))


def test_closing_ends_the_stream() -> None:
    assert opened().send(EndStream()) == []


@pytest.mark.parametrize("command", [SendDtmf("1"), Transfer(("911",))])
def test_what_there_is_no_command_for(command: Command) -> None:
    with pytest.raises(LocalProtocolError, match=f"no command for {type(command).__name__}"):
        opened().send(command)


# --- Audio -------------------------------------------------------------------------------


@given(st.binary(max_size=2000))
def test_audio_goes_as_it_is(audio: bytes) -> None:
    assert opened().seal(audio) == (audio,)
    assert opened().send(SendAudio(audio)) == [audio]


@pytest.mark.parametrize("media", [ULAW, SLIN, SLIN16])
def test_what_is_too_long_is_cut_between_frames(media: MediaFormat) -> None:
    audio = bytes(media.bytes_in(60_000))
    sealed = opened().seal(audio)
    assert all(0 < len(each) <= 65_500 for each in sealed)
    assert all(len(each) % media.bytes_in(20) == 0 for each in sealed)
    assert b"".join(each for each in sealed if isinstance(each, bytes)) == audio
    assert opened().seal(bytes(LARGEST_MESSAGE)) == (bytes(LARGEST_MESSAGE),)


def test_audio_is_bytes_and_comes_after_the_start() -> None:
    with pytest.raises(LocalProtocolError, match="as bytes, not as text"):
        opened().seal("AAAA")
    with pytest.raises(LocalProtocolError, match="before MEDIA_START"):
        fresh().seal(bytes(960))


def test_a_message_may_be_read_by_anybody() -> None:
    messages: list[Message] = opened().send(SendMark('quote " and \\'))
    assert json.loads(messages[0])["correlation_id"] == 'quote " and \\'


# --- The door, and the description -------------------------------------------------------


def request(authorization: str | None) -> UpgradeRequest:
    headers = {} if authorization is None else {"authorization": authorization}
    return UpgradeRequest("wss://voice.example.com", "/media/x", "", headers, "192.0.2.1:9", 0.0)


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def test_who_dials_has_the_name_and_password_of_websocket_client_conf() -> None:
    settings = AsteriskSettings(user="pbx", password=Secret("hush"))
    assert CARRIER.door_check is not None
    assert CARRIER.door_check.missing(settings) is None
    assert CARRIER.door_check.missing(AsteriskSettings()) == "password"
    CARRIER.door_check.check(settings, request(basic("pbx", "hush")))
    for wrong, status in ((basic("pbx", "hash"), 403), (None, 401)):
        with pytest.raises(UpgradeRefusedError) as refused:
            CARRIER.door_check.check(settings, request(wrong))
        assert refused.value.status == status


def test_the_description() -> None:
    assert CARRIER.roles == {Role.ANSWER, Role.DIAL}
    assert CARRIER.recovery is Recovery.END
    assert CARRIER.subprotocols == ("media",)
    assert CARRIER.marks_after_clear is MarksAfterClear.DROPPED
    assert CARRIER.settings.lead_ms == 180
    assert CARRIER.media_format(CARRIER.settings, 16000) == SLIN16
