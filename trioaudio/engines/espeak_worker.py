"""The embedded voice's own process: clauses in on stdin, PCM out on stdout.

Run as `python -m trioaudio.engines.espeak_worker`; `_espeak_messages` says what it takes and
gives. Nothing else in the program loads eSpeak NG. It leaves when stdin closes, whatever it is
doing, and at no signal but SIGKILL: SIGINT and SIGTERM reach the whole process group while the
daemon still lets calls end.

Every clause is spoken by a fork of this process. eSpeak NG carries the phase of its pitch
flutter, its noise and its gain from one text to the next, so in one process the same clause never
sounds the same twice. A fork starts from the same state each time: equal clauses are equal PCM,
and a clause that broke off can be taken up at the very sample. It also makes cancelling a kill,
and a crash the clause's own. The price is a millisecond. There are no threads, so forking is safe.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import select
import signal
import sys
from collections import deque
from pathlib import Path

from trioaudio.core.child_protocol import MessageReader, pack
from trioaudio.engines._espeak_library_worker import Espeak, VoiceEntry
from trioaudio.engines._espeak_messages import CANCEL, DIED, FAILED, LIST, READY, SPEAK, VOICES
from trioaudio.engines._espeak_speaker_worker import PIPE_BYTES, Speaker


class Worker:
    """The loop that waits for requests, for the clause being spoken, and for room in stdout."""

    def __init__(self, espeak: Espeak, requests: int, replies: int) -> None:
        self._espeak = espeak
        self._requests = requests
        self._replies = replies
        self._reader = MessageReader()
        self._waiting: deque[tuple[int, bytes]] = deque()
        self._outbox = b""

    def run(self) -> None:
        """Serve until stdin closes or nobody reads stdout."""
        os.set_blocking(self._replies, False)
        self._outbox = pack(READY, 0, self._ready())
        with contextlib.suppress(BrokenPipeError):
            self._write_out()
            self._espeak.list_voices()  # now, or every fork would read 141 files
            gc.freeze()  # a collection in a fork would copy what both still share
            self._serve()

    def _ready(self) -> bytes:
        espeak = self._espeak
        fields = (str(espeak.sample_rate), espeak.library, espeak.data, espeak.version)
        return os.fsencode("\0".join(fields))

    def _serve(self) -> None:
        speaker = Speaker(self._espeak)
        try:
            while True:
                if self._waiting and speaker.ident is None:
                    speaker.speak(*self._waiting.popleft())
                self._write_out()
                readable = self._wait(speaker)
                if speaker.replies in readable and not self._relay(speaker):
                    speaker = Speaker(self._espeak, speaker.voice)
                if self._requests in readable:
                    data = os.read(self._requests, PIPE_BYTES)
                    if not data:
                        return
                    if self._take(data, speaker.ident):
                        speaker.end()
                        speaker = Speaker(self._espeak, speaker.voice)
        finally:
            speaker.end()

    def _wait(self, speaker: Speaker) -> list[int]:
        """Wait until there is something to read, or room for what is to be written."""
        if self._outbox:  # a full stdout holds the speaker back
            return select.select([self._requests], [self._replies], [])[0]
        return select.select([self._requests, speaker.replies], [], [])[0]

    def _write_out(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while self._outbox:
                self._outbox = self._outbox[os.write(self._replies, self._outbox) :]

    def _take(self, data: bytes, speaking: int | None) -> bool:
        """Take requests; say whether the clause being spoken is cancelled."""
        cancelled = False
        for kind, ident, payload in self._reader.push(data):
            if kind == SPEAK:
                self._waiting.append((ident, payload))
            elif kind == CANCEL:
                cancelled = cancelled or ident == speaking
                self._waiting = deque(each for each in self._waiting if each[0] != ident)
            elif kind == LIST:
                self._outbox += pack(VOICES, 0, self._voices())
        return cancelled

    def _relay(self, speaker: Speaker) -> bool:
        """Pass on what the speaker says; False when it has ended."""
        messages = speaker.read()
        if messages is not None:
            self._outbox += messages
            return True
        ending = speaker.end()
        if speaker.ident is None:
            sys.exit(f"a speaker ended before it had a clause: {ending}")
        if not speaker.finished:
            self._outbox += pack(DIED, speaker.ident, ending.encode())
        return False

    def _voices(self) -> bytes:
        data = Path(self._espeak.data)
        voices = [each for each in self._espeak.list_voices() if _has_dictionary(data, each)]
        variants = sorted(each.name for each in (data / "voices" / "!v").iterdir())
        return json.dumps({"voices": voices, "variants": variants}).encode()


def _has_dictionary(data: Path, voice: VoiceEntry) -> bool:
    """Say whether the package has a voice's dictionary; without it the voice is mute."""
    dictionary = voice["languages"][0][1].partition("-")[0]
    definition = data / "lang" / voice["identifier"]
    if not definition.is_file():
        return True  # kept elsewhere: not one of the package's own languages
    for line in definition.read_text("utf-8", "replace").splitlines():
        word, _, value = line.partition(" ")
        if word == "dictionary":
            dictionary = value.split()[0]
    return (data / f"{dictionary}_dict").exists()


def main() -> None:
    """Load the library and serve; say in one FAILED why, if it cannot be loaded."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    replies = os.dup(1)
    os.dup2(2, 1)  # whatever prints must not print between messages
    try:
        import espeakng_loader  # noqa: PLC0415 - its absence is something to tell

        espeak = Espeak(espeakng_loader.get_library_path(), espeakng_loader.get_data_path())
    except (ImportError, OSError, RuntimeError) as exc:
        os.write(replies, pack(FAILED, 0, str(exc).encode()))
        sys.exit(1)
    Worker(espeak, 0, replies).run()


if __name__ == "__main__":
    main()
