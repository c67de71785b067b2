import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trioaudio.carriers._media_streams import (
    Counters,
    MediaStreamsCodec,
    StreamDialect,
    StreamSettings,
)
from trioaudio.core.carrier import (
    PREFIX_LENGTH,
    Answer,
    CallerAudio,
    ClearAudio,
    Command,
    Complaint,
    DtmfPressed,
    EndStream,
    Event,
    HangUp,
    Ignored,
    MarkPlayed,
    Message,
    Pause,
    Resume,
    SendAudio,
    SendDtmf,
    SendMark,
    Started,
    Stopped,
    Transfer,
)
from trioaudio.core.encoding import Encoding, MediaFormat
from trioaudio.core.errors import LocalProtocolError, RemoteProtocolError

MULAW = MediaFormat(Encoding.MULAW, 8000)
PCM = MediaFormat(Encoding.PCM16, 8000)
PLAIN = StreamDialect("plain")
NAMELESS = StreamDialect("nameless", stream_keys=())
NUMBERED = StreamDialect("numbered", counters=Counters.CHUNK)
STAMPED = StreamDialect("stamped", ("stream_sid", "streamSid"), Counters.FULL)
CUT = StreamDialect("cut", ("stream_id",), packet_ms=20)
HANGING = StreamDialect("hanging", hang_up_event="end")
START = {"event": "start", "streamSid": "MZ1", "start": {"callSid": "CA1"}}
FRAME = base64.b64encode(b"\xff" * 480).decode()


def codec(
    dialect: StreamDialect = PLAIN, media: MediaFormat = MULAW, start: object = START
) -> MediaStreamsCodec:
    """Return a codec whose stream has started, unless `start` is None."""
    made = MediaStreamsCodec(dialect, StreamSettings(), media)
    if start is not None:
        (started,) = made.receive(json.dumps(start))
        assert isinstance(started, Started)
    return made


def media(payload: str, **more: object) -> str:
    return json.dumps({"event": "media", "media": {"payload": payload, **more}})


def complaint(events: list[Event]) -> str:
    (event,) = events
    assert isinstance(event, Complaint)
    return event.text


def sealed(made: MediaStreamsCodec, payload: str = FRAME) -> list[Any]:
    return [json.loads(message) for message in made.seal(payload)]


# --- The start ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "start",
    [
        {"event": "start", "streamSid": "S", "start": {"callSid": "C"}},
        {"event": "start", "start": {"streamSid": "S", "callSid": "C"}},
        {"event": "start", "stream_sid": "S", "start": {"call_sid": "C"}},
        {"event": "start", "stream_id": "S", "start": {"call_control_id": "C"}},
        {"event": "start", "stream_id": "S", "call_id": "C"},
        {"event": "start", "streamId": "S", "callId": "C", "start": [1]},
        {"event": "start", "streamSid": "", "start": {"streamSid": "S", "callSid": "C"}},
    ],
)
def test_ids_are_found_however_they_are_spelt(start: object) -> None:
    for dialect in (PLAIN, NAMELESS, STAMPED, CUT):
        events = codec(dialect, start=None).receive(json.dumps(start))
        assert events == [Started("S", "C")]


def test_ids_may_be_numbers() -> None:
    made = codec(start=None)
    events = made.receive('{"event":"start","streamSid":7,"start":{"callSid":8}}')
    assert events == [Started("7", "8")]
    assert sealed(made)[0]["streamSid"] == "7"


@pytest.mark.parametrize(
    ("parameters", "metadata"),
    [({"a": "1"}, {"a": "1"}), ({}, {}), ([], None), ("x", None), (None, None)],
)
@pytest.mark.parametrize("key", ["customParameters", "custom_parameters"])
def test_custom_parameters_are_metadata(key: str, parameters: object, metadata: object) -> None:
    start = {"event": "start", "streamSid": "S", "start": {key: parameters}}
    assert codec(start=None).receive(json.dumps(start)) == [Started("S", metadata=metadata)]


@pytest.mark.parametrize(
    ("expected", "encoding"),
    [
        (Encoding.MULAW, "audio/x-mulaw"),
        (Encoding.MULAW, "PCMU"),
        (Encoding.MULAW, "audio/pcmu"),
        (Encoding.ALAW, "PCMA"),
        (Encoding.ALAW, "audio/x-alaw"),
        (Encoding.PCM16, "audio/x-raw"),
        (Encoding.PCM16, "audio/L16;rate=8000"),
        (Encoding.PCM16, "linear16"),
        (Encoding.PCM16_BE, "audio/l16"),
    ],
)
@pytest.mark.parametrize("sample_rate", [8000, "8000", 8000.0])
@pytest.mark.parametrize("camel", [True, False])
def test_a_format_is_understood_however_it_is_spelt(
    expected: Encoding, encoding: str, sample_rate: object, camel: bool
) -> None:
    key, rate = ("mediaFormat", "sampleRate") if camel else ("media_format", "sample_rate")
    announced = {"encoding": encoding, rate: sample_rate, "channels": "1"}
    start = {"event": "start", "streamSid": "S", "start": {key: announced}}
    events = codec(media=MediaFormat(expected, 8000), start=None).receive(json.dumps(start))
    assert events == [Started("S", None, encoding, 8000)]


@pytest.mark.parametrize("announced", [None, {}, "PCMU", [], {"encoding": None, "channels": "one"}])
def test_a_format_need_not_be_announced(announced: object) -> None:
    start = {"event": "start", "streamSid": "S", "mediaFormat": announced}
    assert codec(start=None).receive(json.dumps(start)) == [Started("S")]


@pytest.mark.parametrize(
    ("announced", "words"),
    [
        ({"encoding": "PCMA", "sampleRate": 8000}, "'PCMA'"),
        ({"encoding": "G722"}, "'G722'"),
        ({"encoding": "audio/L16"}, "'audio/L16'"),
        ({"sampleRate": 16000}, "rate 16000"),
        ({"sample_rate": "24000"}, "rate 24000"),
        ({"channels": 2}, "channels 2"),
    ],
)
def test_another_format_is_refused_with_the_setting_to_change(
    announced: object, words: str
) -> None:
    start = {"event": "start", "streamSid": "S", "start": {"mediaFormat": announced}}
    with pytest.raises(RemoteProtocolError) as refused:
        codec(start=None).receive(json.dumps(start))
    for each in (words, "mulaw at 8000 Hz", "TRIOAUDIO_PLAIN_ENCODING", "TRIOAUDIO_SAMPLE_RATE"):
        assert each in str(refused.value)


@pytest.mark.parametrize(
    "stream_id", [None, "", True, [], {}], ids=["none", "empty", "true", "list", "object"]
)
def test_a_start_without_an_id_is_refused_where_one_is_needed(stream_id: object) -> None:
    start = json.dumps({"event": "start", "streamSid": stream_id, "start": {}})
    for dialect, key in ((PLAIN, "streamSid"), (CUT, "stream_id")):
        with pytest.raises(RemoteProtocolError, match=f"{dialect.name} .* without {key}"):
            codec(dialect, start=None).receive(start)
    assert codec(NAMELESS, start=None).receive(start) == [Started()]


@pytest.mark.parametrize(
    "second", [START, {"event": "start", "streamSid": "MZ1"}, {"event": "start", "callSid": "CA1"}]
)
def test_a_second_start_of_the_same_stream_is_ignored(second: object) -> None:
    made = codec()
    assert "second start" in complaint(made.receive(json.dumps(second)))
    assert sealed(made)[0]["streamSid"] == "MZ1"


@pytest.mark.parametrize("other", [{"streamSid": "MZ2"}, {"start": {"callSid": "CA2"}}])
def test_another_stream_on_the_same_connection_is_refused(other: dict[str, object]) -> None:
    with pytest.raises(RemoteProtocolError, match="plain: another stream was started"):
        codec().receive(json.dumps({**START, **other}))


# --- Audio, keys, marks ------------------------------------------------------------------


@given(audio=st.binary(min_size=1, max_size=200))
def test_caller_audio_is_what_the_payload_stands_for(audio: bytes) -> None:
    text = base64.b64encode(audio).decode()
    assert codec().receive(media(text)) == [CallerAudio(audio)]
    assert codec().receive(media(text, track="inbound")) == [CallerAudio(audio, "inbound")]


def test_half_a_sample_is_dropped_and_told() -> None:
    audio, odd = codec(media=PCM).receive(media(base64.b64encode(b"abc").decode()))
    assert audio == CallerAudio(b"ab")
    assert odd == Complaint("3 bytes of audio are no whole samples; last byte dropped")


@pytest.mark.parametrize("payload", ["?", "AAA", "AA==AA==", "ÄAAA", 5, None, ["AAAA"]])
def test_media_without_base64_is_dropped_and_told(payload: object) -> None:
    message = json.dumps({"event": "media", "media": {"payload": payload}})
    assert "without base64" in complaint(codec().receive(message))


@pytest.mark.parametrize("body", [None, "AAAA", [], 7])
def test_media_may_be_anything(body: object) -> None:
    message = json.dumps({"event": "media", "media": body})
    assert "without base64" in complaint(codec().receive(message))


@pytest.mark.parametrize(
    ("dtmf", "pressed"),
    [
        ({"digit": "1"}, DtmfPressed("1")),
        ({"digit": 1}, DtmfPressed("1")),
        ({"digit": "#", "duration": "100"}, DtmfPressed("#", 100.0)),
        ({"digit": "*", "duration": 80}, DtmfPressed("*", 80.0)),
        ({"digit": "a", "track": "inbound_track"}, DtmfPressed("A")),
    ],
)
def test_keys(dtmf: object, pressed: DtmfPressed) -> None:
    assert codec().receive(json.dumps({"event": "dtmf", "dtmf": dtmf})) == [pressed]


@pytest.mark.parametrize("digit", ["", "E", "12", "-1", 12, 1.5, None, True, [], "１"])
def test_a_key_that_is_none_is_dropped_and_told(digit: object) -> None:
    message = json.dumps({"event": "dtmf", "dtmf": {"digit": digit}})
    assert "key" in complaint(codec().receive(message))


def test_a_mark_comes_back_without_saying_whether_it_was_heard() -> None:
    made = codec()
    assert made.receive('{"event":"mark","mark":{"name":"m"}}') == [MarkPlayed("m")]
    made.send(ClearAudio())
    assert made.receive('{"event":"mark","mark":{"name":"n"}}') == [MarkPlayed("n")]


@pytest.mark.parametrize("mark", [None, {}, {"name": ""}, {"name": {}}, "m"])
def test_a_mark_without_a_name_is_dropped_and_told(mark: object) -> None:
    assert "name" in complaint(codec().receive(json.dumps({"event": "mark", "mark": mark})))


# --- Where a message belongs -------------------------------------------------------------

BODIES: dict[str, dict[str, str]] = {
    "media": {"payload": "AAAA"},
    "mark": {"name": "m"},
    "dtmf": {"digit": "1"},
}


@pytest.mark.parametrize("event", BODIES)
def test_nothing_comes_before_the_start(event: str) -> None:
    message = json.dumps({"event": event, "streamSid": "MZ1", event: BODIES[event]})
    for dialect in (PLAIN, NAMELESS):
        made = codec(dialect, start=None)
        assert complaint(made.receive(message)).startswith(f"{event} before")


@pytest.mark.parametrize("event", [*BODIES, "stop"])
@pytest.mark.parametrize("key", ["streamSid", "stream_sid", "stream_id"])
def test_nothing_comes_from_another_stream(event: str, key: str) -> None:
    made = codec()
    message = json.dumps({"event": event, key: "MZ2", event: BODIES.get(event)})
    assert complaint(made.receive(message)) == f"{event} of another stream, 'MZ2'; dropped"
    assert made.receive(media("AAAA")) == [CallerAudio(b"\0\0\0")]


@pytest.mark.parametrize("event", BODIES)
def test_a_message_may_leave_its_stream_out(event: str) -> None:
    (told,) = codec().receive(json.dumps({"event": event, event: BODIES[event]}))
    assert isinstance(told, CallerAudio | MarkPlayed | DtmfPressed)


@pytest.mark.parametrize(
    ("stop", "reason"), [({"reason": "callended"}, "callended"), ({}, None), ("callended", None)]
)
@pytest.mark.parametrize("start", [START, None])
def test_a_stream_stops_once(stop: object, reason: str | None, start: object) -> None:
    made = codec(start=start)
    message = json.dumps({"event": "stop", "stop": stop})
    assert made.receive(message) == [Stopped(reason)]
    for later in (message, media("AAAA"), json.dumps(START), '{"event":"error"}', "{}"):
        assert "after the stream was stopped" in complaint(made.receive(later))


# --- Other messages ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ('{"event":"connected","protocol":"Call","version":"1.0.0"}', "event 'connected'"),
        ('{"event":"what\\never \\ud800"}', "event 'what\\never ?'"),
        ("{}", "event None"),
        ('{"event":["media"]}', "event ['media']"),
        (json.dumps({"event": "x" * 1000}), "event '" + "x" * 39 + "..."),
    ],
)
def test_what_is_harmless_is_ignored(message: str, words: str) -> None:
    for start in (START, None):
        assert codec(start=start).receive(message) == [Ignored(words)]


def test_an_error_is_told_with_its_code() -> None:
    error = {"event": "error", "payload": {"code": 100004, "title": "invalid_media"}}
    told = Complaint("the carrier reports an error: 'invalid_media'", "100004")
    for start in (START, None):
        assert codec(start=start).receive(json.dumps(error)) == [told]


@pytest.mark.parametrize("message", ["", "x", "[]", "null", '"media"', "[" * 100_000, "9" * 5000])
def test_what_is_no_object_is_dropped_and_told(message: str) -> None:
    assert "no JSON object" in complaint(codec().receive(message))


@pytest.mark.parametrize("message", [b"", b'{"event":"media"}', bytes(160)])
def test_binary_is_dropped_and_told(message: bytes) -> None:
    assert "binary" in complaint(codec().receive(message))


# --- Media told from the rest without reading it -----------------------------------------


@pytest.mark.parametrize(
    "message",
    [
        '{"event":"media","media":{"payload":"AAAA"}}',
        '{"event": "media", "media": {}}',
        '\n{ "event" : "media" , ',
        '{"sequenceNumber":"3","event":"media"}',
        '{"streamSid":"MZ1", "sequenceNumber": 3, "final": true, "event": "media"}',
        '{"a":"\\"event\\":\\"start\\"}","event":"media"}',
    ],
)
def test_media_is_known_by_its_beginning(message: str) -> None:
    assert codec().is_media(message)


@pytest.mark.parametrize(
    "message",
    [
        "",
        "{",
        b'{"event":"media"}',
        '{"event":"start","start":{"customParameters":{"event":"media"}}}',
        '{"start":{"customParameters":{"event":"media"}},"event":"start"}',
        '{"start":{"event":"media"},"event":"start"}',
        '{"start":{"a":"}","event":"media"},"event":"start"}',
        '{"a":"\\"event\\":\\"media\\"","event":"start"}',
        '{"event":"mediator"}',
        '{"events":["event","media"],"event":"stop"}',
        '{"tracks":["inbound"],"event":"media"}',  # seldom, and it is read all the same
        '{"media":{"track":"inbound"},"event":"media"}',
        '{"a":"' + "x" * PREFIX_LENGTH + '","event":"media"}',
    ],
)
def test_what_is_not_surely_media_is_read(message: Message) -> None:
    assert not codec().is_media(message)


def test_a_message_is_not_two_events_at_once() -> None:
    """What is media to one reader must not be the start to another."""
    made = codec(start=None)
    both = '{"event":"media","event":"start","streamSid":"S"}'
    assert made.is_media(both)
    assert "two events" in complaint(made.receive(both))


MEMBERS = st.sampled_from(
    [
        '"event":"media"',
        '"event": "start"',
        '"a":{"event":"media"}',
        '"b":"\\"}"',
        '"c":[1]',
        '"d":1',
    ]
)


@given(members=st.lists(MEMBERS, max_size=5), cut=st.integers(0, 200))
def test_its_beginning_says_the_same_as_the_whole(members: list[str], cut: int) -> None:
    made = codec()
    whole = ("{" + ",".join(members) + "}")[: cut or None]
    assert made.is_media(whole) is made.is_media(whole[:PREFIX_LENGTH])
    if made.is_media(whole):
        assert all(isinstance(event, CallerAudio | Complaint) for event in made.receive(whole))


@pytest.mark.parametrize("piece", ['"a":"b",', '{"a":', '"\\\\', "{", "[", '"', " ", "\\"])
def test_no_beginning_takes_long(piece: str) -> None:
    assert not codec().is_media("{" + piece * 100_000)


# --- What we send ------------------------------------------------------------------------


def test_audio_carries_the_id_the_start_brought() -> None:
    meant = '{"event":"media","streamSid":"MZ1","media":{"payload":"' + FRAME + '"}}'
    made = codec()
    assert list(made.seal(FRAME)) == [meant]
    assert made.send(SendAudio(FRAME)) == [meant]


@pytest.mark.parametrize("stream_id", ['a"b', "a\\", "ü\U0001f600", "\n", "</script>"])
def test_an_id_may_be_any_text(stream_id: str) -> None:
    made = codec(HANGING, start={"event": "start", "streamSid": stream_id, "callSid": stream_id})
    messages = [
        *made.seal(FRAME),
        *made.send(SendMark(stream_id)),
        *made.send(ClearAudio()),
        *made.send(HangUp()),
    ]
    for message in messages:
        assert isinstance(message, str)
        assert message.isascii()
        assert json.loads(message)["streamSid"] == stream_id
    assert json.loads(messages[1])["mark"]["name"] == stream_id
    assert json.loads(messages[3])["call_sid"] == stream_id


def test_without_stream_keys_no_id_is_sent() -> None:
    made = codec(NAMELESS)
    assert list(made.seal("AAAA")) == ['{"event":"media","media":{"payload":"AAAA"}}']
    assert made.send(SendMark("m")) == ['{"event":"mark","mark":{"name":"m"}}']
    assert made.send(ClearAudio()) == ['{"event":"clear"}']


def test_chunks_are_counted_where_they_are() -> None:
    made = codec(NUMBERED)
    chunks = [sealed(made)[0]["media"]["chunk"] for _ in range(3)]
    assert chunks == [1, 2, 3]
    assert set(sealed(made)[0]) == {"event", "streamSid", "media"}


@pytest.mark.parametrize(
    ("key", "sequence_key"), [("stream_sid", "sequence_number"), ("streamSid", "sequenceNumber")]
)
def test_stamps_are_spelt_as_the_start_was(key: str, sequence_key: str) -> None:
    made = codec(STAMPED, PCM, {"event": "start", key: "S"})
    (message,) = sealed(made)
    assert message == {
        "event": "media",
        key: "S",
        sequence_key: "1",
        "media": {"chunk": "1", "timestamp": "0", "payload": FRAME},
    }
    assert made.send(SendMark("m")) == [f'{{"event":"mark","{key}":"S","mark":{{"name":"m"}}}}']
    assert made.send(ClearAudio()) == [f'{{"event":"clear","{key}":"S"}}']


def test_the_id_of_a_start_that_spells_it_otherwise_is_spelt_as_documented() -> None:
    made = codec(STAMPED, PCM, {"event": "start", "streamId": "S"})
    assert {"stream_sid", "sequence_number"} < set(sealed(made)[0])


@given(sizes=st.lists(st.integers(0, 400), min_size=1, max_size=8))
def test_a_stamp_is_the_milliseconds_sent_before(sizes: list[int]) -> None:
    made = codec(STAMPED, PCM, {"event": "start", "stream_sid": "S"})
    sent = 0
    for number, size in enumerate(sizes, start=1):
        (message,) = sealed(made, base64.b64encode(bytes(size)).decode())
        assert message["sequence_number"] == message["media"]["chunk"] == str(number)
        assert message["media"]["timestamp"] == str(sent * 1000 // 16000)
        sent += size


@pytest.mark.parametrize(("sample_rate", "packet"), [(8000, 320), (16000, 640), (24000, 960)])
@given(size=st.integers(1, 1500).map(lambda half: 2 * half) | st.sampled_from([958, 960, 2880]))
def test_packets_of_fixed_length_are_filled_with_silence(
    sample_rate: int, packet: int, size: int
) -> None:
    audio = bytes([1]) * size
    made = codec(CUT, MediaFormat(Encoding.PCM16, sample_rate), {"event": "start", "streamId": "S"})
    messages = sealed(made, as_text(audio))
    pieces = [base64.b64decode(each["media"]["payload"]) for each in messages]
    assert {len(piece) for piece in pieces} == {packet}
    assert b"".join(pieces) == audio + bytes(-size % packet)


def as_text(audio: bytes) -> str:
    return base64.b64encode(audio).decode()


def test_packets_of_g711_are_filled_with_its_own_silence() -> None:
    (message,) = sealed(codec(CUT, MULAW, {"event": "start", "stream_id": "S"}), as_text(b"\0" * 9))
    assert base64.b64decode(message["media"]["payload"]) == b"\0" * 9 + b"\xff" * 151


@pytest.mark.parametrize(
    ("start", "meant"),
    [
        ({"streamSid": "S", "callSid": "C"}, '{"event":"end","streamSid":"S","call_sid":"C"}'),
        ({"streamSid": "S"}, '{"event":"end","streamSid":"S"}'),
    ],
)
def test_a_call_is_hung_up_where_there_is_a_message(start: dict[str, str], meant: str) -> None:
    assert codec(HANGING, start={"event": "start", **start}).send(HangUp("done")) == [meant]
    assert codec().send(HangUp()) == []
    assert codec(HANGING, start=None).send(HangUp()) == []


@pytest.mark.parametrize("command", [Pause(), Resume(), Answer(), EndStream()])
def test_some_commands_need_no_message(command: Command) -> None:
    assert codec().send(command) == []


@pytest.mark.parametrize("command", [SendDtmf("1"), Transfer(("911",))])
def test_what_has_no_message_is_refused(command: Command) -> None:
    with pytest.raises(LocalProtocolError, match=f"plain: .*{type(command).__name__}"):
        codec().send(command)


def test_nothing_is_played_before_the_start() -> None:
    made = codec(start=None)
    with pytest.raises(LocalProtocolError, match="plain: audio before"):
        made.seal(FRAME)
    with pytest.raises(LocalProtocolError, match="plain: a mark before"):
        made.send(SendMark("m"))
    assert made.send(ClearAudio()) == []  # there is nothing to clear


def test_bytes_are_no_payload_for_a_json_message() -> None:
    with pytest.raises(LocalProtocolError, match="plain: audio goes as base64"):
        codec().seal(b"\xff" * 480)


# --- Anything at all ---------------------------------------------------------------------

WORDS = ["event", "start", "media", "mark", "dtmf", "stop", "error", "streamSid", "payload", "S"]
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.sampled_from(WORDS) | st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(WORDS) | st.text(max_size=3), inner, max_size=6)
    ),
    max_leaves=10,
)


@given(messages=st.lists(VALUES.map(json.dumps) | st.text() | st.binary(), max_size=6))
def test_junk_is_the_carriers_fault_and_never_a_crash(messages: list[Message]) -> None:
    for dialect, start in ((PLAIN, START), (NAMELESS, None)):
        made = codec(dialect, PCM, start)
        for message in messages:
            try:
                events = made.receive(message)
            except RemoteProtocolError:
                continue
            for event in events:
                if isinstance(event, CallerAudio):
                    assert len(event.payload) % 2 == 0
                if isinstance(event, Ignored):
                    assert len(event.what) <= 80
