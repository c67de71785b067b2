"""The verbs that ask a daemon, as their users have them: a terminal, a pipe, a signal."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator

import pexpect
import pyte
import pytest

from client.served import Served
from client_verbs.asking import with_call
from system.processes import COMMAND, Runner, read_wav, wait
from trioaudio.api import commands

pytestmark = pytest.mark.system


@pytest.fixture
def far() -> Iterator[Served]:
    with with_call() as served:
        yield served


def until_listened(far: Served, side: str = "callee") -> None:
    for _ in range(1000):
        if far.do(lambda: far.desk.known["call-1"].listeners[side]):
            return
        wait(0.01)
    raise AssertionError("nobody listens")


def test_a_program_s_output_is_said_as_it_comes(runner: Runner, far: Served) -> None:
    running = runner.start("say", "call-1", "-", "--then", "hang-up", "--wait", env=far.environ)
    running.until(lambda: running.out == "1\n")
    running.write("Hello, ")
    said = far.desk.known["call-1"].utterances[1]
    running.until(lambda: said.text == "Hello, ")
    running.write("wörld.")
    running.close_stdin()
    running.until(lambda: not said.view.open)
    assert said.text == "Hello, wörld."
    far.do(lambda: far.desk.play_out("call-1", 1))
    done = running.wait()
    assert (done.code, done.err) == (0, "")
    running.until_alone()


def test_nobody_wants_to_hear_the_rest_after_sigint(runner: Runner, far: Served) -> None:
    running = runner.start("say", "call-1", "-", env=far.environ)
    running.write("Hello, ")
    running.until(lambda: bool(far.desk.known["call-1"].utterances))
    running.until(lambda: far.desk.known["call-1"].utterances[1].text == "Hello, ")
    running.signal(signal.SIGINT)
    done = running.wait()
    assert (done.code, done.err) == (130, "")
    assert far.desk.known["call-1"].commands[-1] == commands.Stop(utterances=[1])


def test_what_was_heard_until_sigint_is_in_the_file(runner: Runner, far: Served) -> None:
    running = runner.start("tap", "call-1", "--out", "heard.wav", env=far.environ)
    until_listened(far)
    far.do(lambda: far.desk.hear("call-1", b"\1\0" * 480))
    part = runner.folder / "heard.wav.part"
    running.until(part.exists)
    wait(0.3)  # for the frame: nothing tells that it was taken
    running.signal(signal.SIGTERM)
    assert running.wait().code == 143
    assert runner.files() == ["heard.wav"]
    assert len(read_wav(runner.folder / "heard.wav").samples) == 480


def test_audio_for_another_program(runner: Runner, far: Served) -> None:
    running = runner.start("tap", "call-1", "--out", "-", env=far.environ)
    until_listened(far)
    far.do(lambda: far.desk.hear("call-1", b"\x41\x42" * 480))
    running.until(lambda: len(running.out) == 960)
    far.do(lambda: far.desk.end("call-1"))
    done = running.wait()
    assert (done.code, done.out, done.err) == (0, "AB" * 480, "")


def test_a_daemon_that_is_not_there(runner: Runner) -> None:
    runner.run("watch", "--control", "http://127.0.0.1:1").fails(5, "no daemon answers at")


def test_watching_on_a_terminal(runner: Runner, far: Served) -> None:
    screen = pyte.Screen(100, 20)
    stream = pyte.ByteStream(screen)
    with contextlib.closing(
        pexpect.spawn(
            COMMAND[0],
            [*COMMAND[1:], "watch"],
            cwd=str(runner.folder),
            env=runner.environment("watching", {"TERM": "xterm-256color", **far.environ}),
            dimensions=(20, 100),
            timeout=20,
        )
    ) as terminal:
        for _ in range(1000):
            if far.do(lambda: far.desk.hub.wanted("call-1", "dtmf")):
                break
            wait(0.01)
        far.do(lambda: far.desk.answer("call-1"))
        terminal.expect("call.answered")
        shown = bytes(terminal.before or b"") + bytes(terminal.after or b"")
        far.do(lambda: far.desk.end("call-1"))
        terminal.expect("it ended: far-end")
        shown += bytes(terminal.before or b"") + bytes(terminal.after or b"")
        terminal.sendintr()
        terminal.expect(pexpect.EOF)
        terminal.wait()
        assert terminal.exitstatus == 130
    stream.feed(shown)
    first, second, *_ = screen.display
    assert first.split()[1:] == ["call-1", "call.answered", "from", "192.0.2.7:4040"]
    assert second.split()[1:] == ["call-1", "call.ended", "far-end:", "it", "ended:", "far-end"]
    assert b"\x1b[32mcall.answered" in shown
