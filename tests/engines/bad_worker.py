"""A worker that fails on purpose: `bad_worker.py MODE FLAG`.

If FLAG names a file, it fails only while there is none, and makes it then.
"""

from __future__ import annotations

import itertools
import os
import signal
import sys
from pathlib import Path

from trioaudio.core.child_protocol import pack
from trioaudio.engines import _espeak_speaker_worker as speaker
from trioaudio.engines import espeak_worker
from trioaudio.engines._espeak_library_worker import Espeak, Event
from trioaudio.engines._espeak_speaker_worker import Blocks, Speaker

MODE, FLAG = sys.argv[1:]
BLOCKS_BEFORE_DEATH = 20


def due() -> bool:
    if FLAG and Path(FLAG).exists():
        return False
    if FLAG:
        Path(FLAG).touch()
    return True


def die() -> None:
    victim = os.getppid() if MODE.endswith("worker") else os.getpid()
    os.kill(victim, signal.SIGKILL)
    signal.pause()


def die_in_the_middle() -> None:
    take = Blocks.take
    taken = itertools.count(1)

    def take_and_die(self: Blocks, pcm: bytes, events: list[Event]) -> None:
        take(self, pcm, events)
        if next(taken) == BLOCKS_BEFORE_DEATH and due():
            die()

    setattr(Blocks, "take", take_and_die)  # noqa: B010 - mypy allows no assignment to a method


def die_of_poison() -> None:
    speak = Espeak.speak

    def speak_or_die(self: Espeak, voice: bytes, text: bytes, take: object) -> str:
        if b"POISON" in text:
            die()
        return speak(self, voice, text, take)  # type: ignore[arg-type]

    setattr(Espeak, "speak", speak_or_die)  # noqa: B010


def hang() -> None:
    def spin(*_arguments: object) -> str:
        while True:
            pass

    speaker.CPU_SECONDS = 1
    setattr(Espeak, "speak", spin)  # noqa: B010


def refuse() -> None:
    setattr(Espeak, "speak", lambda *_arguments: "eSpeak NG is on strike")  # noqa: B010


def junk() -> None:
    relay = espeak_worker.Worker._relay

    def relay_and_babble(self: espeak_worker.Worker, speaker: Speaker) -> bool:
        alive = relay(self, speaker)
        if due():
            self._outbox += b"\xff" * 20
        return alive

    setattr(espeak_worker.Worker, "_relay", relay_and_babble)  # noqa: B010


def start_once() -> None:
    """Start the first time, and whenever somebody has taken the flag away."""
    if not due():
        sys.exit(5)


if MODE == "without-loader":
    sys.modules["espeakng_loader"] = None  # type: ignore[assignment]
elif MODE == "half-ready":
    os.write(1, pack(16, 0)[:4])
    signal.pause()
elif MODE.startswith("die-in-the-middle"):
    die_in_the_middle()
elif MODE.startswith("poison"):
    die_of_poison()
else:
    {"hang": hang, "refuse": refuse, "junk": junk, "start-once": start_once}[MODE]()

espeak_worker.main()
