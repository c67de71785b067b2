from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from trioaudio import __version__
from trioaudio.cli import run_command_line
from trioaudio.core.exit_code import ExitCode
from trioaudio.say_arguments import say_parser


def test_a_complaint_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run_command_line(["--text", "Hi.", "--nonsense"])
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert said == ("trioaudio: error: unrecognized arguments: --nonsense; see trioaudio --help\n")


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["--no-out"], "--text is missing"),
        (["--text", "Hi.", "--play", "--no-out"], "--play needs the WAV file"),
        (["demo", "--seconds", "0"], "--seconds must be between"),
        (["demo", "--seconds", "nan"], "--seconds must be between"),
        (["voices", "--tongue"], "trioaudio voices --help"),
    ],
)
def test_what_is_no_sense(argv: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run_command_line(argv)
    assert ended.value.code == 2
    assert words in capsys.readouterr().err


def test_without_a_word_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command_line([]) == 2
    assert "--text TEXT" in capsys.readouterr().out


def test_simulate_wants_a_carrier(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run_command_line(["simulate"])
    assert ended.value.code == 2
    assert "carrier|rest|SERVICE" in capsys.readouterr().err


def test_simulate_knows_the_services(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command_line(["simulate", "cartesja"]) == 2
    assert "did you mean cartesia" in capsys.readouterr().err


def test_the_help_names_every_exit_code() -> None:
    epilog = say_parser().epilog or ""
    for code in ExitCode:
        assert f"{code.value} " in epilog


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run_command_line(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"trioaudio {__version__}\n"


def test_the_help_imports_nothing_heavy(tmp_path: Path) -> None:
    program = (
        "import sys; from trioaudio.cli import run_command_line\n"
        "try: run_command_line(['--help'])\n"
        "except SystemExit: pass\n"
        "print(sorted({'trio', 'numpy', 'attrs', 'rich'} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert done.stderr == "[]\n"


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["dial", "--text", "hi"], "--to"),
        (["dial", "--to", "+919800000000", "--listen", "127.0.0.1:0"], "--text"),
        (
            ["dial", "--to", "1", "--text", "hi", "--listen", "h:1", "--play", "--no-out"],
            "--play needs the WAV file",
        ),
        (["answer-document", "--carrier", "twilio"], "--url"),
        (["answer-document", "--url", "wss://voice.example.com/"], "--carrier"),
    ],
)
def test_what_is_missing_is_said(
    capsys: pytest.CaptureFixture[str], argv: list[str], words: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        run_command_line(argv)
    assert ended.value.code == 2
    error = capsys.readouterr().err
    assert words in error
    assert f"trioaudio {argv[0]} --help" in error or "--play" in words


def test_a_rest_side_can_be_simulated(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command_line(["simulate", "rest", "--carrier", "twilo"]) == 2
    assert "did you mean twilio" in capsys.readouterr().err


@pytest.mark.parametrize(
    "verb",
    ["calls", "say", "stop", "hangup", "dial", "watch", "tap", "serve", "check", "print-config"],
)
def test_the_help_names_the_verbs(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        run_command_line(["--help"])
    assert verb in capsys.readouterr().out.replace("\n", " ").replace(".", " ").split()


def test_a_listening_address_in_the_settings_keeps_dial_without_a_daemon(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("TRIOAUDIO_LISTEN=127.0.0.1:0\n")
    with pytest.raises(SystemExit):
        run_command_line(["dial", "--to", "100"])
    assert "--text is missing" in capsys.readouterr().err
