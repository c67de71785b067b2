"""Play a WAV file with whatever player the machine has."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from pathlib import Path
from types import FrameType

from trioaudio.core.errors import ConfigError

_PLAYERS = (
    ("pw-play",),
    ("paplay",),
    ("aplay", "-q"),
    ("play", "-q"),
    ("ffplay", "-autoexit", "-nodisp", "-loglevel", "error"),
    ("afplay",),
)


def find_player() -> tuple[str, ...]:
    """Return the command of the first player found; ConfigError if there is none."""
    for command in _PLAYERS:
        if shutil.which(command[0]):
            return command
    names = ", ".join(command[0] for command in _PLAYERS)
    raise ConfigError(f"--play: no audio player found (looked for {names}); leave --play out")


def play(path: Path) -> None:
    """Play a file to its end; a player that fails is told of, no more."""
    command = find_player()
    with subprocess.Popen([*command, str(path)]) as player:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            _take_along(player, number)
        code = player.wait()
    if code:
        sys.stderr.write(f"trioaudio: note: {command[0]} ended with exit code {code}\n")


def _take_along(player: subprocess.Popen[bytes], number: signal.Signals) -> None:
    """Have a signal that ends us end the player too."""
    before = signal.getsignal(number)
    if not callable(before):
        return

    def leave(number: int, frame: FrameType | None) -> None:
        player.terminate()
        before(number, frame)

    signal.signal(number, leave)
