"""A worker with Piper's manners and no model: `fake_piper_worker.py MODE FLAG MODEL CONFIG ...`.

A sentence is as many samples as it has characters, times 100, each of them its number. MODE says
how it fails; if FLAG names a file, it fails only while there is none, and makes it then.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from array import array
from pathlib import Path

from trioaudio.core.child_protocol import Message, MessageReader, pack
from trioaudio.engines._piper_messages import AUDIO, CANCEL, DONE, FAILED, READY, SENTENCE, SPEAK

MODE, FLAG = sys.argv[1:3]
ARGUMENTS = sys.argv[3:]
SAMPLES = 100


def due() -> bool:
    if FLAG and Path(FLAG).exists():
        return False
    if FLAG:
        Path(FLAG).touch()
    return True


def write(*messages: bytes) -> None:
    os.write(1, b"".join(messages))


def say_ready() -> None:
    ready = {
        "name": "fake",
        "sample_rate": 22050,
        "language": "hi-IN" if MODE == "hindi" else "en-US",
        "speakers": ["amy", "bob"] if MODE == "speakers" else [],
        "version": " ".join(ARGUMENTS[2:]),
    }
    write(pack(READY, 0, json.dumps(ready).encode()))


def speak(ident: int, payload: bytes) -> None:
    asked = json.loads(payload)
    text = asked["text"]
    if MODE == "refuse" and "BAD" in text:
        write(pack(FAILED, ident, b"ValueError: on strike"))
        return
    for n, sentence in enumerate(text.split("|")):
        if n < asked["skip"]:
            continue
        pcm = array("h", [ord(asked["speaker"][0]) if asked["speaker"] else n + 1])
        audio = pcm.tobytes() * (SAMPLES * len(sentence))
        half = len(audio) // 4 * 2
        write(pack(AUDIO, ident, audio[:half]))
        if (MODE == "die" and n == 1 and due()) or "POISON" in sentence:
            os.kill(os.getpid(), signal.SIGKILL)
        if MODE == "junk" and due():
            write(b"\xff" * 20)
        write(pack(AUDIO, ident, audio[half:]), pack(SENTENCE, ident))
    write(pack(DONE, ident))


def serve() -> None:
    reader = MessageReader()
    waiting: list[Message] = []
    while data := os.read(0, 65536):
        for message in reader.push(data):
            if message[0] == CANCEL:
                waiting = [each for each in waiting if each[1] != message[1]]
            elif message[0] == SPEAK:
                waiting.append(message)
        if MODE == "deaf":
            continue
        for _, ident, payload in waiting:
            speak(ident, payload)
        waiting.clear()


if MODE == "mute":
    signal.pause()
elif MODE == "cannot":
    write(pack(FAILED, 0, b"OSError: no model"))
    sys.exit(1)
elif MODE == "leave":
    sys.exit(3)
elif MODE == "start-once" and not due():
    sys.exit(5)
say_ready()
serve()
