"""`trioaudio serve` as its users have it: a process, its clients, its carriers, its signals."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import attrs
import pytest
import trio

from system.processes import Done, Runner, Running, last_report, read_wav, wait
from trioaudio.client import Call, Client

pytestmark = pytest.mark.system

T = TypeVar("T")
LISTENING = re.compile(r"listening .*media=(\S+) control=(\S+)")


@attrs.frozen
class Daemon:
    """A daemon that is ready, and where it listens."""

    running: Running
    media: str
    control: str
    environ: dict[str, str]

    def ask(self, question: Callable[[Client], Awaitable[T]]) -> T:
        """Ask it something as a program does that was told nothing but its environment."""

        async def run() -> T:
            with trio.fail_after(20):
                async with Client(environ=self.environ) as client:
                    return await question(client)

        return trio.run(run)

    def calls(self) -> list[str]:
        return [each.state for each in self.ask(lambda client: client.calls())]

    def until(self, states: list[str]) -> None:
        for _ in range(400):
            if self.calls() == states:
                return
            wait(0.05)
        raise AssertionError(self.calls())

    def leave(self) -> None:
        self.running.signal(signal.SIGTERM)
        done = self.running.wait()
        assert done.code == 0, done
        assert "Traceback" not in done.err
        self.running.until_alone()


def started(runner: Runner, *arguments: str, **settings: str) -> Daemon:
    state = runner.folder / "state"
    environ = {
        "TRIOAUDIO_STATE_FOLDER": str(state),
        "TRIOAUDIO_CACHE_FOLDER": str(runner.folder / "cache"),
        **{f"TRIOAUDIO_{name.upper()}": value for name, value in settings.items()},
    }
    if "control_listen" not in settings:
        arguments = (*arguments, "--control-listen", "127.0.0.1:0")
    running = runner.start("serve", "--media-listen", "127.0.0.1:0", *arguments, env=environ)
    running.until(lambda: bool(re.search(r"\] ready\b", running.err)))
    found = LISTENING.search(running.err)
    assert found is not None, running.err
    control = found[2] if found[2].startswith("http") else f"unix://{found[2]}"
    return Daemon(running, found[1], control, {**environ, "TRIOAUDIO_CONTROL_URL": control})


async def _expect(client: Client) -> str:
    call: Call = await client.create_call(carrier="raw")
    url = (await call.view()).media_url
    assert url is not None
    await call.say("Hello, this was expected.", then="hang-up")
    return url


def simulated(runner: Runner, url: str, *arguments: str) -> Done:
    """Have a simulated carrier dial, and wait for its end."""
    verb = ("simulate", "carrier", "--carrier", "raw", "--no-watch-stdin")
    running = runner.start(*verb, "--dial", url, *arguments)
    done = running.wait()
    running.until_alone()
    return done


def test_nothing_is_configured(runner: Runner) -> None:
    daemon = started(runner)
    assert daemon.running.out == ""
    listed = runner.run("calls", "--json", env=daemon.environ)
    assert (listed.code, listed.out, listed.err) == (0, "", "")
    # Nobody walks in where a call's own URL is wanted.
    stranger = simulated(runner, f"{daemon.media}/media/raw")
    assert stranger.code != 0
    assert "404" in stranger.out + stranger.err
    url = daemon.ask(_expect)
    carrier = simulated(runner, url, "--out", "heard.wav")
    assert carrier.code == 0, carrier
    assert read_wav(runner.folder / "heard.wav").peak > 1000
    assert last_report(carrier)
    daemon.until(["ended"])
    listed = runner.run("calls", "--json", env=daemon.environ)
    assert json.loads(listed.out)["cause"] == "hung-up"
    (record,) = (runner.folder / "state" / "calls.jsonl").read_text("utf-8").splitlines()
    assert json.loads(record)["cause"] == "hung-up"
    daemon.leave()


def test_a_carrier_walks_in_where_that_is_allowed(runner: Runner) -> None:
    daemon = started(runner, "--greeting", "Good morning.", media_auth="off", carriers="raw")
    url = f"{daemon.media}/media/raw"
    carrier = simulated(runner, url, "--out", "heard.wav", "--hang-up-after", "1.5")
    assert carrier.code == 0, carrier
    heard = read_wav(runner.folder / "heard.wav")
    assert heard.peak > 1000
    assert heard.ms > 500
    daemon.until(["ended"])
    daemon.leave()


def test_a_second_one_at_the_same_place(runner: Runner) -> None:
    path = runner.folder / "control.sock"
    daemon = started(runner, control_listen=str(path))
    second = runner.start(
        *("serve", "--media-listen", "127.0.0.1:0", "--control-listen", str(path)),
        env={"TRIOAUDIO_STATE_FOLDER": str(runner.folder / "other")},
    )
    done = second.wait()
    done.fails(2, str(path), "another process serves it")
    second.until_alone()
    assert daemon.calls() == []
    port = daemon.media.rpartition(":")[2]
    third = runner.start(
        *("serve", "--media-listen", f"127.0.0.1:{port}", "--control-listen", "127.0.0.1:0"),
        env={"TRIOAUDIO_STATE_FOLDER": str(runner.folder / "other")},
    )
    third.wait().fails(2, port)
    third.until_alone()
    daemon.leave()
    assert not path.exists()


def test_a_second_sigint_waits_for_no_call(runner: Runner) -> None:
    daemon = started(runner, media_auth="off", carriers="raw", drain_timeout_s="1000")
    carrier = runner.carrier("--carrier", "raw", "--dial", f"{daemon.media}/media/raw")
    daemon.until(["up"])
    daemon.running.signal(signal.SIGINT)
    daemon.running.until_err("draining")
    wait(0.3)
    assert daemon.running.process.poll() is None  # there is a call
    daemon.running.signal(signal.SIGINT)
    done = daemon.running.wait(10)
    assert (done.code, "Traceback" in done.err) == (0, False)
    assert carrier.wait(10).code == 0
    daemon.running.until_alone()
    (record,) = (runner.folder / "state" / "calls.jsonl").read_text("utf-8").splitlines()
    assert json.loads(record)["cause"] == "drained"


def test_killed_and_started_again_over_what_is_left(runner: Runner) -> None:
    path = runner.folder / "control.sock"
    first = started(runner, control_listen=str(path))
    token = (runner.folder / "state" / "control.token").read_text()
    first.running.signal(signal.SIGKILL)
    assert first.running.wait().code == -signal.SIGKILL
    first.running.until_alone()  # the embedded voice does not outlive it
    assert path.is_socket()
    with socket.socket(socket.AF_UNIX) as probe:
        assert probe.connect_ex(os.fspath(path)) != 0
    again = started(runner, control_listen=str(path))
    assert (runner.folder / "state" / "control.token").read_text() == token
    assert again.calls() == []
    again.leave()


def test_a_wrong_setting_is_told_before_anything_is_opened(runner: Runner) -> None:
    done = runner.run(
        "serve", env={"TRIOAUDIO_STATE_FOLDER": "/state", "TRIOAUDIO_CALLS_MOST": "x"}
    )
    done.fails(2, "TRIOAUDIO_CALLS_MOST")
    assert not Path("/state").exists()
