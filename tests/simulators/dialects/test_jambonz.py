from __future__ import annotations

import json

import pytest

from dialect_kit import CALL, STREAM, TONE, blame_of, facts, only, parsed, problem_of, said
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

JAMBONZ = load_dialect("jambonz")
MARKER = b"\xff\xff"
URL = "wss://daemon.example.com/jambonz"


def mark(name: str) -> str:
    # https://docs.jambonz.org/verbs/verbs/listen, bidirectional audio in streaming mode
    return json.dumps({"type": "mark", "data": {"name": name}})


def ask(jambonz: Dialect, *names: str) -> None:
    for name in names:
        assert jambonz.read(mark(name)) == [MarkAsked(name)]


def test_the_first_message_is_the_calls_attributes() -> None:
    # https://docs.jambonz.org/docs/webhooks/listen: the call's attributes, sampleRate and mixType
    told = said(*JAMBONZ.new(facts(16000)).opening())
    assert told["callSid"] == CALL
    assert told["callId"] == STREAM
    assert told["from"] == "+15550100"
    assert told["to"] == "+15550101"
    assert told["sampleRate"] == 16000
    assert told["mixType"] == "mono"
    assert "type" not in told
    assert "event" not in told


@pytest.mark.parametrize("length", [2, 640, 1920, 655_360])
def test_audio_is_binary_and_of_any_length(length: int) -> None:
    jambonz = JAMBONZ.new(facts(16000))
    audio = (TONE * 70)[:length]
    assert only(jambonz.read(audio)) == Audio(audio)
    assert jambonz.caller_audio(audio) == audio


def test_a_mark_is_answered_in_the_modules_own_words() -> None:
    # send_mark_event in mod_audio_fork/lws_glue.cpp, jambonz/freeswitch-modules
    jambonz = JAMBONZ.new(facts())
    ask(jambonz, "m1")
    assert jambonz.mark_played("m1") == [
        '{"type": "mark", "data": {"name":"m1", "event": "playout"}}'
    ]
    assert jambonz.mark_played("m1") == ()


def test_kill_audio_clears_all_marks() -> None:
    jambonz = JAMBONZ.new(facts())
    ask(jambonz, "m1", "m2", "m3")
    jambonz.mark_played("m1")
    assert only(jambonz.read('{"type":"killAudio"}')) is Action.CLEAR
    assert parsed(jambonz.cleared(["m2", "m3"])) == [
        {"type": "mark", "data": {"name": "m2", "event": "cleared"}},
        {"type": "mark", "data": {"name": "m3", "event": "cleared"}},
    ]
    assert jambonz.mark_played("m2") == ()


def test_clear_marks_forgets_them_without_a_word() -> None:
    jambonz = JAMBONZ.new(facts())
    ask(jambonz, "m1", "m2")
    assert only(jambonz.read('{"type":"clearMarks"}')) == Control("clearMarks")
    assert jambonz.mark_played("m1") == ()
    assert jambonz.cleared(["m2"]) == []


def test_a_31st_mark_is_thrown_away() -> None:
    jambonz = JAMBONZ.new(facts())
    ask(jambonz, *(f"m{n}" for n in range(30)))
    assert problem_of(jambonz, mark("m30")) == "mark 'm30' beyond 30 that wait is thrown away"
    assert jambonz.mark_played("m30") == ()
    jambonz.mark_played("m0")
    ask(jambonz, "m31")


def test_the_marker_must_not_be_sent_while_marks_wait() -> None:
    jambonz = JAMBONZ.new(facts())
    ask(jambonz, "m1")
    assert "taken for a marker" in blame_of(jambonz, TONE[:318] + MARKER)
    jambonz.mark_played("m1")
    assert only(jambonz.read(TONE[:318] + MARKER)) == Audio(TONE[:318] + MARKER)


def test_nor_before_a_mark_that_may_find_it_unplayed() -> None:
    jambonz = JAMBONZ.new(facts())
    jambonz.read(MARKER)
    blamed, asked = jambonz.read(mark("m1"))
    assert isinstance(blamed, Malformed)
    assert "-1" in blamed.problem
    assert asked == MarkAsked("m1")
    ask(jambonz, "m2")


@pytest.mark.parametrize("end", ["drained", "cleared"])
def test_what_was_played_or_dropped_is_past_harm(end: str) -> None:
    jambonz = JAMBONZ.new(facts())
    jambonz.read(MARKER)
    if end == "drained":
        assert jambonz.drained() == ()
    else:
        assert jambonz.cleared([]) == []
    ask(jambonz, "m1")


@pytest.mark.parametrize("audio", [b"\x01\xff\xff\x01", b"\x01\xff\xff\xfe\xff\x00", b"\xfe\xff"])
def test_bytes_of_two_samples_are_no_marker(audio: bytes) -> None:
    jambonz = JAMBONZ.new(facts())
    ask(jambonz, "m1")
    assert only(jambonz.read(audio)) == Audio(audio)


@pytest.mark.parametrize("audio", [MARKER, b"\x01\xff\xff\xff", b"\xff\xff\x01\x00"])
def test_a_marker_is_found_wherever_it_is(audio: bytes) -> None:
    jambonz = JAMBONZ.new(facts())
    ask(jambonz, "m1")
    assert blame_of(jambonz, audio)


def test_disconnect_ends_the_stream() -> None:
    assert only(JAMBONZ.new(facts()).read('{"type":"disconnect"}')) is Action.STOP


def test_dtmf() -> None:
    # _dtmfHandler in jambonz-feature-server, lib/tasks/listen.js
    assert said(*JAMBONZ.new(facts()).dtmf("5")) == {
        "event": "dtmf",
        "dtmf": "5",
        "duration": 1600,
    }


@pytest.mark.parametrize(
    ("message", "problem"),
    [
        (b"", "0 bytes of audio"),
        (b"\x01\x02\x03", "3 bytes of audio are no whole"),
        (bytes(655_362), "655362 bytes of audio; a message may have 655360"),
        ("killAudio", "no JSON"),
        ("{}", "without type"),
        ('{"type":"clear"}', "'clear' is unknown to jambonz"),
        ('{"type":"playAudio","data":{"audioContent":"AAAA"}}', "playAudio is ignored"),
        ('{"type":"killAudio","data":{}}', "killAudio with 'data'"),
        ('{"type":"clearMarks","data":{}}', "clearMarks with 'data'"),
        ('{"type":"disconnect","reason":""}', "disconnect with 'reason'"),
        ('{"type":"mark","name":"m1"}', "mark without data"),
        ('{"type":"mark","data":"m1"}', "must be an object"),
        ('{"type":"mark","data":{}}', "mark data without name"),
        ('{"type":"mark","data":{"name":"m1","event":"playout"}}', "mark data with 'event'"),
        ('{"type":"mark","data":{"name":1}}', "name is 1"),
        ('{"type":"mark","data":{"name":"a\\"b"}}', "would break the JSON"),
        ('{"type":"mark","data":{"name":"a\\\\b"}}', "would break the JSON"),
        ('{"type":"mark","data":{"name":"a\\nb"}}', "would break the JSON"),
    ],
)
def test_every_deviation_has_a_name(message: str | bytes, problem: str) -> None:
    assert problem in problem_of(JAMBONZ.new(facts()), message)


@pytest.mark.parametrize(
    ("options", "offered"),
    [
        ({}, ("audio.drachtio.org",)),
        ({"subprotocol": "drachtio"}, ("audio.drachtio.org",)),
        ({"subprotocol": "jambonz"}, ("audio.jambonz.org",)),
        ({"subprotocol": "none"}, ()),
    ],
)
def test_the_offered_subprotocol_is_an_option(
    options: dict[str, str], offered: tuple[str, ...]
) -> None:
    assert JAMBONZ.handshake(URL, facts(options=options), Credentials()).subprotocols == offered


@pytest.mark.parametrize(
    ("secret", "headers"),
    [
        # The example of https://www.rfc-editor.org/rfc/rfc7617
        ("Aladdin:open sesame", (("Authorization", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),)),
        ("", ()),
        ("no colon", ()),
        (":no user", ()),
    ],
)
def test_wsauth_is_basic(secret: str, headers: tuple[tuple[str, str], ...]) -> None:
    assert JAMBONZ.handshake(URL, facts(), Credentials(secret=secret)).headers == headers
