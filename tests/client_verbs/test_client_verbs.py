"""The verbs that ask a daemon, in this process: what they print, what they ask, how they end."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from client.served import Served, served
from client_verbs.asking import make_call, verb, with_call
from trioaudio.api import commands
from trioaudio.api.shapes import CallCause, Cause
from trioaudio.cli import run_command_line
from trioaudio.client_verbs import variables
from trioaudio.client_verbs.running import code_of_cause
from trioaudio.settings_sources import CONFIG_FILE, ENV_FILE

Capture = pytest.CaptureFixture[str]


def soon(far: Served, work: object) -> threading.Timer:
    """Have something happen at the daemon while a verb runs."""
    assert callable(work)
    timer = threading.Timer(0.5, lambda: far.do(work))
    timer.start()
    return timer


# --- Where the daemon is -----------------------------------------------------------------


def test_no_daemon(capsys: Capture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TRIOAUDIO_STATE_FOLDER", str(tmp_path))
    assert run_command_line(["calls", "--control", "http://127.0.0.1:1"]) == 5
    assert capsys.readouterr().err == (
        "trioaudio: error: no daemon answers at http://127.0.0.1:1; start `trioaudio serve` or"
        " set TRIOAUDIO_CONTROL_URL\n"
    )


def test_settings_may_be_in_the_env_file(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    with with_call() as far:
        env = "".join(f"{name}={value}\n" for name, value in far.environ.items())
        (tmp_path / ".env").write_text(env)
        assert run_command_line(["calls"]) == 0
    assert "call-1" in capsys.readouterr().out
    (tmp_path / ".env").write_text("TRIOAUDIO_CONTROL_URL='http\n")
    assert run_command_line(["calls"]) == 2
    assert ".env line 1" in capsys.readouterr().err


def test_the_env_file_s_variable_is_the_daemon_s() -> None:
    assert (variables.ENV_FILE, variables.CONFIG_FILE) == (ENV_FILE, CONFIG_FILE)


@pytest.mark.parametrize(
    ("content", "words"), [(None, "No such file"), (b"", "empty"), (b"\xff\xff", "no text")]
)
def test_a_token_file_without_a_token(
    capsys: Capture, tmp_path: Path, content: bytes | None, words: str
) -> None:
    path = tmp_path / "token"
    if content is not None:
        path.write_bytes(content)
    assert run_command_line(["calls", "--token-file", str(path)]) == 2
    told = capsys.readouterr().err
    assert words in told
    assert told.startswith("trioaudio: error: --token-file")


def test_an_address_that_is_none(capsys: Capture) -> None:
    assert run_command_line(["stop", "c", "--control", "here"]) == 2
    assert "is no address of a daemon" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["calls", "say", "stop", "hangup", "watch", "tap", "serve"])
def test_every_verb_has_its_help(capsys: Capture, name: str) -> None:
    with pytest.raises(SystemExit) as ended:
        run_command_line([name, "--help"])
    assert ended.value.code == 0
    told = capsys.readouterr().out
    assert f"usage: trioaudio {name}" in told
    assert "--token " not in told


# --- calls, stop, hangup -----------------------------------------------------------------


def test_calls_are_listed(capsys: Capture) -> None:
    with with_call() as far:
        far.do(lambda: make_call(far.desk, "call-2", to="sip:\x1b[31m@x"))
        assert verb(far, "calls") == 0
        head, first, second = capsys.readouterr().out.splitlines()
        assert head.split() == ["CALL", "STATE", "CARRIER", "TO", "SINCE", "WAITING", "CAUSE"]
        assert first.split()[:4] == ["call-1", "up", "raw", "+919800000000"]
        assert "sip:\\u001b[31m@x" in second
        assert verb(far, "calls", "--json") == 0
        found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert [each["call"] for each in found] == ["call-1", "call-2"]


def test_stop_and_hangup(capsys: Capture) -> None:
    with with_call() as far:
        assert verb(far, "say", "call-1", "One.") == 0
        assert verb(far, "stop", "call-1", "1", "7") == 0
        assert verb(far, "stop", "call-1") == 0
        assert capsys.readouterr().out == "1\n1\n"
        assert verb(far, "hangup", "call-1", "--after-played") == 0
        assert verb(far, "hangup", "call-1") == 2
        assert "call 'call-1' is over" in capsys.readouterr().err
        assert far.desk.known["call-1"].commands[1:] == [
            commands.Stop(utterances=[1, 7]),
            commands.Stop(),
            commands.HangUp(when="after-played"),
        ]


# --- say ---------------------------------------------------------------------------------


def test_say_with_everything(capsys: Capture) -> None:
    given = (
        "--voice anna --language hi --engine tone,espeak --then hang-up --interruptible dtmf"
        " --priority 5"
    )
    with with_call() as far:
        assert verb(far, "say", "call-1", "Hello.", *given.split()) == 0
        assert far.desk.known["call-1"].commands == [
            commands.Say(
                text="Hello.",
                voice="anna",
                language="hi",
                engines=["tone", "espeak"],
                then="hang-up",
                interruptible="dtmf",
                priority=5,
            )
        ]
    assert capsys.readouterr().out == "1\n"


def test_say_waits_until_it_was_heard(capsys: Capture) -> None:
    with with_call() as far:
        timer = soon(far, lambda: far.desk.play_out("call-1", 1))
        assert verb(far, "say", "call-1", "Hello.", "--wait") == 0
        timer.join()
        timer = soon(far, lambda: far.desk.fall_silent("call-1"))
        assert verb(far, "say", "call-1", "Hello.", "--wait") == 5
        timer.join()
    told = capsys.readouterr()
    assert told.out == "1\n2\n"
    assert told.err == "trioaudio: error: utterance 2: 0 of 6 characters heard; barge-in\n"


@pytest.mark.parametrize(
    ("cause", "code"),
    [
        ("normal", 0),
        ("barge-in", 5),
        ("error", 4),
        ("parse-failure", 3),
        ("language-unsupported", 3),
        ("drained", 5),
    ],
)
def test_how_an_utterance_ended_is_the_exit_code(cause: Cause, code: int) -> None:
    assert code_of_cause(cause) == code


def test_say_on_no_call(capsys: Capture) -> None:
    with with_call() as far:
        assert verb(far, "say", "nobody", "Hi.") == 2
    assert capsys.readouterr().err == "trioaudio: error: there is no call 'nobody'\n"


# --- dial --------------------------------------------------------------------------------


def test_dial_through_the_daemon(capsys: Capture) -> None:
    with served() as far:
        given = ("--to", "+919800000000", "--from", "+918040000000", "--carrier", "twilio")
        said = ("--text", "Hello.", "--voice", "anna", "--engine", "tone", "--rate", "16000")
        assert verb(far, "dial", *given, *said) == 0
        assert verb(far, "dial", "--to", "100") == 0
        assert capsys.readouterr().out == "call-1\ncall-2\n"
        view = far.desk.known["call-1"].view
        assert (view.carrier, view.to, view.caller_id) == ("twilio", given[1], given[3])
        assert view.sample_rate == 16000
        assert far.desk.known["call-1"].utterances[1].text == "Hello."
        assert far.desk.known["call-2"].utterances == {}


@pytest.mark.parametrize(
    ("cause", "played", "code", "told"),
    [
        ("hung-up", True, 0, ""),
        ("far-end", False, 5, "not all was heard: cancelled"),
        ("not-answered", True, 5, "not-answered"),
        ("bug", True, 1, "bug"),
    ],
)
def test_dial_waits_until_the_call_is_over(
    capsys: Capture, cause: CallCause, played: bool, code: int, told: str
) -> None:
    with served() as far:

        def end() -> None:
            if played:
                far.desk.play_out("call-1", 1)
            far.desk.end("call-1", cause)

        timer = soon(far, end)
        assert verb(far, "dial", "--to", "100", "--text", "Hello.", "--wait") == code
        timer.join()
    assert told in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "words"),
    [
        (("--out", "x.wav"), "--out is for a call without a daemon"),
        (("--answer-url", "https://x"), "--answer-url is for a call without a daemon"),
        (("--rate", "fast"), "no number of hertz"),
    ],
)
def test_dial_with_what_a_daemon_s_call_has_not(
    capsys: Capture, option: tuple[str, ...], words: str
) -> None:
    assert run_command_line(["dial", "--to", "100", *option]) == 2
    assert words in capsys.readouterr().err


def test_a_drained_daemon(capsys: Capture) -> None:
    with served() as far:
        far.do(far.desk.drain)
        assert verb(far, "dial", "--to", "100") == 5
    assert "draining" in capsys.readouterr().err


# --- watch and tap -----------------------------------------------------------------------


def test_watch_until_the_calls_are_over(capsys: Capture) -> None:
    with with_call() as far:

        def happen() -> None:
            far.desk.end("call-1")

        verb(far, "say", "call-1", "Good \x1b morning.")
        timer = soon(far, happen)
        assert verb(far, "watch", "call-1") == 0
        timer.join()
        told = capsys.readouterr().out.splitlines()[1:]
        assert [line.split()[2] for line in told] == ["utterance.completed", "call.ended"]
        assert "1, cancelled, nothing heard" in told[0]
        assert "far-end: it ended: far-end" in told[1]
        assert "\x1b" not in "".join(told)
        assert verb(far, "watch", "call-1") == 0
        assert capsys.readouterr().out == ""


def test_watch_some_events_as_json(capsys: Capture) -> None:
    with with_call() as far:
        verb(far, "say", "call-1", "Hi.")
        capsys.readouterr()
        timer = soon(far, lambda: far.desk.end("call-1"))
        assert verb(far, "watch", "call-1", "--json", "--events", "utterance.completed,dtmf") == 0
        timer.join()
        found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert [each["event"] for each in found] == ["utterance.completed"]
        assert verb(far, "watch", "--events", "dtfm") == 2
        assert "did you mean dtmf" in capsys.readouterr().err
        assert verb(far, "watch", "nobody") == 2


def test_watch_until_the_daemon_goes(capsys: Capture) -> None:
    with with_call() as far:
        timer = threading.Timer(0.5, far.stop)
        timer.start()
        assert verb(far, "watch") == 5
        timer.join()
    assert "trioaudio: error: the " in capsys.readouterr().err


def test_tap_into_a_file(capsys: Capture, tmp_path: Path) -> None:
    out = tmp_path / "heard.wav"
    with with_call() as far:

        def speak() -> None:
            for number in range(3):
                far.desk.hear("call-1", bytes([number, 1]) * 960, side="ours")

        timers = [soon(far, speak), threading.Timer(0.9, lambda: far.do(end))]

        def end() -> None:
            far.desk.end("call-1")

        timers[1].start()
        given = ("--out", str(out), "--side", "ours", "--rate", "16000")
        assert verb(far, "tap", "call-1", *given) == 0
        for timer in timers:
            timer.join()
        assert verb(far, "tap", "call-1", "--out", str(tmp_path / "no.wav")) == 2
        far.do(lambda: make_call(far.desk, "call-2"))
        assert verb(far, "tap", "call-2", "--out", str(tmp_path / "no" / "file.wav")) == 6
    wav = out.read_bytes()
    assert wav[:4] == b"RIFF"
    assert wav[24:28] == (16000).to_bytes(4, "little")
    assert wav[44:] == b"".join(bytes([number, 1]) * 960 for number in range(3))
    assert [each.name for each in tmp_path.iterdir()] == ["heard.wav"]
