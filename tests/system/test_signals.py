"""SIGINT and SIGTERM at any moment: the right exit code, nothing left behind, goodbye said."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time

import pexpect
import pytest

from system.processes import (
    COMMAND,
    LONG,
    Runner,
    accept_websocket,
    last_report,
    marked,
    peer,
    wait,
)

pytestmark = pytest.mark.system

CODES = {signal.SIGINT: 130, signal.SIGTERM: 143}
SWEEP = [0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.8, 1.2, 2.0]


def interrupt(runner: Runner, number: signal.Signals, after: float) -> None:
    call = runner.start("--text", LONG, "--out", "x.wav", "--report", "r.json")
    wait(after)
    call.signal(number)
    done = call.wait(5)
    # Before our first line runs, the interpreter's own ways hold.
    early = {-number, CODES[number]} if after < 0.1 else {CODES[number]}
    assert done.code in early, done
    if after >= 0.1:
        assert done.complaints == []
    call.until_alone()
    runner.nothing_half_written()


@pytest.mark.parametrize(
    ("number", "after"),
    [
        (signal.SIGINT, 0.1),
        (signal.SIGTERM, 0.2),
        (signal.SIGINT, 0.3),
        (signal.SIGTERM, 0.4),
        (signal.SIGINT, 0.5),
        (signal.SIGTERM, 0.6),
        (signal.SIGINT, 0.8),
        (signal.SIGTERM, 1.2),
    ],
)
def test_a_signal_at_any_moment(runner: Runner, number: signal.Signals, after: float) -> None:
    interrupt(runner, number, after)


@pytest.mark.long
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("after", [*SWEEP, *(n / 50 for n in range(3, 60))])
def test_a_signal_at_very_many_moments(
    runner: Runner, number: signal.Signals, after: float
) -> None:
    interrupt(runner, number, after)


def ctrl_c(runner: Runner, after: float, once: str = "") -> str:
    """Press Ctrl-C at a terminal: every process in the foreground gets it.

    `after` seconds, counted from when the terminal shows `once`, if that is given.
    """
    mark = f"ctrl-c-{after}-{os.getpid()}-{time.monotonic_ns()}"
    environment = runner.environment(mark, {"TERM": "xterm-256color", "CI": ""})
    with contextlib.closing(
        pexpect.spawn(
            COMMAND[0],
            [*COMMAND[1:], "--text", LONG, "--out", "x.wav", "--report", "r.json"],
            cwd=str(runner.folder),
            env=environment,
            dimensions=(30, 100),
            timeout=10,
        )
    ) as terminal:
        if once:
            terminal.expect_exact(once)
        wait(after)
        terminal.sendintr()
        terminal.expect(pexpect.EOF)
        shown = terminal.before or b""
        terminal.wait()
        assert (terminal.exitstatus, terminal.signalstatus) == (130, None), shown
    assert b"Traceback" not in shown, shown.decode()
    end = time.monotonic() + 2
    while left := marked(mark):
        assert time.monotonic() < end, left
        wait(0.02)
    runner.nothing_half_written()
    return bytes(shown).decode()


@pytest.mark.parametrize("after", [0.15, 0.35, 0.6, 0.9])
def test_ctrl_c_at_a_terminal(runner: Runner, after: float) -> None:
    ctrl_c(runner, after)


def test_ctrl_c_in_mid_speech_leaves_the_figures_on_the_terminal(runner: Runner) -> None:
    shown = ctrl_c(runner, 0.5, once="speaking")
    assert "ended early (cancelled)" in shown
    assert "\x1b[?25l" not in shown[shown.rindex("\x1b[?25h") :], "the cursor stays hidden"
    assert runner.report("r.json")["cause"] == "cancelled"


@pytest.mark.long
@pytest.mark.parametrize("after", [*SWEEP[1:], *(n / 30 for n in range(3, 40))])
def test_ctrl_c_at_very_many_moments(runner: Runner, after: float) -> None:
    ctrl_c(runner, max(after, 0.1))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_in_mid_speech_the_carrier_is_told(runner: Runner, number: signal.Signals) -> None:
    call = runner.start(
        *("--text", LONG, "--listen", "127.0.0.1:0", "--out", "x.wav", "--report", "r.json")
    )
    carrier = runner.carrier("--dial", call.url())
    call.until_err("first frame sent")
    wait(0.2)
    call.signal(number)
    done, far = call.wait(5), last_report(carrier.wait())
    assert (done.code, done.complaints) == (CODES[number], [])
    assert [each["command"] for each in far["commands"]][:2] == ["clear", "hang-up"]
    assert far["closed"]["code"] == 1000
    assert far["protocol_errors"] == []
    report = runner.report("r.json")
    assert report["cause"] == "cancelled"
    assert report["frames"] == far["frames"] > 0
    assert report["framed"] == report["frames"] + report["flushed"]
    assert "ended early (cancelled)" in done.out
    assert runner.files() == ["r.json", "x.wav"]
    call.until_alone()


def test_while_nobody_has_dialled_in(runner: Runner) -> None:
    call = runner.start("--text", LONG, "--listen", "127.0.0.1:0", "--out", "x.wav")
    call.url()
    asked = time.monotonic()
    call.signal(signal.SIGTERM)
    done = call.wait(5)
    assert (done.code, done.complaints) == (143, [])
    assert time.monotonic() - asked < 1.5
    runner.nothing_half_written()


def test_while_waiting_for_a_redial(runner: Runner) -> None:
    env = {"TRIOAUDIO_REDIAL_FIRST_S": "30", "TRIOAUDIO_REDIAL_CAP_S": "30"}
    carrier, url = runner.listening_carrier("--fault", "reset-after=3")
    call = runner.start("--text", LONG, "--carrier", "raw", "--url", url, "--no-out", env=env)
    call.until_err("recovering")
    asked = time.monotonic()
    call.signal(signal.SIGINT)
    done = call.wait(5)
    assert (done.code, done.complaints) == (130, [])
    assert time.monotonic() - asked < 1.5
    assert "ended early (cancelled)" in done.out
    carrier.process.kill()


def test_while_dialling_somebody_who_does_not_answer(runner: Runner) -> None:
    with peer(lambda _: wait(3)) as url:
        call = runner.start("--text", LONG, "--carrier", "raw", "--url", url, "--out", "x.wav")
        wait(1.2)
        asked = time.monotonic()
        call.signal(signal.SIGINT)
        done = call.wait(5)
        assert time.monotonic() - asked < 1.5
    assert (done.code, done.complaints) == (130, [])
    runner.nothing_half_written()


def test_a_carrier_that_reads_nothing_cannot_keep_us(runner: Runner) -> None:
    def read_nothing(sock: socket.socket) -> None:
        accept_websocket(sock)
        wait(4)

    with peer(read_nothing) as url:
        call = runner.start(
            *("--text", LONG, "--carrier", "raw", "--url", url, "--no-out"),
            env={"TRIOAUDIO_SHUTDOWN_S": "0.5"},
        )
        call.until_err("first frame sent")
        asked = time.monotonic()
        call.signal(signal.SIGTERM)
        done = call.wait(5)
        assert time.monotonic() - asked < 1.5
    assert (done.code, done.complaints) == (143, [])
    assert "ended early (cancelled)" in done.out


def test_a_second_signal_ends_at_once(runner: Runner) -> None:
    def read_nothing(sock: socket.socket) -> None:
        accept_websocket(sock)
        wait(5)

    with peer(read_nothing) as url:
        call = runner.start(
            *("--text", LONG, "--carrier", "raw", "--url", url),
            *("--out", "x.wav", "--report", "r.json"),
            env={"TRIOAUDIO_SHUTDOWN_S": "30"},
        )
        call.until_err("first frame sent")
        call.signal(signal.SIGTERM)
        wait(0.3)
        assert call.process.poll() is None
        asked = time.monotonic()
        call.signal(signal.SIGINT)
        assert call.wait(5).code == 130
        assert time.monotonic() - asked < 0.5
        call.until_alone()
    assert runner.files() == []


def test_the_terminal_goes_away(runner: Runner) -> None:
    call = runner.start("--text", LONG, "--out", "x.wav", "--report", "r.json")
    call.until_err("first frame sent")
    call.signal(signal.SIGHUP)
    assert call.wait(5).code == 129
    call.until_alone()
    wait(0.2)
    runner.nothing_half_written()


def test_nohup(runner: Runner) -> None:
    command = ("/bin/sh", "-c", 'trap "" HUP; exec "$@"', "sh", *COMMAND)
    call = runner.start("--text", "Hi.", "--no-out", command=command)
    call.until_err("first frame sent")
    call.signal(signal.SIGHUP)
    assert call.wait().code == 0


def test_killed_outright_it_leaves_no_child(runner: Runner) -> None:
    call = runner.start("--text", LONG, "--no-out")
    call.until_err("first frame sent")
    assert len(call.relatives()) >= 3
    call.process.kill()
    assert call.process.wait() == -signal.SIGKILL
    call.until_alone()


def test_the_player_ends_with_us(runner: Runner) -> None:
    folder = runner.folder / "bin"
    folder.mkdir()
    player = folder / "pw-play"
    player.write_text("#!/bin/sh\nexec sleep 60\n")
    player.chmod(0o755)
    call = runner.start(
        *("--text", "Hi.", "--play"), env={"PATH": f"{folder}:{os.environ['PATH']}"}
    )
    call.until(lambda: any("sleep 60" in each for each in call.relatives()))
    wait(0.1)
    call.signal(signal.SIGTERM)
    assert call.wait(5).code == 143
    call.until_alone()


def test_nothing_is_played_after_a_signal(runner: Runner) -> None:
    folder = runner.folder / "bin"
    folder.mkdir()
    player = folder / "pw-play"
    player.write_text("#!/bin/sh\ntouch played\n")
    player.chmod(0o755)
    call = runner.start(*("--text", LONG, "--play"), env={"PATH": f"{folder}:{os.environ['PATH']}"})
    call.until_err("first frame sent")
    call.signal(signal.SIGINT)
    assert call.wait(5).code == 130
    assert "played" not in runner.files()
    assert subprocess.run([str(player)], cwd=runner.folder, check=False).returncode == 0
    assert "played" in runner.files()
