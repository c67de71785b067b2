"""eSpeak NG's shared library through ctypes, as far as the worker needs it."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from typing import TypedDict

WORD_EVENT = 1

_SYNCHRONOUS = 2
_DONT_EXIT = 0x8000
_UTF8_WITH_END_PAUSE = 0x1001


class Event(ctypes.Structure):
    """What the library says of a block of audio; its `espeak_EVENT`."""

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
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(Event)
)


class VoiceEntry(TypedDict):
    """A voice as the daemon is told of it."""

    name: str
    identifier: str
    languages: list[tuple[int, str]]
    gender: int


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
        self._voice = b""

    def list_voices(self) -> list[VoiceEntry]:
        """Return what the library knows of its voices; the first time, it reads them all."""
        voices: list[VoiceEntry] = []
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

    def set_voice(self, voice: bytes) -> bool:
        """Load a voice, unless it is the one that was loaded last; False if there is none."""
        if voice != self._voice:
            self._voice = b"" if self._lib.espeak_SetVoiceByName(voice) else voice
        return self._voice == voice

    def speak(self, voice: bytes, text: bytes, take: Callable[[bytes, list[Event]], None]) -> str:
        """Speak a text, giving `take` its PCM and events; return why not, or nothing."""

        def on_block(wav: object, samples: int, events: list[Event]) -> int:
            pcm = ctypes.string_at(wav, samples * 2) if wav and samples else b""  # type: ignore[arg-type]
            count = 0
            while events[count].type:
                count += 1
            take(pcm, events[:count])
            return 0

        callback = _Callback(on_block)
        self._lib.espeak_SetSynthCallback(callback)
        if not self.set_voice(voice):
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
