"""What is asked for cannot be: told in one line, before anybody is called."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from system.processes import SHORT, Runner

pytestmark = pytest.mark.system


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--carrier", "telecmy"), ("unknown carrier 'telecmy'", "telecmi")),
        (("--engine", "spoke"), ("unknown engine 'spoke'", "espeak")),
        (("--voice", "nobody"), ("no voice 'nobody'",)),
        (("--language", "xx"), ("'xx'",)),
        (("--rate", "11025"), ("'11025'", "8000, 16000, 24000")),
        (("--lead-ms", "soon"), ("'soon'", "milliseconds")),
        (("--lead-ms", "-60"), ("-60",)),
        (("--url", "ws://127.0.0.1:1/"), ("telecmi dials us", "--listen")),
        (("--carrier", "raw", "--url", "http://127.0.0.1/"), ("ws://",)),
        (("--carrier", "raw", "--url", "ws://"), ("no host",)),
        (("--listen", "127.0.0.1"), ("HOST:PORT",)),
        (("--listen", "127.0.0.1:0", "--url", "ws://127.0.0.1/"), ("not allowed with",)),
        (("--log-level", "loud"), ("loud",)),
        (("--play", "--no-out"), ("--play needs the WAV file",)),
        (("--out", "x", "--report", "./x"), ("--out and --report are both x",)),
        (("--no-such-option",), ("--no-such-option", "--help")),
        (("more", "words"), ("more words", "--help")),
    ],
)
def test_wrong_usage(runner: Runner, arguments: tuple[str, ...], words: tuple[str, ...]) -> None:
    runner.run("--text", SHORT, *arguments).fails(2, *words)
    assert runner.files() == []


def test_no_text_at_all(runner: Runner) -> None:
    runner.run("--no-out").fails(2, "--text is missing")
    done = runner.run()
    assert (done.code, done.err) == (2, "")
    assert "--text TEXT" in done.out


def test_a_text_that_looks_like_an_option(runner: Runner) -> None:
    runner.run("--text", "-hello").fails(2, "--text")


@pytest.mark.parametrize(
    ("env_file", "words"),
    [
        ("TRIOAUDIO_SAMPLE_RATE=11025\n", "11025"),
        ("TRIOAUDIO_LISTEN=nowhere\n", "nowhere"),
        ("TRIOAUDIO_TEXT_LIMIT=many\n", "many"),
        ("TRIOAUDIO_URL='ws://x\n", ".env"),
    ],
)
def test_wrong_settings_in_the_env_file(runner: Runner, env_file: str, words: str) -> None:
    (runner.folder / ".env").write_text(env_file)
    runner.run("--text", SHORT).fails(2, words)


def test_an_env_file_that_is_not_there(runner: Runner) -> None:
    done = runner.run("--text", SHORT, env={"TRIOAUDIO_ENV_FILE": "settings/none"})
    done.fails(2, "settings/none")


def test_every_problem_is_told_at_once(runner: Runner) -> None:
    done = runner.run("--text", SHORT, "--rate", "x", "--carrier", "y", "--lead-ms", "z")
    assert done.code == 2
    assert [line.partition(": ")[0] for line in done.err.splitlines()] == ["trioaudio"] * 3


def test_a_port_that_is_taken(runner: Runner) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        done = runner.run("--text", SHORT, "--listen", address, "--out", "x.wav")
    done.fails(2, f"cannot listen on {address}", "Address already in use")
    assert runner.files() == []


@pytest.mark.parametrize("option", ["--out", "--report"])
@pytest.mark.parametrize("far_end", [(), ("--carrier", "raw", "--url", "ws://127.0.0.1:9/")])
def test_a_file_in_a_folder_that_is_missing(
    runner: Runner, option: str, far_end: tuple[str, ...]
) -> None:
    done = runner.run("--text", SHORT, option, "missing/file", *far_end)
    done.fails(6, "cannot write missing/file", "No such file or directory")
    assert runner.files() == []


@pytest.mark.parametrize("option", ["--out", "--report"])
def test_a_file_that_is_a_folder(runner: Runner, option: str) -> None:
    (runner.folder / "taken").mkdir()
    runner.run("--text", SHORT, option, "taken").fails(6, "it is a folder")
    assert runner.files() == ["taken"]


def test_a_device_is_not_replaced_by_a_file(runner: Runner) -> None:
    runner.run("--text", SHORT, "--out", "/dev/null").fails(6, "cannot write /dev/null")
    assert Path("/dev/null").is_char_device()
    done = runner.run("--text", SHORT, "--no-out", "--report", "/dev/null")
    assert done.code == 0
    assert Path("/dev/null").is_char_device()


@pytest.mark.parametrize(
    ("which", "code"), [("trioaudio.simulators.carrier", 4), ("espeak_worker", 4)]
)
def test_a_machine_that_gives_no_process(runner: Runner, which: str, code: int) -> None:
    """The limit on processes does not bind root: the fork is made to fail instead."""
    program = f"""
import errno, subprocess, sys
init = subprocess.Popen.__init__
def refuse(self, args, *more, **named):
    if any({which!r} in str(each) for each in args):
        raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")
    init(self, args, *more, **named)
subprocess.Popen.__init__ = refuse
from trioaudio.__main__ import main
sys.exit(main())
"""
    done = runner.run("--text", SHORT, command=(sys.executable, "-c", program))
    done.fails(code, "process", "Resource temporarily unavailable")
    assert runner.files() == []


def test_a_current_folder_that_takes_no_files(runner: Runner) -> None:
    (runner.folder / "trioaudio.wav").mkdir()
    done = runner.run("--text", SHORT)
    assert done.code == 0
    assert done.complaints == [
        "trioaudio: note: trioaudio.wav cannot be written here; say where with --out"
    ]


def test_a_player_that_is_not_there(runner: Runner) -> None:
    (runner.folder / "empty").mkdir()
    done = runner.run("--text", SHORT, "--play", env={"PATH": str(runner.folder / "empty")})
    done.fails(2, "no audio player found")


def test_another_verb_that_is_wrong(runner: Runner) -> None:
    runner.run("demo", "--seconds", "0").fails(2, "--seconds must be between")
    runner.run("voices", "--engine").fails(2, "expected one argument", "trioaudio voices --help")
    done = runner.run("simulate", "exchange")
    assert (done.code, len(done.err.splitlines())) == (2, 1)


def test_output_into_a_closed_pipe(runner: Runner) -> None:
    call = runner.start("--text", SHORT, "--no-out", "--report", "r.json")
    assert call.process.stdout is not None
    shell = subprocess.run(
        ["/bin/sh", "-c", 'exec "$@" | true', "sh", sys.executable, "-m", "trioaudio", "--version"],
        check=False,
        capture_output=True,
        text=True,
    )
    assert "Traceback" not in shell.stderr
    call.wait()


@pytest.mark.parametrize("arguments", [("--report", "-"), ()])
def test_standard_output_on_a_full_disk(runner: Runner, arguments: tuple[str, ...]) -> None:
    command = ("/bin/sh", "-c", 'exec "$@" >/dev/full', "sh", sys.executable, "-m", "trioaudio")
    done = runner.run("--text", SHORT, "--no-out", *arguments, command=command)
    assert done.code == 6
    assert done.complaints[-1].startswith(
        "trioaudio: error: cannot write to standard output: No space left"
    )
    assert "Traceback" not in done.err


@pytest.mark.parametrize(("closed", "code"), [(">&-", 6), ("2>&-", 0), ("<&-", 0)])
def test_a_standard_stream_that_is_closed(runner: Runner, closed: str, code: int) -> None:
    command = ("/bin/sh", "-c", f'exec "$@" {closed}', "sh", sys.executable, "-m", "trioaudio")
    done = runner.run("--text", SHORT, "--no-out", "--report", "r.json", command=command)
    assert done.code == code, done
    assert "Traceback" not in done.err
    assert runner.report("r.json")["frames"] > 0


def test_a_file_name_that_is_no_text(runner: Runner) -> None:
    name = b"a\xffb.wav".decode(errors="surrogateescape")
    done = runner.run("--text", SHORT, "--out", name, "--report", "r.json")
    assert (done.code, done.complaints) == (0, [])
    assert runner.report("r.json")["carrier"]["out"] == name
    assert (runner.folder / name).exists()
