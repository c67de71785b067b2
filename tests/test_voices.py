"""What an engine can speak with, as a table."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterable, AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import attrs
import pytest
import trio

from fakes import ScriptedEngine
from trioaudio import voices
from trioaudio.core.engine import (
    ChosenEngine,
    EngineKind,
    EngineSettings,
    EngineSetup,
    OpenEngine,
    PcmSink,
    Voice,
)
from trioaudio.core.errors import EngineError, EngineFault
from trioaudio.core.exit_code import ExitCode
from trioaudio.core.facts import EngineRestarted

COMMAND = (sys.executable, "-m", "trioaudio", "voices")


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments], capture_output=True, text=True, cwd=folder, timeout=30, check=False
    )


@pytest.mark.system
def test_the_embedded_voices(tmp_path: Path) -> None:
    done = run(tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert len(lines) > 100
    assert any(line.split()[:1] == ["hi"] and line.endswith("Hindi") for line in lines)
    assert all(line == line.rstrip() for line in lines)


@pytest.mark.system
def test_the_voices_of_a_language(tmp_path: Path) -> None:
    done = run(tmp_path, "--language", "hi")
    assert (done.returncode, done.stderr) == (0, "")
    (line,) = done.stdout.splitlines()
    assert line.split() == ["hi", "hi", "male", "Hindi"]


@pytest.mark.system
def test_a_language_nobody_speaks_is_one_line(tmp_path: Path) -> None:
    done = run(tmp_path, "--language", "xx-nowhere")
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("trioaudio: error: no voice speaks 'xx-nowhere'; ")


@pytest.mark.system
def test_a_pipe_nobody_reads_is_one_line(tmp_path: Path) -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", '"$@" | true', "sh", *COMMAND],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=30,
        check=False,
    )
    assert done.stderr == "trioaudio: error: cannot write to standard output: Broken pipe\n"


# --- With an engine in this process ---------------------------------------------------------


async def no_sound(clauses: AsyncIterable[str], sink: PcmSink) -> None:
    await trio.lowlevel.checkpoint()
    raise AssertionError((clauses, sink))


@attrs.define(eq=False)
class Choir(ScriptedEngine):
    """An engine with three voices."""

    def __init__(self) -> None:
        super().__init__(no_sound, "choir")

    async def voices(self) -> list[Voice]:
        await trio.lowlevel.checkpoint()
        return [
            Voice("asha", ("hi", "hi-IN"), "female", "Hindi, warm"),
            Voice("tom", ("en-GB",)),
            Voice("li", ("cmn",), "male"),
        ]


@pytest.fixture
def choir(monkeypatch: pytest.MonkeyPatch) -> None:
    @asynccontextmanager
    async def open_choir(setup: EngineSetup) -> AsyncIterator[Choir]:
        setup.tell(EngineRestarted("choir", "for no reason"))
        yield Choir()

    monkeypatch.setattr(voices, "load_engines", chosen(open_choir))


def listed(capsys: pytest.CaptureFixture[str], folder: Path, language: str | None) -> list[str]:
    assert voices.print_voices(None, language, {}, folder) == ExitCode.SAID
    return capsys.readouterr().out.splitlines()


def test_columns(choir: None, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert listed(capsys, tmp_path, None) == [
        "asha  hi hi-IN  female  Hindi, warm",
        "tom   en-GB",
        "li    cmn       male",
    ]


@pytest.mark.parametrize(
    ("language", "names"),
    [("hi", ["asha"]), ("HI-in", ["asha"]), ("en", ["tom"]), ("EN-gb", ["tom"]), ("cmn", ["li"])],
)
def test_a_language_takes_its_regions_with_it(
    choir: None,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    language: str,
    names: list[str],
) -> None:
    assert [line.split()[0] for line in listed(capsys, tmp_path, language)] == names


@pytest.mark.parametrize("language", ["h", "en-US", "cm"])
def test_a_part_of_a_tag_is_no_language(
    choir: None, capsys: pytest.CaptureFixture[str], tmp_path: Path, language: str
) -> None:
    assert voices.print_voices(None, language, {}, tmp_path) == ExitCode.USAGE
    assert f"no voice speaks {language!r}; " in capsys.readouterr().err


def test_an_engine_nobody_knows(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert voices.print_voices("espaek", None, {}, tmp_path) == ExitCode.USAGE
    (line,) = capsys.readouterr().err.splitlines()
    assert "espeak" in line


def chosen(opener: OpenEngine) -> Callable[..., tuple[ChosenEngine, ...]]:
    kind = EngineKind("choir", opener, EngineSettings(), "")
    return lambda *_: (ChosenEngine(kind, kind.settings),)


def opens_with(exc: BaseException) -> Callable[..., tuple[ChosenEngine, ...]]:
    @asynccontextmanager
    async def opener(_setup: EngineSetup) -> AsyncIterator[Choir]:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep, 0)
            raise exc
        yield Choir()

    return chosen(opener)


def test_an_engine_that_does_not_start(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    dead = EngineError("it died", kind=EngineFault.UNAVAILABLE, retryable=True)
    monkeypatch.setattr(voices, "load_engines", opens_with(dead))
    assert voices.print_voices(None, None, {}, tmp_path) == ExitCode.ENGINE
    assert capsys.readouterr().err == "trioaudio: error: it died\n"


def test_a_bug_is_no_one_liner(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(voices, "load_engines", opens_with(ZeroDivisionError()))
    with pytest.RaisesGroup(ZeroDivisionError):
        voices.print_voices(None, None, {}, tmp_path)
