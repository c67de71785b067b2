"""What every carrier owes the rest of the program; carriers are found by themselves."""

import json
from collections.abc import Callable, Iterator
from typing import Any, get_args

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from carriers.recorded import opened_codec, opening_of, transcript_of
from trioaudio.carriers import carrier_names, load_carrier
from trioaudio.core.carrier import (
    PREFIX_LENGTH,
    Acknowledges,
    Answer,
    CallerAudio,
    Carrier,
    CarrierCodec,
    CarrierSettings,
    ClearAudio,
    Command,
    Complaint,
    EndStream,
    Event,
    HangUp,
    Idle,
    Ignored,
    MarksAfterClear,
    Message,
    Pause,
    Resume,
    SendAudio,
    SendDtmf,
    SendMark,
    Started,
    Starts,
    Stopped,
    Transfer,
)
from trioaudio.core.encoding import MediaFormat, Payload, PayloadForm
from trioaudio.core.errors import LocalProtocolError, RemoteProtocolError
from trioaudio.core.payload import payload_encoder
from trioaudio.core.pcm import PcmFormat
from trioaudio.core.upgrade import UpgradeRefusedError, UpgradeRequest

CARRIERS = [load_carrier(name) for name in carrier_names()]
EVENTS = get_args(Event)
NOBODY = UpgradeRequest("wss://voice.example.com", "/media/x", "", {}, "203.0.113.9:1", 0.0)

COMMANDS: list[Callable[[Payload], Command]] = [
    SendAudio,
    lambda _: SendMark("m1"),
    lambda _: ClearAudio(),
    lambda _: Pause(),
    lambda _: Resume(),
    lambda _: Answer(),
    lambda _: SendDtmf("12#"),
    lambda _: Transfer(("919876543210",), caller_id="911234567890"),
    lambda _: HangUp("done"),
    lambda _: EndStream(),
]

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
# The words carriers use, so that junk gets past the first look.
WORDS = [
    "event", "type", "action", "data", "media", "payload", "audioData", "start", "connected",
    "mark", "dtmf", "stop", "clear", "name", "digit", "streamSid", "stream_id", "callSid", "track",
    "sequenceNumber", "mediaFormat", "sampleRate", "encoding", "AAAA", "AAA=", "not base64", "1",
]  # fmt: skip
NEARLY_RIGHT = st.recursive(
    st.sampled_from(WORDS) | st.none() | st.integers(-1, 9),
    lambda inner: st.dictionaries(st.sampled_from(WORDS), inner, max_size=5),
    max_leaves=12,
)
JUNK: st.SearchStrategy[Message] = st.one_of(
    st.binary(max_size=100),
    st.text(max_size=100),
    JSON_VALUES.map(json.dumps),
    NEARLY_RIGHT.map(json.dumps),
    st.just("[" * 100_000),
    st.just('{"data":' * 100_000),
    st.just("9" * 5000),
)


def codec_of(carrier: Carrier) -> CarrierCodec:
    """A fresh codec that has heard nothing yet."""
    return carrier.new_codec(carrier.settings, transcript_of(carrier.name).media)


def formats(carrier: Carrier) -> list[MediaFormat]:
    """Everything the carrier takes."""
    return [
        MediaFormat(encoding, rate)
        for encoding in carrier.encodings
        for rate in carrier.sample_rates
        if encoding.carries(rate)
    ]


def a_payload(carrier: Carrier, media: MediaFormat | None = None) -> Payload:
    """One frame, encoded as the carrier wants it."""
    media = media or transcript_of(carrier.name).media
    pcm = bytes(range(240)) * (PcmFormat(media.sample_rate).frame_bytes // 240)
    encoder = payload_encoder(
        media.encoding, carrier.form, carrier.unit.multiple, never=carrier.never
    )
    return encoder(pcm)


def received(codec: CarrierCodec, message: Message) -> list[Event] | str:
    """Return the events of a message, or the complaint it raises."""
    try:
        events = codec.receive(message)
    except RemoteProtocolError as exc:
        return str(exc)
    assert all(isinstance(event, EVENTS) for event in events)
    return events


OTHERS: tuple[object, ...] = (
    *(None, 5, "5", "", [], {}, True, -1.5, "x" * 500, [[]], "\ud800", 10**30),
)


def spoilt_messages(text: str) -> Iterator[str]:
    """A message with each member in turn missing, doubled in kind, or of another type."""
    try:
        value = json.loads(text)
    except ValueError:
        yield from (text.replace(":", " "), text + text, text[: len(text) // 2])
        return
    for path in paths(value):
        for other in OTHERS:
            yield json.dumps(replaced(value, path, other))


def paths(value: object, above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Where members stand."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield (*above, key)
            yield from paths(inner, (*above, key))


def replaced(value: Any, path: tuple[str, ...], other: object) -> Any:
    """Return a value with one member changed."""
    key, *rest = path
    return {**value, key: replaced(value[key], tuple(rest), other) if rest else other}


def test_the_commands_tried_here_are_all_there_are() -> None:
    tried = {type(make(b"")) for make in COMMANDS}
    assert tried == set(get_args(Command))


@pytest.mark.parametrize("carrier", CARRIERS, ids=carrier_names())
class TestDescription:
    def test_it_is_found_under_its_own_name(self, carrier: Carrier) -> None:
        assert carrier.name in carrier_names()
        assert load_carrier(carrier.name) is carrier

    def test_it_is_documented_and_has_a_role(self, carrier: Carrier) -> None:
        assert carrier.roles
        assert carrier.documentation.startswith(("https://", "docs/"))

    def test_every_rate_can_be_framed_and_a_frame_fits_in_a_message(self, carrier: Carrier) -> None:
        assert {each.sample_rate for each in formats(carrier)} == set(carrier.sample_rates)
        for media in formats(carrier):
            pcm = PcmFormat(media.sample_rate)
            assert media.bytes_in(pcm.ptime_ms) <= carrier.unit.largest
            if carrier.unit.packet_ms is not None:
                assert pcm.ptime_ms % carrier.unit.packet_ms == 0

    def test_its_wire_unit_is_possible(self, carrier: Carrier) -> None:
        unit = carrier.unit
        assert 0 < unit.multiple <= unit.largest
        assert 0 < unit.smallest <= unit.largest

    def test_settings_explain_themselves(self, carrier: Carrier) -> None:
        assert isinstance(carrier.settings, CarrierSettings)
        for field in attrs.fields(type(carrier.settings)):
            assert field.metadata["help"]

    def test_audio_that_cannot_be_taken_back_is_not_sent_ahead(self, carrier: Carrier) -> None:
        if not carrier.clears or carrier.stamps_by_arrival:
            assert carrier.settings.lead_ms == 0
        assert carrier.settings.lead_ms >= 0
        assert isinstance(carrier.settings.idle, Idle)

    def test_what_it_claims_it_has_a_message_for(self, carrier: Carrier) -> None:
        codec = opened_codec(carrier)
        assert bool(codec.send(SendMark("m"))) is (carrier.acknowledges is Acknowledges.MARKS)
        assert bool(codec.send(ClearAudio())) is carrier.clears
        assert carrier.ends_by_close is (codec.send(EndStream()) == [])
        if carrier.acknowledges is Acknowledges.NOTHING:
            assert carrier.marks_after_clear is MarksAfterClear.NONE_EXIST
        else:
            assert carrier.marks_after_clear is not MarksAfterClear.NONE_EXIST
        if carrier.hangs_up:
            assert codec.send(HangUp())
        try:
            assert bool(codec.send(Transfer(("919876543210",)))) is carrier.transfers
        except LocalProtocolError:
            assert not carrier.transfers

    def test_it_says_which_proof_it_wants_and_what_that_needs(self, carrier: Carrier) -> None:
        check = carrier.door_check
        if check is not None:
            field = check.missing(carrier.settings)
            assert field in attrs.fields_dict(type(carrier.settings))
            assert check.proof
            with pytest.raises(UpgradeRefusedError) as refused:
                check.check(carrier.settings, NOBODY)
            assert refused.value.status in (401, 403)


@pytest.mark.parametrize("carrier", CARRIERS, ids=carrier_names())
class TestCommands:
    @pytest.mark.parametrize("make", COMMANDS, ids=lambda make: type(make(b"")).__name__)
    def test_each_is_written_or_refused(
        self, carrier: Carrier, make: Callable[[Payload], Command]
    ) -> None:
        command = make(a_payload(carrier))
        try:
            messages = opened_codec(carrier).send(command)
        except LocalProtocolError:
            messages = []
            assert isinstance(command, SendDtmf | Transfer)  # here silence would be a lie
        assert isinstance(messages, list)
        assert all(isinstance(message, str | bytes) for message in messages)

    def test_audio_is_sealed_as_it_is_sent(self, carrier: Carrier) -> None:
        payload = a_payload(carrier)
        sealed = list(opened_codec(carrier).seal(payload))
        assert sealed
        assert opened_codec(carrier).send(SendAudio(payload)) == sealed
        for message in sealed:
            if isinstance(message, str):
                json.loads(message)

    def test_nothing_is_sealed_before_the_stream_may_be_spoken_on(self, carrier: Carrier) -> None:
        if carrier.starts is Starts.ON_MESSAGE:
            with pytest.raises(LocalProtocolError):
                codec_of(carrier).seal(a_payload(carrier))

    def test_a_payload_of_the_wrong_kind_is_our_fault(self, carrier: Carrier) -> None:
        payload = a_payload(carrier)
        wrong: Payload = payload.encode() if isinstance(payload, str) else "AAAA"
        with pytest.raises(LocalProtocolError):
            opened_codec(carrier).seal(wrong)

    def test_what_is_sealed_holds_the_payload(self, carrier: Carrier) -> None:
        payload = a_payload(carrier)
        if carrier.form is PayloadForm.BASE64 and carrier.unit.packet_ms is None:
            assert any(str(payload) in str(each) for each in opened_codec(carrier).seal(payload))

    def test_a_cleared_stream_stays_usable(self, carrier: Carrier) -> None:
        codec = opened_codec(carrier)
        payload = a_payload(carrier)
        codec.seal(payload)
        codec.send(ClearAudio())
        assert codec.seal(payload)

    def test_nothing_is_kept_between_codecs(self, carrier: Carrier) -> None:
        payload = a_payload(carrier)
        first = opened_codec(carrier)
        for _ in range(3):
            first.seal(payload)
        assert list(opened_codec(carrier).seal(payload)) == list(
            opened_codec(carrier).seal(payload)
        )


@pytest.mark.parametrize("carrier", CARRIERS, ids=carrier_names())
class TestMessages:
    @given(messages=st.lists(JUNK, max_size=4))
    def test_junk_is_the_carriers_fault_and_never_a_crash(
        self, carrier: Carrier, messages: list[Message]
    ) -> None:
        codec = opened_codec(carrier)
        once = [received(codec, message) for message in messages]
        assert codec.seal(a_payload(carrier))  # still usable
        codec = opened_codec(carrier)
        again = [received(codec, message) for message in messages]
        assert repr(once) == repr(again)  # repr, since JSON as Python reads it may hold a NaN

    @given(messages=st.lists(JUNK, max_size=4))
    def test_junk_before_the_start_does_not_keep_the_stream_from_starting(
        self, carrier: Carrier, messages: list[Message]
    ) -> None:
        codec = codec_of(carrier)
        if any(isinstance(received(codec, message), str) for message in messages):
            return  # the leg has ended
        if any(Started in map(type, received(codec, message)) for message in messages):
            return  # junk that is a start
        for message in opening_of(carrier):
            received(codec, message)
        assert codec.seal(a_payload(carrier))

    @given(message=JUNK)
    def test_what_is_dropped_unread_is_only_audio(self, carrier: Carrier, message: Message) -> None:
        codec = opened_codec(carrier)
        assert codec.is_media(message[:PREFIX_LENGTH]) is codec.is_media(message)
        if codec.is_media(message):
            events = received(codec, message)
            assert isinstance(events, str) or all(
                isinstance(event, CallerAudio | Complaint) for event in events
            )

    @given(message=JUNK)
    def test_caller_audio_is_whole_samples(self, carrier: Carrier, message: Message) -> None:
        events = received(opened_codec(carrier), message)
        sample_bytes = transcript_of(carrier.name).media.encoding.sample_bytes
        for event in events:
            if isinstance(event, CallerAudio):
                assert len(event.payload) % sample_bytes == 0

    def test_a_message_of_a_megabyte_is_no_trouble(self, carrier: Carrier) -> None:
        for message in ('{"event":"' + "x" * (1 << 20) + '"}', "x" * (1 << 20), bytes(1 << 20)):
            events = received(opened_codec(carrier), message)
            if isinstance(events, str):
                assert len(events) < 500
            for event in events:
                if isinstance(event, Complaint | Ignored):
                    assert len(str(event)) < 500


@pytest.mark.parametrize("carrier", CARRIERS, ids=carrier_names())
class TestTranscripts:
    def test_it_says_where_it_is_from(self, carrier: Carrier) -> None:
        transcript = transcript_of(carrier.name)
        assert transcript.certainty
        assert all(each.startswith(("https://", "docs/")) for each in transcript.sources)
        assert transcript.media in formats(carrier)

    def test_what_came_is_understood(self, carrier: Carrier) -> None:
        codec = codec_of(carrier)
        for step in transcript_of(carrier.name).received:
            events = codec.receive(step.message)
            names = tuple(type(event).__name__ for event in events)
            assert names == step.events, step.what
            media = codec.is_media(step.message)
            assert media is codec.is_media(step.message[:PREFIX_LENGTH]), step.what
            if media:
                assert set(names) <= {"CallerAudio", "Complaint"}, step.what

    def test_what_we_send_is_exactly_that(self, carrier: Carrier) -> None:
        codec = opened_codec(carrier)
        for each in transcript_of(carrier.name).sent:
            assert tuple(codec.send(each.command)) == each.messages, each.command

    def test_every_message_twice_is_no_crash(self, carrier: Carrier) -> None:
        codec = codec_of(carrier)
        for step in transcript_of(carrier.name).received:
            for _ in range(2):
                if isinstance(received(codec, step.message), str):
                    return

    def test_every_message_before_the_others_is_no_crash(self, carrier: Carrier) -> None:
        for step in transcript_of(carrier.name).received:
            codec = codec_of(carrier)
            if isinstance(received(codec, step.message), str):
                continue
            for message in opening_of(carrier):
                received(codec, message)

    def test_every_message_after_the_end_is_no_crash(self, carrier: Carrier) -> None:
        steps = transcript_of(carrier.name).received
        for step in steps:
            codec = codec_of(carrier)
            for each in steps:
                codec.receive(each.message)
            events = received(codec, step.message)
            assert isinstance(events, str) or Stopped not in map(type, events), step.what

    def test_a_message_with_a_member_of_another_type_is_no_crash(self, carrier: Carrier) -> None:
        for step in transcript_of(carrier.name).received:
            if not isinstance(step.message, str):
                continue
            for spoilt in spoilt_messages(step.message):
                received(opened_codec(carrier), spoilt)
                received(codec_of(carrier), spoilt)
