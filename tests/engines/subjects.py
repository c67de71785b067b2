"""Every engine, opened for a test: what is embedded as it is, a service against its simulation."""

from __future__ import annotations

import struct
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import attrs
import numpy as np
import trio

from engines.listening import Recorder, setup
from trioaudio.core.engine import Engine, EngineKind, EngineSettings, ServiceSettings
from trioaudio.core.secret import Secret
from trioaudio.engines import engine_names, load_engine
from trioaudio.simulators.services.service import SERVICES, OpenService, open_service
from trioaudio.simulators.services.studio import ServiceOptions
from trioaudio.simulators.services.tone import read_tone
from trioaudio.simulators.services.voice import VoiceKind

KEY = "sk-0123456789abcdef"
WANTED_RATE = 8000

KINDS = {name: load_engine(name) for name in engine_names()}
SPEECH = [name for name, kind in KINDS.items() if kind.speech]
SERVICE_ENGINES = [
    name for name, kind in KINDS.items() if isinstance(kind.settings, ServiceSettings)
]
SIMULATED = [name for name in SERVICE_ENGINES if name in SERVICES]
TESTABLE = [name for name in KINDS if name not in SERVICE_ENGINES or name in SIMULATED]
SLOW = ("piper",)
"""A sentence costs them a tenth of the time it sounds."""


def speech_clause(n: int) -> str:
    """Return a clause that can be told from others, by its words and by its length."""
    return f"Number {n} says" + " and again" * (n % 4) + "."


def tone_clause(n: int) -> str:
    return f"{400 + 20 * (n % 20)}:{200 + 50 * (n % 4)} 0:50"


def wav_clause(n: int) -> str:
    return f"{n % 20}.wav"


CLAUSES: Mapping[str, Callable[[int], str]] = {"tone": tone_clause, "wav": wav_clause}
"""What engines that do not speak take instead of words."""


@attrs.frozen
class Subject:
    """An engine to be tested."""

    kind: EngineKind
    engine: Engine
    service: OpenService | None

    @property
    def name(self) -> str:
        return self.kind.name

    @property
    def rate(self) -> int:
        return self.engine.sample_rate_for(WANTED_RATE)

    @property
    def slow(self) -> bool:
        return self.name in SLOW

    def clause(self, n: int) -> str:
        return CLAUSES.get(self.name, speech_clause)(n)

    def clauses(self, count: int, first: int = 0) -> list[str]:
        return [self.clause(n) for n in range(first, first + count)]

    def same(self, text: list[str], sink: Recorder, alone: Recorder) -> bool:
        """Say whether what was heard is the text, as far as it can be told from the sound."""
        if self.service is not None:
            return self.heard(sink) == letters(text)
        if self.slow:  # it never says the same twice
            return 0.7 < len(sink.pcm) / len(alone.pcm) < 1.4
        return sink.pcm == alone.pcm and sink.words == alone.words

    def heard(self, sink: Recorder) -> str:
        """Read the simulated service's tones: the text's letters, and no others."""
        return "".join(each.character for each in read_tone(sink.pcm, self.rate)).replace(" ", "")


def letters(text: list[str]) -> str:
    return "".join(text).replace(" ", "").upper()


@asynccontextmanager
async def subject(
    name: str, folder: Path, *faults: str, options: ServiceOptions | None = None
) -> AsyncIterator[Subject]:
    """Open an engine; a service speaks in tones that can be read, as fast as it can."""
    kind = KINDS[name]
    with trio.fail_after(100):
        if not isinstance(kind.settings, ServiceSettings):
            async with kind.open(setup(_settings(kind, folder))) as engine:
                yield Subject(kind, engine, None)
            return
        options = options or ServiceOptions(
            voice=VoiceKind.TONE, first_audio_ms=1, chunk_ms=(20, 200), faults=faults
        )
        async with open_service(name, options) as service:
            settings = attrs.evolve(
                kind.settings, url=_url(kind.settings, service), api_key=Secret(KEY)
            )
            async with kind.open(setup(settings, sample_rate=WANTED_RATE)) as engine:
                yield Subject(kind, engine, service)


def _url(settings: ServiceSettings, service: OpenService) -> str:
    scheme = urlsplit(settings.url).scheme
    if scheme in ("ws", "wss"):
        return service.websocket_url
    return service.http_url if scheme in ("http", "https") else service.urls[scheme]


def _settings(kind: EngineKind, folder: Path) -> EngineSettings:
    if kind.name != "wav":
        return kind.settings
    for n in range(20):
        samples = np.full(WANTED_RATE // 4 + 100 * n, n + 1, dtype="<i2").tobytes()
        head = struct.pack("<IHHIIHH", 16, 1, 1, WANTED_RATE, 2 * WANTED_RATE, 2, 16)
        chunks = b"WAVEfmt " + head + b"data" + struct.pack("<I", len(samples)) + samples
        (folder / f"{n}.wav").write_bytes(b"RIFF" + struct.pack("<I", len(chunks)) + chunks)
    return attrs.evolve(kind.settings, folder=str(folder))  # type: ignore[call-arg]  # wav's own
