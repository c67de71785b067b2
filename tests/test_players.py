from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from trioaudio.core.errors import ConfigError
from trioaudio.players import find_player, play


@pytest.fixture
def players(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder that is all there is to find programs in; handlers as they were after."""
    monkeypatch.setenv("PATH", str(tmp_path))
    before = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)}
    yield tmp_path
    for number, handler in before.items():
        signal.signal(number, handler)


def add(folder: Path, name: str, script: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


def test_no_player(players: Path) -> None:
    with pytest.raises(ConfigError, match=r"looked for pw-play, .*; leave --play out"):
        find_player()


def test_the_first_one_found_plays(players: Path, tmp_path: Path) -> None:
    add(players, "play", "exit 1")
    add(players, "aplay", f'echo "$@" > {tmp_path}/heard')
    assert find_player() == ("aplay", "-q")
    play(Path("x.wav"))
    assert (tmp_path / "heard").read_text() == "-q x.wav\n"


def test_a_player_that_fails_is_told_of(players: Path, capsys: pytest.CaptureFixture[str]) -> None:
    add(players, "paplay", "exit 3")
    play(Path("x.wav"))
    assert capsys.readouterr().err == "trioaudio: note: paplay ended with exit code 3\n"
