"""Each codec of ours against the simulated carrier of its name, which was written without it.

Message by message and without sockets: what one says, the other must understand, with every
sample in its place and nothing the stricter of the two would complain about.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from random import Random
from urllib.parse import urlsplit

import attrs
import numpy as np
import pytest

from trioaudio.carriers import carrier_names, load_carrier
from trioaudio.core.carrier import (
    Acknowledges,
    CallerAudio,
    Carrier,
    CarrierCodec,
    CarrierSettings,
    ClearAudio,
    DtmfPressed,
    EndStream,
    Event,
    HangUp,
    MarkPlayed,
    MarksAfterClear,
    Message,
    SendMark,
    Started,
    Starts,
    Stopped,
)
from trioaudio.core.encoding import Encoding, MediaFormat, Payload
from trioaudio.core.engine import VoiceChoice
from trioaudio.core.errors import RemoteProtocolError
from trioaudio.core.payload import decode, encode
from trioaudio.core.pcm import PcmFormat
from trioaudio.core.playout_item import Audio as AudioItem
from trioaudio.core.secret import Secret
from trioaudio.core.speech import WholeText
from trioaudio.core.upgrade import UpgradeRefusedError, UpgradeRequest
from trioaudio.media_path import Framing, Script, shape_for
from trioaudio.simulators.dialect import (
    Action,
    Audio,
    CallFacts,
    Credentials,
    Dialect,
    Malformed,
    MarkAsked,
    Reading,
)
from trioaudio.simulators.dialects import dialect_names, load_dialect

URL = "wss://voice.example.com/media/x"
SECRET = "user:a-password-long-enough-for-the-hash-of-a-token"
NOW = 1_800_000_000.0

CASES = [
    pytest.param(name, encoding, rate, id=f"{name}-{encoding.value}-{rate}")
    for name in carrier_names()
    for encoding in load_carrier(name).encodings
    for rate in load_carrier(name).sample_rates
    if encoding.carries(rate)
]


@attrs.define(eq=False)
class Meeting:
    """A codec and a dialect on one stream."""

    carrier: Carrier
    settings: CarrierSettings
    media: MediaFormat
    codec: CarrierCodec
    dialect: Dialect

    def hear(self, messages: Sequence[Message]) -> list[Event]:
        """What the carrier says, as our codec understands it."""
        return [event for message in messages for event in self.codec.receive(message)]

    def say(self, messages: Iterable[Message]) -> list[Reading]:
        """What we say, as the carrier understands it; it has nothing to complain about."""
        readings = [reading for message in messages for reading in self.dialect.read(message)]
        assert not [reading for reading in readings if isinstance(reading, Malformed)]
        assert not [
            reading for reading in readings if isinstance(reading, Audio) and reading.problem
        ]
        return readings


def meet(name: str, encoding: Encoding | None = None, rate: int | None = None) -> Meeting:
    """Open a stream."""
    carrier, kind = load_carrier(name), load_dialect(name)
    settings = attrs.evolve(carrier.settings, encoding=encoding)
    media = carrier.media_format(settings, rate or carrier.sample_rates[0])
    facts = CallFacts(
        media=media,
        stream_id="4ad7a2f5-8c0e-4f1a-9a53-2f6f2a0e7c11",
        call_id="0d9e1c52-62f5-4f0e-8f6b-3a4a3d1f9b22",
        caller="+919800000000",
        called="+911203000000",
    )
    meeting = Meeting(carrier, settings, media, carrier.new_codec(settings, media), kind.new(facts))
    events = meeting.hear(meeting.dialect.opening())
    started = [event for event in events if isinstance(event, Started)]
    assert len(started) == 1 or (carrier.starts is Starts.ON_CONNECT and not started)
    return meeting


def noise(samples: int, seed: int) -> bytes:
    """Speech-like samples without a marker of anybody's."""
    values = np.random.default_rng(seed).integers(-30000, 30000, samples)
    return values.astype("<i2").tobytes()


def a_message(meeting: Meeting) -> Payload:
    """The payload of one message as large as the carrier wants it, 240 ms at most."""
    pcm = PcmFormat(meeting.media.sample_rate)
    shape = shape_for(meeting.carrier, meeting.settings, pcm)
    return shape.to_payload(bytes(pcm.frame_bytes * min(shape.frames_per_item, 4)))


def test_every_carrier_can_be_simulated() -> None:
    assert dialect_names() == carrier_names()


@pytest.mark.parametrize(("name", "encoding", "rate"), CASES)
def test_every_sample_arrives_once_and_in_order(name: str, encoding: Encoding, rate: int) -> None:
    meeting = meet(name, encoding, rate)
    pcm = PcmFormat(rate)
    shape = shape_for(meeting.carrier, meeting.settings, pcm)
    heard = b""
    expected = b""
    draw = Random(name)
    for utterance in (1, 2, 3):
        source = noise(int(rate * (0.4 + utterance / 7)), utterance)
        script = Script(utterance, WholeText(""), VoiceChoice(), lambda _news: None)
        framing = Framing(shape, script)
        items, at = [], 0
        while at < len(source):
            size = 2 * draw.randrange(1, 900)
            items += framing.push(source[at : at + size], 0.0)
            at += size
        items += framing.finish(0.0)
        messages: list[Message] = []
        for item in items:
            if isinstance(item, AudioItem):
                messages += meeting.codec.seal(item.payload)
        audio = [each.data for each in meeting.say(messages) if isinstance(each, Audio)]
        got = b"".join(audio)
        want = source
        if meeting.carrier.never is not None:
            samples = np.frombuffer(source, dtype="<i2")
            want = np.where(samples == meeting.carrier.never, 0, samples).astype("<i2").tobytes()
        wire = encode(want, meeting.media.encoding)
        assert got[: len(wire)] == wire
        rest = got[len(wire) :]
        assert set(rest) <= set(meeting.media.encoding.silence)
        assert len(rest) < meeting.media.bytes_in(60) * max(shape.frames_per_item, 1)
        heard += decode(got, meeting.media.encoding)
        expected += decode(wire + rest, meeting.media.encoding)
    assert heard == expected


@pytest.mark.parametrize(("name", "encoding", "rate"), CASES)
def test_the_callers_audio_arrives_as_it_is(name: str, encoding: Encoding, rate: int) -> None:
    meeting = meet(name, encoding, rate)
    ptime = load_dialect(name).caller_ptime_ms
    size = meeting.media.bytes_in(ptime)
    spoken = [noise(size, seed)[:size] for seed in range(5)]
    messages = [meeting.dialect.caller_audio(each) for each in spoken]
    assert all(meeting.codec.is_media(message) for message in messages)
    events = [event for message in messages for event in meeting.codec.receive(message)]
    assert [type(event) for event in events] == [CallerAudio] * len(events)
    got = b"".join(each.payload for each in events if isinstance(each, CallerAudio))
    assert got in (b"".join(spoken), b"".join(spoken[1:]))  # one carrier's first lies about itself


@pytest.mark.parametrize("name", carrier_names())
def test_marks_go_and_come_back(name: str) -> None:
    meeting = meet(name)
    meeting.say(meeting.codec.seal(a_message(meeting)))
    asked = [
        each.name
        for each in meeting.say(meeting.codec.send(SendMark("u1g0")))
        if isinstance(each, MarkAsked)
    ]
    if meeting.carrier.acknowledges is Acknowledges.NOTHING:
        assert asked == []
        return
    (name_there,) = asked  # one carrier's marks are JSON values, with ours inside
    assert "u1g0" in name_there
    (played,) = meeting.hear(meeting.dialect.mark_played(name_there))
    assert isinstance(played, MarkPlayed)
    assert (played.name, played.heard in (True, None)) == ("u1g0", True)


@pytest.mark.parametrize("name", carrier_names())
def test_a_clear_is_one_and_what_it_does_to_marks_is_as_described(name: str) -> None:
    meeting = meet(name)
    readings = meeting.say(meeting.codec.send(ClearAudio()))
    assert (Action.CLEAR in readings) is meeting.carrier.clears
    if not meeting.carrier.clears or meeting.carrier.acknowledges is Acknowledges.NOTHING:
        return
    asked = [
        each.name
        for each in meeting.say(meeting.codec.send(SendMark("u1g0")))
        if isinstance(each, MarkAsked)
    ]
    back = [
        event
        for event in meeting.hear(meeting.dialect.cleared(asked))
        if isinstance(event, MarkPlayed)
    ]
    match meeting.carrier.marks_after_clear:
        case MarksAfterClear.RETURNED:
            assert [each.name for each in back] == ["u1g0"]  # not heard, and told apart by us
        case MarksAfterClear.REPORTED:
            assert back == [MarkPlayed("u1g0", heard=False)]
        case _:
            assert back == []


@pytest.mark.parametrize("name", carrier_names())
def test_keys_arrive(name: str) -> None:
    meeting = meet(name)
    for digit in "0159*#":
        events = meeting.hear(meeting.dialect.dtmf(digit))
        assert [each.digit for each in events if isinstance(each, DtmfPressed)] in ([digit], [])
        assert bool(events) is bool(meeting.dialect.dtmf(digit))


@pytest.mark.parametrize("name", carrier_names())
def test_the_ending_is_understood(name: str) -> None:
    meeting = meet(name)
    readings = meeting.say(meeting.codec.send(HangUp()))
    assert (Action.HANG_UP in readings) is meeting.carrier.hangs_up
    meeting = meet(name)
    readings = meeting.say(meeting.codec.send(EndStream()))
    assert bool(readings) is not meeting.carrier.ends_by_close
    meeting = meet(name)
    events = meeting.hear(meeting.dialect.closing("callee hung up"))
    assert [type(event) for event in events] in ([Stopped], [])


@pytest.mark.parametrize("name", carrier_names())
def test_what_no_carrier_should_send_is_survived(name: str) -> None:
    for message in meet(name).dialect.malformed():
        meeting = meet(name)
        try:
            meeting.codec.receive(message)
        except RemoteProtocolError:
            continue  # that leg has ended, and it was said why
        meeting.say(meeting.codec.seal(a_message(meeting)))


CHECKED = [name for name in carrier_names() if load_carrier(name).door_check is not None]


def request(name: str, secret: str, url: str = URL) -> UpgradeRequest:
    """What the simulated carrier asks the door."""
    meeting_facts = CallFacts(
        media=load_carrier(name).media_format(load_carrier(name).settings, 8000),
        stream_id="4ad7a2f5-8c0e-4f1a-9a53-2f6f2a0e7c11",
        call_id="0d9e1c52-62f5-4f0e-8f6b-3a4a3d1f9b22",
        caller="+919800000000",
        called="+911203000000",
    )
    handshake = load_dialect(name).handshake(url, meeting_facts, Credentials(secret, NOW, "n0nce"))
    parts = urlsplit(handshake.url)
    return UpgradeRequest(
        origin=f"{parts.scheme}://{parts.netloc}",
        path=parts.path,
        query=parts.query,
        headers={key.lower(): value for key, value in handshake.headers},
        peer="203.0.113.9:4711",
        at=NOW,
    )


def with_secret(name: str, secret: str) -> CarrierSettings:
    """The carrier's settings, with what its check needs."""
    settings = load_carrier(name).settings
    fields = attrs.fields_dict(type(settings))
    check = load_carrier(name).door_check
    assert check is not None
    changes: dict[str, object] = {}
    if {"user", "password"} <= set(fields):
        user, _, password = secret.partition(":")
        changes = {"user": user, "password": Secret(password)}
    while (field := check.missing(attrs.evolve(settings, **changes))) is not None:  # type: ignore[arg-type]
        changes[field] = Secret(secret) if isinstance(getattr(settings, field), Secret) else secret
    return attrs.evolve(settings, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", CHECKED)
def test_the_carrier_gets_in_and_nobody_else(name: str) -> None:
    check = load_carrier(name).door_check
    assert check is not None
    settings = with_secret(name, SECRET)
    check.check(settings, request(name, SECRET))
    for wrong in (
        request(name, "user:another-password-long-enough-for-the-hash"),
        request(name, ""),
        attrs.evolve(request(name, SECRET), headers={}),
    ):
        with pytest.raises(UpgradeRefusedError):
            check.check(settings, wrong)


@pytest.mark.parametrize("name", ["twilio", "plivo"])
def test_a_signature_is_of_one_url_only(name: str) -> None:
    check = load_carrier(name).door_check
    assert check is not None
    signed = request(name, SECRET)
    with pytest.raises(UpgradeRefusedError):
        check.check(with_secret(name, SECRET), attrs.evolve(signed, path="/media/y"))
