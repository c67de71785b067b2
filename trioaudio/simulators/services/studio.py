"""What all connections of one simulated service share: its voice, faults, limits and counts."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeAlias

import attrs

from trioaudio.core.errors import ConfigError
from trioaudio.simulators.services.faults import Faults
from trioaudio.simulators.services.voice import Speaker, VoiceKind

MOST_UTTERANCES = 4096
"""At once, where no `concurrency` was asked for."""
ValueCheck: TypeAlias = tuple[str, float | None, float, float]


@attrs.frozen(kw_only=True)
class ServiceOptions:
    """How a simulated service is to behave; the defaults are those of a quick, faultless one."""

    voice: VoiceKind = VoiceKind.ESPEAK
    key: str | None = attrs.field(default=None, repr=False)
    """The only key accepted; None: any."""
    voices: tuple[str, ...] = ()
    """The only voices there are; none given: any."""
    concurrency: int | None = None
    """Utterances spoken at once before the next is refused."""
    speed: float | None = None
    """How many times faster than real time audio is made; None: as fast as it can be."""
    first_audio_ms: float = 40
    """How long the first audio of an utterance takes."""
    chunk_ms: tuple[float, float] = (100, 300)
    """The shortest and the longest chunk of audio."""
    faults: tuple[str, ...] = ()
    """NAME[=VALUE][@RATE], see `faults`."""
    seed: int = 0
    """Of everything drawn by chance."""

    def __attrs_post_init__(self) -> None:
        """Refuse what is no sense: ConfigError."""
        checks: tuple[ValueCheck, ...] = (
            ("--concurrency", self.concurrency, 1, MOST_UTTERANCES),
            ("--speed", self.speed, 0.01, 1e6),
            ("--first-audio-ms", self.first_audio_ms, 0, 1e6),
            ("--chunk-ms", self.chunk_ms[0], 1, self.chunk_ms[1]),
            ("--chunk-ms", self.chunk_ms[1], 1, 1e5),
        )
        problems = [
            f"{name} {value:g}: wanted {least:g} to {most:g}"
            for name, value, least, most in checks
            if value is not None and not least <= value <= most
        ]
        if problems:
            raise ConfigError(*problems)


@attrs.frozen
class ServiceStatistics:
    """What a service has done so far."""

    connections: int
    utterances: int
    """Contexts and HTTP requests that were to be spoken."""
    characters: int
    audio_seconds: float
    """Of what was sent."""
    errors: dict[int, int]
    """How many errors were answered, by status."""
    cancelled: int
    active: int
    """Utterances being spoken now."""
    peak_concurrency: int
    faults: dict[str, int]
    """How often each fault struck."""


@attrs.define(eq=False)
class Studio:
    """Where a service's utterances are spoken."""

    options: ServiceOptions
    speaker: Speaker
    faults: Faults
    draw: random.Random
    connections: int = 0
    """All there ever were."""
    open_connections: int = 0
    characters: int = 0
    audio_seconds: float = 0.0
    cancelled: int = 0
    errors: Counter[int] = attrs.field(factory=Counter)
    _utterances: int = 0
    _active: int = 0
    _peak: int = 0

    @property
    def full(self) -> bool:
        """Whether one more utterance would be one too many."""
        return self._active >= (self.options.concurrency or MOST_UTTERANCES)

    @contextmanager
    def occupied(self) -> Iterator[None]:
        """Count an utterance as spoken while the block runs; ask `full` before."""
        self._utterances += 1
        self._active += 1
        self._peak = max(self._peak, self._active)
        try:
            yield
        finally:
            self._active -= 1

    def statistics(self) -> ServiceStatistics:
        """Return the counts of now."""
        return ServiceStatistics(
            connections=self.connections,
            utterances=self._utterances,
            characters=self.characters,
            audio_seconds=self.audio_seconds,
            errors=dict(self.errors),
            cancelled=self.cancelled,
            active=self._active,
            peak_concurrency=self._peak,
            faults=dict(self.faults.struck),
        )
