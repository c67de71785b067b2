"""Reading the configuration anew holds up nothing else."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
import trio
import trio.testing

from trioaudio.configuration import Configuration, load_configuration
from trioaudio.core.errors import ConfigError
from trioaudio.daemon.certificates import Certificates
from trioaudio.daemon.reloading import Reloading


def reloading(read: object) -> Reloading:
    return Reloading(
        read,  # type: ignore[arg-type]
        Certificates(),
        lambda _fact: None,
        lambda _secrets: None,
        on_begin=lambda: None,
        on_end=lambda: None,
    )


async def test_a_file_that_does_not_answer_can_be_left() -> None:
    answers = threading.Event()
    made = reloading(answers.wait)
    with trio.fail_after(5):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(made.ask)
            await trio.testing.wait_all_tasks_blocked(0.01)
            nursery.cancel_scope.cancel()
    answers.set()


async def test_two_at_once_are_read_one_after_the_other(tmp_path: Path) -> None:
    environ = {"TRIOAUDIO_STATE_FOLDER": str(tmp_path)}
    running, most = 0, 0
    lock = threading.Lock()

    def read() -> Configuration:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        found = load_configuration(environ, tmp_path)
        with lock:
            running -= 1
        return found

    made = reloading(read)
    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(made.ask)
    assert most == 1


async def test_what_it_warns_of_is_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    environ = {"TRIOAUDIO_STATE_FOLDER": str(tmp_path), "TRIOAUDIO_NONSENSE": "1"}
    made = reloading(lambda: load_configuration(environ, tmp_path))
    assert await made.ask() == []
    assert "TRIOAUDIO_NONSENSE" in caplog.text


async def test_what_is_wrong_is_returned() -> None:
    def read() -> Configuration:
        raise ConfigError("one", "two")

    assert await reloading(read).ask() == ["one", "two"]
