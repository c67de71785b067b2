from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import trio

from trioaudio.carriers import load_carrier
from trioaudio.core.errors import LegLostError, OutputError
from trioaudio.core.verdict import known_error
from trioaudio.far_end import awaited, media_path, simulated
from trioaudio.settings import Settings
from trioaudio.simulator_child import end_simulator

CARRIER = load_carrier("telecmi")
READ = "import sys; url = sys.stdin.readline(); "


@contextmanager
def child(program: str) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
    )
    try:
        yield process
    finally:
        end_simulator(process)


async def failure(program: str) -> Exception:
    with child(program) as process:
        try:
            with trio.fail_after(10):
                async with simulated(Settings(), CARRIER, process) as far_end:
                    await far_end.wait_report()
                    await trio.sleep(5)
        except BaseExceptionGroup as group:
            return known_error(group)
    raise AssertionError("it did not fail")


def test_paths_cannot_be_guessed() -> None:
    paths = {media_path(CARRIER) for _ in range(100)}
    assert len(paths) == 100
    assert all(path.startswith("/media/telecmi/") and len(path) > 40 for path in paths)


async def test_it_says_where_to_dial() -> None:
    async with awaited(Settings(), CARRIER, "127.0.0.1", 0) as far_end:
        assert far_end.url is not None
        assert far_end.url.startswith("ws://127.0.0.1:")
        await far_end.wait_report()
        assert far_end.report is None


async def test_the_report_of_a_simulator_that_ends_well() -> None:
    program = READ + "print('{}'); print('{\"frames\": 7}'); "
    with child(program) as process:
        async with simulated(Settings(), CARRIER, process) as far_end:
            await far_end.wait_report()
            assert far_end.report == {"frames": 7}


async def test_a_simulator_that_cannot_write_its_file() -> None:
    program = "import sys; sys.stderr.write('simulator: cannot write x: full\\n'); sys.exit(6)"
    exc = await failure(program)
    assert isinstance(exc, OutputError)
    assert str(exc) == "cannot write x: full"


@pytest.mark.parametrize(
    ("program", "words"),
    [
        ("import sys; sys.stderr.write('no\\nreally no\\n'); sys.exit(5)", "failed: really no"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "exit code -9"),
        (READ, "exit code 0"),
    ],
)
async def test_a_simulator_that_fails(program: str, words: str) -> None:
    exc = await failure(program)
    assert isinstance(exc, LegLostError)
    assert words in str(exc)


async def test_a_simulator_we_gave_up_may_fail() -> None:
    with child(READ + "sys.stdin.readline(); sys.exit(5)") as process:
        async with simulated(Settings(), CARRIER, process) as far_end:
            far_end.give_up()
            await far_end.wait_report()
            process.kill()
            await trio.sleep(0.2)


def test_a_simulator_that_does_not_leave_is_made_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trioaudio.simulator_child.LEAVE_WITHIN", 0.1)
    with child("import time; time.sleep(60)") as process:
        pass
    assert process.returncode == -9
