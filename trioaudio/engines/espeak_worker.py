"""The embedded voice's own process: clauses in on stdin, PCM out on stdout.

Run as `python -m trioaudio.engines.espeak_worker`. Nothing else in the program loads eSpeak NG.
It leaves when stdin closes, whatever it is doing, and at no signal but SIGKILL: SIGINT and
SIGTERM reach the whole process group while the daemon still lets calls end.

Requests (framed by `core.child_protocol`; texts are UTF-8):

    SPEAK   id  voice, NUL, clause        spoken first come, first served
    CANCEL  id                            queued or half spoken; nothing more is made of it
    LIST    0

Replies:

    READY   0   sample rate, library path, data path, version; separated by NUL
    AUDIO   id  PCM16 LE mono at that rate; 20 ms, then up to 200 ms
    WORD    id  three uint32: samples before it, characters before it, its characters
    DONE    id  uint32: samples of silence that belong after it if the speech goes on
    FAILED  id  why eSpeak NG would not speak it; id 0: why the worker cannot start
    DIED    id  how the process that spoke it ended
    VOICES  0   JSON

Every clause is spoken by a fork of this process. eSpeak NG carries the phase of its pitch
flutter, its noise and its gain from one text to the next, so in one process the same clause never
sounds the same twice. A fork starts from the same state each time: equal clauses are equal PCM,
and a clause that broke off can be taken up at the very sample. It also makes cancelling a kill,
and a crash the clause's own. The price is a millisecond. There are no threads, so forking is safe.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import select
import signal
import struct
import sys
from collections import deque
from collections.abc import Callable

from trioaudio.core.child_protocol import MessageReader, pack

SPEAK, CANCEL, LIST = 1, 2, 3
READY, AUDIO, WORD, DONE, FAILED, DIED, VOICES = 16, 17, 18, 19, 20, 21, 22

FIRST_BLOCK_MS = 20
BLOCK_MS = 200
CPU_SECONDS = 10
"""A clause takes some 0.02; one that takes this long never ends."""

_PIPE_BYTES = 65536
_WORD = struct.Struct("<III")
_DONE = struct.Struct("<I")
_WORD_EVENT = 1
_SYNCHRONOUS = 2
_DONT_EXIT = 0x8000
_UTF8_WITH_END_PAUSE = 0x1001
_PR_SET_PDEATHSIG = 1
_FILES_AT_MOST = 64


class _Event(ctypes.Structure):
    _fields_ = (  # type: ignore[mutable-override]
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", ctypes.c_char * 8),
    )


class _Voice(ctypes.Structure):
    _fields_ = (  # type: ignore[mutable-override]
        ("name", ctypes.c_char_p),
        ("languages", ctypes.c_void_p),
        ("identifier", ctypes.c_char_p),
        ("gender", ctypes.c_ubyte),
        ("age", ctypes.c_ubyte),
        ("variant", ctypes.c_ubyte),
        ("xx1", ctypes.c_ubyte),
        ("score", ctypes.c_int),
        ("spare", ctypes.c_void_p),
    )


_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
)


class Espeak:
    """The shared library out of the installed package. OSError, RuntimeError if it is broken."""

    def __init__(self, library: str, data: str) -> None:
        self.library = library
        self.data = data
        self._lib = ctypes.CDLL(library)
        # The path compiled in is the packager's own; without "don't exit" a missing file ends us.
        self.sample_rate: int = self._lib.espeak_Initialize(
            _SYNCHRONOUS, 60, os.fsencode(data), _DONT_EXIT
        )
        if self.sample_rate <= 0:
            raise RuntimeError(f"eSpeak NG finds no usable data in {data}")
        self._lib.espeak_Info.restype = ctypes.c_char_p
        self.version: str = self._lib.espeak_Info(None).decode()
        self._lib.espeak_ListVoices.restype = ctypes.POINTER(ctypes.POINTER(_Voice))

    def list_voices(self) -> list[dict[str, object]]:
        """Return what the library knows of its voices; the first time, it reads them all."""
        voices: list[dict[str, object]] = []
        found = self._lib.espeak_ListVoices(None)
        while found[len(voices)]:
            voice = found[len(voices)].contents
            voices.append(
                {
                    "name": voice.name.decode().strip(),
                    "identifier": voice.identifier.decode(),
                    "languages": _languages(voice.languages),
                    "gender": voice.gender,
                }
            )
        return voices

    def speak(self, voice: bytes, text: bytes, take: Callable[[bytes, list[_Event]], None]) -> str:
        """Speak a text, giving `take` its PCM and events; return why not, or nothing."""

        def on_block(wav: object, samples: int, events: list[_Event]) -> int:
            pcm = ctypes.string_at(wav, samples * 2) if wav and samples else b""  # type: ignore[arg-type]
            count = 0
            while events[count].type:
                count += 1
            take(pcm, events[:count])
            return 0

        callback = _Callback(on_block)
        self._lib.espeak_SetSynthCallback(callback)
        if self._lib.espeak_SetVoiceByName(voice):
            return f"eSpeak NG has no voice {voice.decode()}"
        status = self._lib.espeak_Synth(
            text, ctypes.c_size_t(len(text) + 1), 0, 0, 0, _UTF8_WITH_END_PAUSE, None, None
        )
        return f"eSpeak NG gave up with status {status}" if status else ""


def _languages(at: int) -> list[tuple[int, str]]:
    """Read a voice's languages: a priority byte and a C string each, until a zero priority."""
    languages = []
    while priority := ctypes.string_at(at, 1)[0]:
        code = ctypes.string_at(at + 1)
        languages.append((priority, code.decode()))
        at += len(code) + 2
    return languages


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

    def take(self, pcm: bytes, events: list[_Event]) -> None:
        """Take one block of the engine's; words are told before the audio they are in."""
        for event in events:
            if event.type == _WORD_EVENT:
                word = _WORD.pack(event.sample, event.text_position - 1, event.length)
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
        self._write(pack(DONE, self._ident, _DONE.pack(pause)))

    def _sounding(self) -> int:
        length = len(self._pcm.rstrip(b"\0"))
        return length + length % 2


def _speak_in_fork(espeak: Espeak, pipe: int, ident: int, request: bytes) -> None:
    """Speak one clause into `pipe`; this is all the fork does."""
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    _, most = resource.getrlimit(resource.RLIMIT_CPU)
    seconds = CPU_SECONDS if most == resource.RLIM_INFINITY else min(CPU_SECONDS, most)
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, most))
    os.closerange(0, pipe)
    os.closerange(pipe + 1, _FILES_AT_MOST)
    os.open(os.devnull, os.O_RDWR)  # 0, and then 1 and 2: the library complains to stderr
    os.dup2(0, 1)
    os.dup2(0, 2)

    def write(message: bytes) -> None:
        while message:
            message = message[os.write(pipe, message) :]

    voice, _, text = request.partition(b"\0")
    blocks = Blocks(ident, espeak.sample_rate, write)
    problem = espeak.speak(voice, text, blocks.take)
    if problem:
        write(pack(FAILED, ident, problem.encode()))
    else:
        blocks.finish()


class Speaker:
    """The fork that speaks a clause, seen from the worker."""

    def __init__(self, espeak: Espeak, ident: int, request: bytes) -> None:
        self.ident = ident
        self.finished = False
        self._reader = MessageReader()
        self.pipe, theirs = os.pipe()
        self._pid = os.fork()
        if self._pid == 0:
            status = 1
            try:
                _speak_in_fork(espeak, theirs, ident, request)
                status = 0
            finally:
                os._exit(status)
        os.close(theirs)

    def read(self) -> bytes | None:
        """Return whole messages that have come; None when it has ended."""
        data = os.read(self.pipe, _PIPE_BYTES)
        if not data:
            return None
        messages = self._reader.push(data)
        self.finished = any(kind in (DONE, FAILED) for kind, _, _ in messages)
        return b"".join(pack(*message) for message in messages)

    def end(self) -> str:
        """Kill it if it still runs; return how it ended."""
        os.close(self.pipe)
        os.kill(self._pid, signal.SIGKILL)
        _, status = os.waitpid(self._pid, 0)
        code = os.waitstatus_to_exitcode(status)
        return f"exit status {code}" if code >= 0 else signal.Signals(-code).name


class Worker:
    """The loop that waits for requests, for the clause being spoken, and for room in stdout."""

    def __init__(self, espeak: Espeak, requests: int, replies: int) -> None:
        self._espeak = espeak
        self._requests = requests
        self._replies = replies
        self._reader = MessageReader()
        self._waiting: deque[tuple[int, bytes]] = deque()
        self._speaker: Speaker | None = None
        self._outbox = b""

    def run(self) -> None:
        """Serve until stdin closes or nobody reads stdout."""
        os.set_blocking(self._replies, False)
        self._outbox = pack(READY, 0, self._ready())
        try:
            while self._serve_what_is_due():
                self._speak_next()
        except BrokenPipeError:
            pass
        finally:
            self._silence()

    def _ready(self) -> bytes:
        espeak = self._espeak
        fields = (str(espeak.sample_rate), espeak.library, espeak.data, espeak.version)
        return os.fsencode("\0".join(fields))

    def _serve_what_is_due(self) -> bool:
        """Wait, and do one round of work; False when stdin has closed."""
        self._write_out()
        sources = [self._requests]
        if self._speaker and not self._outbox:  # a full stdout holds the speaker back
            sources.append(self._speaker.pipe)
        readable, _, _ = select.select(sources, [self._replies] if self._outbox else [], [])
        if self._speaker and self._speaker.pipe in readable:
            self._relay(self._speaker)
        if self._requests in readable:
            data = os.read(self._requests, _PIPE_BYTES)
            for kind, ident, payload in self._reader.push(data):
                self._take(kind, ident, payload)
            return bool(data)
        return True

    def _write_out(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while self._outbox:
                self._outbox = self._outbox[os.write(self._replies, self._outbox) :]

    def _take(self, kind: int, ident: int, payload: bytes) -> None:
        if kind == SPEAK:
            self._waiting.append((ident, payload))
        elif kind == CANCEL:
            if self._speaker and self._speaker.ident == ident:
                self._silence()
            self._waiting = deque(each for each in self._waiting if each[0] != ident)
        elif kind == LIST:
            self._outbox += pack(VOICES, 0, self._voices())

    def _voices(self) -> bytes:
        import json  # noqa: PLC0415 - not before READY, which should come fast

        variants = sorted(os.listdir(os.path.join(self._espeak.data, "voices", "!v")))  # noqa: PTH118, PTH208
        return json.dumps({"voices": self._espeak.list_voices(), "variants": variants}).encode()

    def _speak_next(self) -> None:
        if self._waiting and self._speaker is None:
            self._speaker = Speaker(self._espeak, *self._waiting.popleft())

    def _relay(self, speaker: Speaker) -> None:
        messages = speaker.read()
        if messages is not None:
            self._outbox += messages
            return
        ending = self._silence()
        if not speaker.finished:
            self._outbox += pack(DIED, speaker.ident, ending.encode())

    def _silence(self) -> str:
        """End the clause being spoken, if any; return how its process ended."""
        speaker, self._speaker = self._speaker, None
        return speaker.end() if speaker else ""


def main() -> None:
    """Load the library and serve; say in one FAILED why, if it cannot be loaded."""
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
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    main()
