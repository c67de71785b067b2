"""A fork of the worker that speaks one clause."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
from collections.abc import Callable

from trioaudio.core.child_protocol import Message, MessageReader, pack
from trioaudio.engines._espeak_library_worker import WORD_EVENT, Espeak, Event
from trioaudio.engines._espeak_messages import (
    AUDIO,
    DONE,
    DONE_PAYLOAD,
    FAILED,
    SPEAK,
    WORD,
    WORD_PAYLOAD,
)

FIRST_BLOCK_MS = 20
BLOCK_MS = 200
CPU_SECONDS = 10
"""A clause takes some 0.02; one that takes this long never ends."""

PIPE_BYTES = 65536
_PR_SET_PDEATHSIG = 1
_FILES_AT_MOST = 64


class Blocks:
    """The engine's many small blocks in, a clause's messages out.

    Silence is held back until sound follows it: what is left at the end is the pause after the
    clause, which is nobody's if nothing follows.
    """

    def __init__(self, ident: int, sample_rate: int, write: Callable[[bytes], None]) -> None:
        self._ident = ident
        self._write = write
        self._pcm = bytearray()
        self._limit = sample_rate * FIRST_BLOCK_MS // 1000 * 2
        self._next_limit = sample_rate * BLOCK_MS // 1000 * 2

    def take(self, pcm: bytes, events: list[Event]) -> None:
        """Take one block of the engine's; words are told before the audio they are in."""
        for event in events:
            if event.type == WORD_EVENT:
                word = WORD_PAYLOAD.pack(event.sample, event.text_position - 1, event.length)
                self._write(pack(WORD, self._ident, word))
        self._pcm += pcm
        sounding = self._sounding()
        while sounding >= self._limit:
            self._write(pack(AUDIO, self._ident, bytes(self._pcm[: self._limit])))
            del self._pcm[: self._limit]
            sounding -= self._limit
            self._limit = self._next_limit

    def finish(self) -> None:
        """Send what is left; the clause is at its end."""
        sounding = self._sounding()
        if sounding:
            self._write(pack(AUDIO, self._ident, bytes(self._pcm[:sounding])))
        pause = (len(self._pcm) - sounding) // 2
        self._write(pack(DONE, self._ident, DONE_PAYLOAD.pack(pause)))

    def _sounding(self) -> int:
        length = len(self._pcm.rstrip(b"\0"))
        return length + length % 2


def _become_speaker(requests: int, replies: int) -> None:
    """Give the fork its place: nothing open but its pipes, gone when the worker is."""
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    _, most = resource.getrlimit(resource.RLIMIT_CPU)
    seconds = CPU_SECONDS if most == resource.RLIM_INFINITY else min(CPU_SECONDS, most)
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, most))
    null = os.open(os.devnull, os.O_RDWR)
    for standard in range(3):  # the library complains to stderr
        os.dup2(null, standard)
    for each in range(3, _FILES_AT_MOST):
        if each not in (requests, replies):
            os.closerange(each, each + 1)


def _speak_one_clause(espeak: Espeak, likely_voice: bytes, requests: int, replies: int) -> None:
    """Wait for a clause and speak it; this is all the fork does."""
    _become_speaker(requests, replies)
    if likely_voice:
        espeak.set_voice(likely_voice)

    def write(message: bytes) -> None:
        while message:
            message = message[os.write(replies, message) :]

    reader = MessageReader()
    asked: list[Message] = []
    while not asked:
        data = os.read(requests, PIPE_BYTES)
        if not data:
            return
        asked = reader.push(data)
    _, ident, payload = asked[0]
    voice, _, text = payload.partition(b"\0")
    blocks = Blocks(ident, espeak.sample_rate, write)
    problem = espeak.speak(voice, text, blocks.take)
    if problem:
        write(pack(FAILED, ident, problem.encode()))
    else:
        blocks.finish()


class Speaker:
    """The fork, seen from the worker. It is made before its clause comes: a fork takes time.

    So does loading a voice, and a clause is likely to want the voice of the one before it.
    """

    def __init__(self, espeak: Espeak, likely_voice: bytes = b"") -> None:
        self.voice = likely_voice
        self.ident: int | None = None  # of the clause it has been given
        self.finished = False
        self._ending: str | None = None
        self._reader = MessageReader()
        requests, self._requests = os.pipe()
        self.replies, replies = os.pipe()
        self._pid = os.fork()
        if self._pid == 0:
            status = 1
            try:
                _speak_one_clause(espeak, likely_voice, requests, replies)
                status = 0
            finally:
                os._exit(status)
        os.close(requests)
        os.close(replies)

    def speak(self, ident: int, request: bytes) -> None:
        """Give it its clause, which the pipe has room for."""
        self.ident, self.voice = ident, request.partition(b"\0")[0]
        message = pack(SPEAK, ident, request)
        while message:
            message = message[os.write(self._requests, message) :]

    def read(self) -> bytes | None:
        """Return whole messages that have come; None when it has ended."""
        data = os.read(self.replies, PIPE_BYTES)
        if not data:
            return None
        messages = self._reader.push(data)
        self.finished = any(kind in (DONE, FAILED) for kind, _, _ in messages)
        return b"".join(pack(*message) for message in messages)

    def end(self) -> str:
        """Kill it if it still runs; return how it ended, also when asked again."""
        if self._ending is None:
            self._ending = self._end()
        return self._ending

    def _end(self) -> str:
        os.close(self._requests)
        os.close(self.replies)
        os.kill(self._pid, signal.SIGKILL)
        _, status = os.waitpid(self._pid, 0)
        code = os.waitstatus_to_exitcode(status)
        return f"exit status {code}" if code >= 0 else signal.Signals(-code).name
