"""A simulated service as the process it is: its command line, its signals, its summary."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from typing import Any

import attrs
import httpx
import pytest
import trio

from simulators.services.cartesia_client import dialled
from trioaudio.simulators.services.options import parse
from trioaudio.simulators.services.process import main
from trioaudio.simulators.services.service import find_service
from trioaudio.simulators.services.voice import VoiceKind

COMMAND = (sys.executable, "-m", "trioaudio.simulators.services", "cartesia")


@attrs.define
class Running:
    process: trio.Process
    urls: dict[str, str]

    async def end(self) -> tuple[int, dict[str, Any]]:
        """Wait for its end; return the exit code and the summary."""
        assert self.process.stdout is not None
        summary = b"".join([each async for each in self.process.stdout])
        return await self.process.wait(), json.loads(summary)


@contextlib.asynccontextmanager
async def running(*arguments: str) -> AsyncIterator[Running]:
    process = await trio.lowlevel.open_process(
        [*COMMAND, "--voice", "tone", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        with trio.fail_after(15):
            line = b""
            while not line.endswith(b"\n"):
                line += await process.stdout.receive_some(1) or b"\n"
            yield Running(process, json.loads(line))
    finally:
        process.kill()
        with trio.move_on_after(1, shield=True):
            await process.wait()
            await process.stdin.aclose()
            await process.stdout.aclose()


@pytest.mark.system
@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
async def test_it_serves_until_a_signal_and_sums_up(signum: signal.Signals) -> None:
    async with running("--fault", "refuse=402@#2", "--speed", "50") as service:
        assert service.urls["event"] == "listening"
        async with dialled(service.urls["websocket"]) as client:
            for ident in ("a", "b"):
                await client.ask("Hello.", ident)
                await client.receive_all()
            service.process.send_signal(signum)
            code, summary = await service.end()
    assert code == 0
    assert (summary["utterances"], summary["characters"]) == (2, 6)
    assert (summary["errors"], summary["peak_concurrency"]) == ({"402": 1}, 1)
    assert summary["faults"] == {"refuse": 1}


@pytest.mark.system
async def test_a_child_leaves_with_its_parent_and_not_by_its_ctrl_c() -> None:
    async with running("--child") as service:
        service.process.send_signal(signal.SIGINT)
        async with httpx.AsyncClient() as client:
            assert (await client.get(service.urls["http"])).status_code == 200
        assert service.process.stdin is not None
        await service.process.stdin.aclose()
        assert (await service.end())[0] == 0


@pytest.mark.system
async def test_an_address_it_cannot_have() -> None:
    async with running() as service:
        address = service.urls["http"].removeprefix("http://")
        second = await trio.run_process(
            [*COMMAND, "--voice", "tone", "--listen", address],
            capture_stdout=True,
            capture_stderr=True,
            check=False,
        )
    assert (second.returncode, second.stdout) == (5, b"")
    assert f"cannot listen at {address}" in second.stderr.decode()


def test_an_unknown_service(capsys: pytest.CaptureFixture[str]) -> None:
    assert main("cartesian", []) == 2
    assert "did you mean cartesia?" in capsys.readouterr().err


def test_what_may_be_said_on_the_command_line() -> None:
    arguments = (
        "--listen [::1]:80 --voice tone --key k --voices a,b --concurrency 3 --speed 2.5"
        " --first-audio-ms 7 --chunk-ms 20-30 --seed 9 --fault reset=5@1/20 --fault odd-chunks"
        " --child --no-watch-stdin"
    )
    found = parse(find_service("cartesia"), arguments.split())
    assert (found.host, found.port, found.child, found.watch_stdin) == ("::1", 80, True, False)
    options = found.service
    assert (options.voice, options.key, options.voices) == (VoiceKind.TONE, "k", ("a", "b"))
    assert (options.concurrency, options.speed, options.first_audio_ms) == (3, 2.5, 7)
    assert (options.chunk_ms, options.seed) == ((20, 30), 9)
    assert options.faults == ("reset=5@1/20", "odd-chunks")
    assert parse(find_service("cartesia"), ["--chunk-ms", "50"]).service.chunk_ms == (50, 50)


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--listen", "80"], "wanted HOST:PORT"),
        (["--listen", "x:99999"], "wanted HOST:PORT"),
        (["--chunk-ms", "1-x"], "wanted a number or two"),
        (["--fault", "rest"], "did you mean reset"),
        (["--speed", "0"], "--speed 0"),
    ],
)
def test_what_is_no_sense_there(
    arguments: list[str], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        parse(find_service("cartesia"), arguments)
    assert caught.value.code == 2
    assert why in capsys.readouterr().err


def test_the_help_names_every_fault(capsys: pytest.CaptureFixture[str]) -> None:
    kind = find_service("cartesia")
    with pytest.raises(SystemExit):
        parse(kind, ["--help"])
    shown = capsys.readouterr().out
    assert all(each.name in shown and each.help in shown for each in kind.faults)
