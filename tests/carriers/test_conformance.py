"""What every carrier owes the rest of the program; carriers are found by themselves."""

import json
from collections.abc import Callable
from typing import get_args

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trioaudio.carriers import carrier_names, load_carrier
from trioaudio.core.carrier import (
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
    MarksAfterClear,
    Message,
    Pause,
    Resume,
    SendAudio,
    SendDtmf,
    SendMark,
    Transfer,
)
from trioaudio.core.encoding import Payload, PayloadForm
from trioaudio.core.errors import LocalProtocolError, RemoteProtocolError
from trioaudio.core.payload import encode, payload_encoder
from trioaudio.core.pcm import PcmFormat

CARRIERS = [load_carrier(name) for name in carrier_names()]
EVENTS = get_args(Event)
PREFIX = 64

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


def codec_of(carrier: Carrier, sample_rate: int | None = None) -> CarrierCodec:
    return carrier.new_codec(carrier.settings, sample_rate or carrier.sample_rates[0])


def a_payload(carrier: Carrier, sample_rate: int | None = None) -> Payload:
    pcm = bytes(range(240)) * (PcmFormat(sample_rate or carrier.sample_rates[0]).frame_bytes // 240)
    return payload_encoder(carrier.encoding, carrier.form, carrier.unit.multiple)(pcm)


def received(codec: CarrierCodec, message: Message) -> list[Event] | str:
    """Return the events of a message, or the complaint it raises."""
    try:
        events = codec.receive(message)
    except RemoteProtocolError as exc:
        return str(exc)
    assert all(isinstance(event, EVENTS) for event in events)
    return events


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
        assert carrier.sample_rates
        for rate in carrier.sample_rates:
            pcm = bytes(PcmFormat(rate).frame_bytes)
            assert len(encode(pcm, carrier.encoding)) <= carrier.unit.largest

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
        codec = codec_of(carrier)
        assert bool(codec.send(SendMark("m"))) is (carrier.acknowledges is Acknowledges.MARKS)
        assert bool(codec.send(ClearAudio())) is carrier.clears
        assert carrier.ends_by_close is (codec.send(EndStream()) == [])
        if carrier.acknowledges is Acknowledges.NOTHING:
            assert carrier.marks_after_clear is MarksAfterClear.NONE_EXIST


@pytest.mark.parametrize("carrier", CARRIERS, ids=carrier_names())
class TestCommands:
    @pytest.mark.parametrize("make", COMMANDS, ids=lambda make: type(make(b"")).__name__)
    def test_each_is_written_or_refused(
        self, carrier: Carrier, make: Callable[[Payload], Command]
    ) -> None:
        command = make(a_payload(carrier))
        try:
            messages = codec_of(carrier).send(command)
        except LocalProtocolError:
            messages = []
            assert isinstance(command, SendDtmf | Transfer)  # here silence would be a lie
        assert isinstance(messages, list)
        assert all(isinstance(message, str | bytes) for message in messages)

    def test_audio_is_sealed_as_it_is_sent(self, carrier: Carrier) -> None:
        for rate in carrier.sample_rates:
            payload = a_payload(carrier, rate)
            sealed = list(codec_of(carrier, rate).seal(payload))
            assert sealed
            assert codec_of(carrier, rate).send(SendAudio(payload)) == sealed
            for message in sealed:
                if isinstance(message, str):
                    json.loads(message)

    def test_what_is_sealed_holds_the_payload(self, carrier: Carrier) -> None:
        payload = a_payload(carrier)
        if carrier.form is PayloadForm.BASE64:
            assert any(str(payload) in str(each) for each in codec_of(carrier).seal(payload))

    def test_a_cleared_stream_stays_usable(self, carrier: Carrier) -> None:
        codec = codec_of(carrier)
        payload = a_payload(carrier)
        codec.seal(payload)
        codec.send(ClearAudio())
        assert codec.seal(payload)

    def test_nothing_is_kept_between_codecs(self, carrier: Carrier) -> None:
        payload = a_payload(carrier)
        first = codec_of(carrier)
        for _ in range(3):
            first.seal(payload)
        assert list(codec_of(carrier).seal(payload)) == list(codec_of(carrier).seal(payload))


@pytest.mark.parametrize("carrier", CARRIERS, ids=carrier_names())
class TestMessages:
    @given(messages=st.lists(JUNK, max_size=4))
    def test_junk_is_the_carriers_fault_and_never_a_crash(
        self, carrier: Carrier, messages: list[Message]
    ) -> None:
        codec = codec_of(carrier)
        once = [received(codec, message) for message in messages]
        assert codec.seal(a_payload(carrier))  # still usable
        codec = codec_of(carrier)
        again = [received(codec, message) for message in messages]
        assert repr(once) == repr(again)  # repr, since JSON as Python reads it may hold a NaN

    @given(message=JUNK)
    def test_what_is_dropped_unread_is_only_audio(self, carrier: Carrier, message: Message) -> None:
        codec = codec_of(carrier)
        assert codec.is_media(message[:PREFIX]) is codec.is_media(message)
        if codec.is_media(message):
            events = received(codec, message)
            assert isinstance(events, str) or all(
                isinstance(event, CallerAudio | Complaint) for event in events
            )

    @given(message=JUNK)
    def test_caller_audio_is_whole_samples(self, carrier: Carrier, message: Message) -> None:
        events = received(codec_of(carrier), message)
        for event in events:
            if isinstance(event, CallerAudio):
                sample_bytes = len(encode(b"\0\0", carrier.encoding))
                assert len(event.payload) % sample_bytes == 0
