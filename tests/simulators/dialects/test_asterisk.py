from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from dialect_kit import CALL, STREAM, TONE, blame_of, facts, only, problem_of, said
from trioaudio.core.encoding import Encoding
from trioaudio.core.errors import ConfigError
from trioaudio.simulators.dialect import (
    Action,
    Audio,
    Control,
    Credentials,
    Dialect,
    Malformed,
    MarkAsked,
)
from trioaudio.simulators.dialects import load_dialect

# Messages and commands: https://docs.asterisk.org/Configuration/Channel-Drivers/WebSocket
ASTERISK = load_dialect("asterisk")
FRAME = TONE[:320]


PLAIN = {"control": "plain"}


def new(
    sample_rate: int = 8000,
    encoding: Encoding = Encoding.PCM16,
    options: Mapping[str, str] | None = None,
) -> Dialect:
    return ASTERISK.new(facts(sample_rate, encoding, options))


def command(name: str, **more: Any) -> str:
    return json.dumps({"command": name, **more})


def event(name: str, **more: Any) -> dict[str, Any]:
    return {"event": name, "channel_id": CALL, **more}


@pytest.mark.parametrize(
    ("sample_rate", "encoding", "name", "size"),
    [
        (8000, Encoding.PCM16, "slin", 320),
        (12000, Encoding.PCM16, "slin12", 480),
        (16000, Encoding.PCM16, "slin16", 640),
        (24000, Encoding.PCM16, "slin24", 960),
        (48000, Encoding.PCM16, "slin48", 1920),
        (8000, Encoding.MULAW, "ulaw", 160),
        (8000, Encoding.ALAW, "alaw", 160),
    ],
)
def test_media_start(sample_rate: int, encoding: Encoding, name: str, size: int) -> None:
    assert said(*new(sample_rate, encoding).opening()) == event(
        "MEDIA_START",
        connection_id=STREAM,
        channel=f"WebSocket/{STREAM}",
        format=name,
        optimal_frame_size=size,
        ptime=20,
        channel_variables={},
    )


def test_events_in_json() -> None:
    asterisk = new()
    assert said(*asterisk.dtmf("5")) == event("DTMF_END", digit="5")
    assert said(*asterisk.flow(paused=True)) == event("MEDIA_XOFF")
    assert said(*asterisk.flow(paused=False)) == event("MEDIA_XON")
    told = said(*asterisk.mark_played("m1"))
    assert told == event("MEDIA_MARK_PROCESSED", correlation_id="m1")


def test_events_in_plain_text() -> None:
    asterisk = new(16000, options=PLAIN)
    [start] = asterisk.opening()
    assert start == (
        f"MEDIA_START connection_id:{STREAM} channel:WebSocket/{STREAM} channel_id:{CALL}"
        " format:slin16 optimal_frame_size:640 ptime:20"
    )
    assert asterisk.dtmf("5") == [f"DTMF_END digit:5 channel_id:{CALL}"]
    assert asterisk.flow(paused=True) == ["MEDIA_XOFF"]
    assert asterisk.flow(paused=False) == ["MEDIA_XON"]
    assert asterisk.mark_played("m1") == ["MEDIA_MARK_PROCESSED m1"]
    asterisk.read("REPORT_QUEUE_DRAINED")
    assert asterisk.drained() == ["QUEUE_DRAINED"]
    assert asterisk.closing("callee") == ()


COMMANDS = [
    ("ANSWER", Control("ANSWER")),
    ("HANGUP", Action.HANG_UP),
    ("FLUSH_MEDIA", Action.CLEAR),
    ("PAUSE_MEDIA", Action.PAUSE),
    ("CONTINUE_MEDIA", Action.RESUME),
    ("START_MEDIA_BUFFERING", Control("START_MEDIA_BUFFERING")),
    ("REPORT_QUEUE_DRAINED", Control("REPORT_QUEUE_DRAINED")),
]


@pytest.mark.parametrize(("name", "reading"), COMMANDS)
def test_commands_in_both_forms(name: str, reading: object) -> None:
    assert only(new().read(command(name))) == reading
    assert only(new(options=PLAIN).read(name)) == reading


def test_a_mark_in_both_forms() -> None:
    asked = MarkAsked("m1")
    assert only(new().read(command("MARK_MEDIA", correlation_id="m1"))) == asked
    assert only(new(options=PLAIN).read("MARK_MEDIA m1")) == asked


def test_a_flush_drops_marks_without_a_word() -> None:
    asterisk = new()
    asterisk.read(command("FLUSH_MEDIA"))
    assert asterisk.cleared(["m1", "m2"]) == ()


def test_queue_drained_comes_once_for_each_time_it_was_asked_for() -> None:
    asterisk = new()
    assert asterisk.drained() == ()
    asterisk.read(command("REPORT_QUEUE_DRAINED"))
    assert said(*asterisk.drained()) == event("QUEUE_DRAINED")
    assert asterisk.drained() == ()
    asterisk.read(command("REPORT_QUEUE_DRAINED"))
    asterisk.read(command("FLUSH_MEDIA"))
    assert said(*asterisk.cleared(["m1"])) == event("QUEUE_DRAINED")


@pytest.mark.parametrize("frames", [1, 3, 204])
def test_audio_is_frames(frames: int) -> None:
    asterisk = new()
    assert only(asterisk.read(FRAME * frames)) == Audio(FRAME * frames)
    assert asterisk.caller_audio(FRAME) == FRAME


def test_what_is_no_frame_is_dropped_and_blamed() -> None:
    asterisk = new()
    reading = only(asterisk.read(FRAME * 2 + b"\x01\x02"))
    assert reading == Audio(
        FRAME * 2, "642 bytes of audio; must be frames of 320, so 2 are dropped"
    )
    assert blame_of(asterisk, FRAME + b"\x01\x02")
    assert problem_of(asterisk, FRAME[:318]).endswith("so all is dropped")


def test_a_message_that_is_too_large_ends_the_call() -> None:
    asterisk = new()
    assert blame_of(asterisk, bytes(65_500)).endswith("so 220 are dropped")
    blamed, action = asterisk.read(bytes(65_501))
    assert isinstance(blamed, Malformed)
    assert "65501 bytes" in blamed.problem
    assert action is Action.HANG_UP


def test_buffering_makes_frames_of_messages_of_any_length() -> None:
    asterisk = new()
    asterisk.read(command("START_MEDIA_BUFFERING"))
    audio = TONE[:1001]
    readings = [
        *asterisk.read(audio[:7]),
        *asterisk.read(audio[7:700]),
        *asterisk.read(audio[700:]),
    ]
    assert readings == [Audio(audio[:640]), Audio(audio[640:960])]
    asterisk.read(b"\x05")
    rest, asked = asterisk.read(command("STOP_MEDIA_BUFFERING", correlation_id="b1"))
    assert rest == Audio(audio[960:] + b"\x05" + bytes(278))
    assert isinstance(asked, MarkAsked)
    told = said(*asterisk.mark_played(asked.name))
    assert told == event("MEDIA_BUFFERING_COMPLETED", correlation_id="b1")
    assert blame_of(asterisk, FRAME + b"\x01\x02")


def test_buffering_ends_with_whole_frames_and_without_an_id() -> None:
    asterisk = new(8000, Encoding.MULAW, options=PLAIN)
    asterisk.read("START_MEDIA_BUFFERING")
    assert only(asterisk.read(b"\xff" * 160)) == Audio(b"\xff" * 160)
    asked = only(asterisk.read("STOP_MEDIA_BUFFERING"))
    assert isinstance(asked, MarkAsked)
    assert asterisk.mark_played(asked.name) == ["MEDIA_BUFFERING_COMPLETED"]


def test_a_flush_ends_buffering() -> None:
    asterisk = new()
    asterisk.read(command("START_MEDIA_BUFFERING"))
    asterisk.read(FRAME[:100])
    asterisk.read(command("FLUSH_MEDIA"))
    assert only(asterisk.read(FRAME)) == Audio(FRAME)


def test_a_cleared_completion_is_forgotten() -> None:
    asterisk = new()
    asterisk.read(command("START_MEDIA_BUFFERING"))
    asked = only(asterisk.read(command("STOP_MEDIA_BUFFERING")))
    assert isinstance(asked, MarkAsked)
    assert asterisk.cleared([asked.name]) == ()
    told = said(*asterisk.mark_played(asked.name))
    assert told["event"] == "MEDIA_MARK_PROCESSED"


def test_status() -> None:
    asterisk = new()

    def status() -> dict[str, Any]:
        reading = only(asterisk.read(command("GET_STATUS")))
        assert isinstance(reading, Control)
        told: dict[str, Any] = said(*reading.replies)
        return told

    assert status() == event(
        "STATUS",
        queue_length=0,
        xon_level=800,
        xoff_level=900,
        queue_full=False,
        bulk_media=False,
        media_paused=False,
    )
    asterisk.read(FRAME * 12)
    asterisk.read(command("START_MEDIA_BUFFERING"))
    asterisk.read(command("PAUSE_MEDIA"))
    asterisk.flow(paused=True)
    told = status()
    assert told["queue_length"] == 12
    assert (told["queue_full"], told["bulk_media"], told["media_paused"]) == (True, True, True)
    asterisk.read(command("CONTINUE_MEDIA"))
    asterisk.drained()
    told = status()
    assert (told["queue_length"], told["media_paused"]) == (0, False)
    asterisk.read(command("STOP_MEDIA_BUFFERING"))
    for _ in range(6):
        asterisk.read(FRAME * 200)
    assert status()["queue_length"] == 1000
    asterisk.read(command("FLUSH_MEDIA"))
    assert status()["queue_length"] == 0


def test_status_in_plain_text() -> None:
    reading = only(new(options=PLAIN).read("GET_STATUS"))
    assert isinstance(reading, Control)
    [status] = reading.replies
    assert status == (
        f"STATUS channel_id:{CALL} queue_length:0 xon_level:800 xoff_level:900 queue_full:false"
        " bulk_media:false media_paused:false"
    )


def test_marks_are_refused_while_media_only_goes_in() -> None:
    asterisk = new()
    reading = only(asterisk.read(command("SET_MEDIA_DIRECTION", direction="in")))
    assert reading == Control("SET_MEDIA_DIRECTION", {"direction": "in"})
    refused = only(asterisk.read(command("MARK_MEDIA", correlation_id="m1")))
    assert isinstance(refused, Malformed)
    assert said(*refused.replies)["event"] == "ERROR"
    asterisk.read(command("SET_MEDIA_DIRECTION", direction="both"))
    assert only(asterisk.read(command("MARK_MEDIA", correlation_id="m1"))) == MarkAsked("m1")


@pytest.mark.parametrize(
    "message", ["FLUSH_MEDIA", '{"command":', "[1]", "NaN", '"FLUSH"', "\ud800"]
)
def test_what_is_no_json_is_answered_by_an_error(message: str) -> None:
    reading = only(new().read(message))
    assert isinstance(reading, Malformed)
    assert said(*reading.replies) == event("ERROR", error_text="Unable to parse JSON command")


@pytest.mark.parametrize(
    ("message", "problem"),
    [
        (b"", "0 bytes of audio"),
        (b"\x01", "1 bytes of audio"),
        (b"FLUSH_MEDIA ", "12 bytes of audio; must be frames of 320"),
        ("", "empty text"),
        (command("MARK_MEDIA", correlation_id="m" * 90), "command of 137 bytes is ignored"),
        (command("MARK_MEDIA", correlation_id="é" * 15), "command of 137 bytes is ignored"),
        ("{}", "without command"),
        ('{"command":7}', "must be a text"),
        (command("flush_media"), "'flush_media' is unknown"),
        (command("MEDIA_MARK"), "'MEDIA_MARK' is unknown"),
        (command("FLUSH_MEDIA", correlation_id="m1"), "FLUSH_MEDIA with 'correlation_id'"),
        (command("MARK_MEDIA"), "MARK_MEDIA without correlation_id"),
        (command("MARK_MEDIA", correlation_id=""), 'correlation_id is ""'),
        (command("MARK_MEDIA", correlation_id=1), "correlation_id is 1"),
        (command("MARK_MEDIA", id="m1"), "MARK_MEDIA with 'id'"),
        (command("STOP_MEDIA_BUFFERING"), "without START_MEDIA_BUFFERING"),
        (command("SET_MEDIA_DIRECTION"), "SET_MEDIA_DIRECTION without direction"),
        (command("SET_MEDIA_DIRECTION", direction="up"), "direction 'up' is none"),
    ],
)
def test_every_deviation_has_a_name(message: str | bytes, problem: str) -> None:
    reading = only(new().read(message))
    assert isinstance(reading, Malformed)
    assert problem in reading.problem
    assert reading.replies == ()


def test_a_command_may_have_128_bytes() -> None:
    message = command("MARK_MEDIA", correlation_id="m" * 81)
    assert len(message) == 128
    assert only(new().read(message)) == MarkAsked("m" * 81)
    assert "129 bytes" in problem_of(new(), command("MARK_MEDIA", correlation_id="m" * 82))


@pytest.mark.parametrize(
    ("message", "problem"),
    [
        ("", "empty text"),
        ("MARK_MEDIA " + "m" * 118, "command of 129 bytes"),
        (command("FLUSH_MEDIA"), "is unknown to Asterisk, in plain text"),
        ("flush_media", "is unknown"),
        ("FLUSH_MEDIA now", "FLUSH_MEDIA takes nothing behind it, here is 'now'"),
        ("FLUSH_MEDIA ", "takes nothing behind it"),
        ("MARK_MEDIA", "without correlation_id"),
        ("SET_MEDIA_DIRECTION in", "is unknown"),
    ],
)
def test_every_deviation_has_a_name_in_plain_text(message: str, problem: str) -> None:
    assert problem in problem_of(new(options=PLAIN), message)


def test_buffering_twice_and_half_a_sample_are_deviations() -> None:
    asterisk = new()
    asterisk.read(command("START_MEDIA_BUFFERING"))
    assert "while buffering" in problem_of(asterisk, command("START_MEDIA_BUFFERING"))
    asterisk.read(b"\x01")
    assert "no whole" in problem_of(asterisk, command("STOP_MEDIA_BUFFERING"))


def test_it_dials_and_listens_with_the_media_subprotocol() -> None:
    assert ASTERISK.dials
    assert ASTERISK.listens
    assert ASTERISK.subprotocols == ("media",)
    proof = Credentials(secret="Aladdin:open sesame")
    shaken = ASTERISK.handshake("ws://h/media/1", facts(), proof)
    assert shaken.subprotocols == ("media",)
    assert dict(shaken.headers) == {"Authorization": "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="}


def test_the_queue_is_900_frames_and_no_more_than_1000() -> None:
    assert ASTERISK.backlog is not None
    assert ASTERISK.backlog.most_ms == 20_000
    assert ASTERISK.backlog.pause_at_ms == 18_000
    assert ASTERISK.backlog.resume_at_ms == 16_000


def test_a_form_that_is_none_is_refused() -> None:
    with pytest.raises(ConfigError, match="option control=xml"):
        new(options={"control": "xml"})
