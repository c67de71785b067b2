"""The timing proof, as somebody who tries it sees it."""

from __future__ import annotations

import math
import re
import struct
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from trio.testing import MockClock

from fakes import FakeConnection, Pieces, connects, number_of, numbered_pcm
from trioaudio import demo
from trioaudio.core.connection import Connect
from trioaudio.core.engine import VoiceChoice
from trioaudio.core.errors import LegLostError
from trioaudio.core.exit_code import ExitCode
from trioaudio.core.playout_item import Audio
from trioaudio.core.speech import SpeechNews
from trioaudio.far_end import FarEnd
from trioaudio.observe.send_log import SendLog

COMMAND = (sys.executable, "-m", "trioaudio", "demo", "--seconds")
ROW = re.compile(r"^ *(\d+) +(\d+) +([\d.]+) +(\d+) +([\d.]+|–) +([\d.]+)$")


@pytest.mark.system
def test_the_table_and_the_figures(tmp_path: Path) -> None:
    done = subprocess.run(
        [*COMMAND, "0.6"], capture_output=True, text=True, cwd=tmp_path, timeout=30, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    rows = [found.groups() for line in done.stdout.splitlines() if (found := ROW.match(line))]
    assert [int(number) for number, *_ in rows] == list(range(10))
    assert {int(size) for _, size, *_ in rows} == {960}
    assert [int(due) for _, _, _, due, *_ in rows] == [60 * n for n in range(10)]
    sent = [float(each) for _, _, each, *_ in rows]
    assert sent[0] == 0
    assert sent == sorted(sent)
    # Another process may take the processor for a while; the schedule stays what it is.
    assert abs(sent[-1] - 540) < 200
    assert "in   23 chunks, 9600 bytes" in done.stdout
    assert "out  10 frames of 960 bytes; 0 bytes of silence complete the last" in done.stdout
    assert "the carrier received 10 frames of 960 bytes, " in done.stdout
    assert done.stdout.rstrip().endswith("; 0 protocol errors")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.system
def test_a_closed_pipe_is_one_line_and_no_traceback(tmp_path: Path) -> None:
    with subprocess.Popen(
        [*COMMAND, "5"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().startswith("80000 bytes of sample audio")
        process.stdout.close()
        complaint = process.stderr.read()
        assert process.wait(20) == ExitCode.OUTPUT
    assert complaint == "trioaudio: error: cannot write to standard output: Broken pipe\n"


def test_the_sample_is_a_tune_of_the_length_asked_for() -> None:
    pcm = demo.sample_audio(1.5)
    samples = struct.unpack(f"<{len(pcm) // 2}h", pcm)
    assert len(samples) == 12_000
    assert 6000 < max(samples) <= 9000
    energy = math.sqrt(sum(each * each for each in samples[:400]) / 400)
    faded = math.sqrt(sum(each * each for each in samples[1600:2000]) / 400)
    assert faded < energy / 2


class Sink:
    sample_rate = 8000

    def __init__(self) -> None:
        self.chunks: list[bytes] = []

    async def write(self, chunk: bytes) -> None:
        self.chunks.append(chunk)

    def tell(self, news: SpeechNews) -> None:
        raise AssertionError(news)

    def ahead_s(self) -> float:
        return 0.0


async def test_the_speaker_writes_awkward_chunks() -> None:
    speaker, sink = demo.ChunkySpeaker(numbered_pcm(3)), Sink()
    speaker.check(VoiceChoice())
    speaker.check_text("x", VoiceChoice())
    await speaker.speak(Pieces("x"), sink, VoiceChoice())
    assert [len(chunk) for chunk in sink.chunks] == [500, 300, 700, 200, 500, 300, 380]
    assert b"".join(sink.chunks) == numbered_pcm(3)
    assert speaker.chunks == 7


def test_the_table_shows_the_first_frames_only(capsys: pytest.CaptureFixture[str]) -> None:
    table = demo.FrameTable(SendLog(), 960)
    for n in range(30):
        table(Audio(0, 1, 0.0, 1, bytes(960)), n * 0.0601, -0.0004 if n else 0.002, n * 0.06)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["0", "960", "0.00", "0", "–", "2.00"]
    assert lines[1].split() == ["1", "960", "60.10", "60", "60.10", "0.00"]
    assert len(lines) == 25
    assert lines[24] == "  …"


class Simulator:
    """Stands in for the simulated carrier's process."""


@pytest.fixture
def carrier(monkeypatch: pytest.MonkeyPatch) -> list[FakeConnection | Exception]:
    """Have the demo speak to connections in this process; returns those it will get."""
    links: list[FakeConnection | Exception] = [FakeConnection()]

    @asynccontextmanager
    async def simulated(*_: object) -> AsyncIterator[FarEnd]:
        connect: Connect = connects(*links)
        far_end = FarEnd(connect)
        far_end.tell_report(None)
        yield far_end

    monkeypatch.setattr(demo, "start_simulator", lambda *_, **__: Simulator())
    monkeypatch.setattr(demo, "end_simulator", lambda _: None)
    monkeypatch.setattr(demo, "simulated", simulated)
    monkeypatch.setattr(demo, "settle", lambda: None)
    return links


async def test_all_of_the_sample_arrives(
    autojump_clock: MockClock,
    carrier: list[FakeConnection | Exception],
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert await demo._show(1.0, Simulator()) == ExitCode.SAID  # type: ignore[arg-type]
    (link,) = carrier
    assert isinstance(link, FakeConnection)
    assert b"".join(link.audio) == demo.sample_audio(1.0).ljust(17 * 960, b"\0")
    assert link.closed_with == 1000
    said = capsys.readouterr().out
    assert "out  17 frames of 960 bytes; 320 bytes of silence complete the last" in said
    assert "the carrier received" not in said
    assert number_of(link.audio[0]) == number_of(demo.sample_audio(1.0))


def test_a_carrier_that_cannot_be_reached_is_one_line(
    carrier: list[FakeConnection | Exception], capsys: pytest.CaptureFixture[str]
) -> None:
    carrier[:] = [LegLostError("the simulated carrier failed")]
    assert demo.demo(0.6) == ExitCode.CARRIER
    assert capsys.readouterr().err == "trioaudio: error: the simulated carrier failed\n"


def test_a_bug_is_no_one_liner(
    carrier: list[FakeConnection | Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(demo, "FrameTable", lambda *_: breaks)
    with pytest.RaisesGroup(ZeroDivisionError, flatten_subgroups=True):
        demo.demo(0.6)
