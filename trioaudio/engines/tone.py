"""Telephone tones by computation: the text says which (`_tone_plan`), to the sample and the Hz.

For prompts (ringback while a transfer is set up, a beep before a recording, keys for another
machine) and for tests, which can measure what comes out at the far end.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import AsyncIterable, AsyncIterator, Sequence

import attrs
import numpy as np
import numpy.typing as npt
import trio

from trioaudio.core.engine import (
    EngineKind,
    EngineSettings,
    EngineSetup,
    PcmSink,
    Voice,
    VoiceChoice,
    WordTiming,
)
from trioaudio.core.errors import ConfigError, EngineError, EngineFault, TextError
from trioaudio.core.suggest import did_you_mean
from trioaudio.engines._tone_plan import PLANS, Tone, read_tones

NAME = "tone"
RAMP_MS = 4
"""A tone fades in and out for so long: a sudden edge is a click at every frequency there is."""

_BLOCK_MS = 200
_FULL_SCALE = 32768
_DESCRIPTIONS = {
    "india": "dial, ringback, busy and congestion tones of India",
    "us": "dial, ringback, busy and congestion tones of the United States and Canada",
    "europe": "dial, ringback, busy and congestion tones of most of Europe",
}


@attrs.frozen(kw_only=True)
class ToneSettings(EngineSettings):
    """What an operator may set about tones."""

    voice: str | None = attrs.field(
        default="india",
        metadata={
            "help": "network whose dial, ringback and busy tones are meant: india, us, europe"
        },
    )
    level_dbov: float = attrs.field(
        default=-16.0,
        metadata={
            "help": "level of a tone, all its frequencies together, in decibels relative to"
            " overload",
            "least": -60,
            "most": -10,
        },
    )


@attrs.frozen
class _Span:
    """A tone and the samples it lasts, counted from the beginning of its line."""

    hertz: tuple[float, ...]
    start: int
    end: int


class ToneEngine:
    """What `open_engine` yields. It holds nothing."""

    def __init__(self, settings: ToneSettings) -> None:
        self._settings = settings

    @property
    def name(self) -> str:
        """The name it is chosen by."""
        return NAME

    def sample_rate_for(self, wanted: int) -> int:
        """Return the rate wanted: it computes at any."""
        return wanted

    def check(self, choice: VoiceChoice) -> None:
        """Raise ConfigError, with near matches, if there is no such network; any language does."""
        self._plan(choice)

    def check_text(self, text: str, choice: VoiceChoice) -> None:
        """Raise TextError if a line of it is no tones, at any rate."""
        for line in text.splitlines():
            try:
                read_tones(line, self._plan(choice), 96_000)
            except ValueError as exc:
                raise TextError(f"these are no tones: {exc}") from None

    def recipe(self, choice: VoiceChoice) -> str:
        """Return the network and the level."""
        return f"{self._plan(choice)} {self._settings.level_dbov:g} dBov"

    def _plan(self, choice: VoiceChoice) -> str:
        plan = choice.voice or self._settings.voice or "india"
        if plan not in PLANS:
            raise ConfigError(f"no tones of {plan!r}; {did_you_mean(plan, PLANS)}")
        return plan

    async def voices(self) -> list[Voice]:
        """List the networks whose tones it knows."""
        await trio.lowlevel.checkpoint()
        return [Voice(name, (), description=_DESCRIPTIONS[name]) for name in PLANS]

    async def synthesize(
        self,
        clauses: AsyncIterable[str],
        sink: PcmSink,
        choice: VoiceChoice,
        sample_rate: int,
    ) -> None:
        """Sound line after line. EngineError of kind BAD_REQUEST for one that is no tones."""
        plan = self._plan(choice)
        level = self._settings.level_dbov
        samples = 0
        number = 0
        async for line in clauses:
            try:
                items = read_tones(line, plan, sample_rate)
            except ValueError as exc:
                raise EngineError(
                    f"these are no tones: {exc}", kind=EngineFault.BAD_REQUEST, retryable=False
                ) from None
            ms = 0
            for item in items:
                at_ms = (samples + _samples(ms, sample_rate)) * 1000 / sample_rate
                sink.tell_word(WordTiming(number, item.start, item.length, at_ms))
                ms += sum(each.ms for each in item.tones)
            spans = _spans([tone for item in items for tone in item.tones], sample_rate)
            for span in spans:
                await _sound(span, level, sample_rate, sink)
            samples += spans[-1].end if spans else 0
            number += 1
            sink.tell_spoken(number)


def _samples(ms: int, sample_rate: int) -> int:
    return ms * sample_rate // 1000


def _spans(tones: Sequence[Tone], sample_rate: int) -> list[_Span]:
    """Place tones in samples, from their sum of milliseconds so that no rounding adds up.

    Equal neighbours are one tone: there is no edge between them.
    """
    spans = []
    ms = 0
    for hertz, equal in itertools.groupby(tones, key=lambda tone: tone.hertz):
        start = _samples(ms, sample_rate)
        ms += sum(each.ms for each in equal)
        spans.append(_Span(hertz, start, _samples(ms, sample_rate)))
    return spans


async def _sound(span: _Span, level_dbov: float, sample_rate: int, sink: PcmSink) -> None:
    block = _samples(_BLOCK_MS, sample_rate)
    for start in range(span.start, span.end, block):
        at = np.arange(start, min(start + block, span.end))
        samples: npt.NDArray[np.int16] = np.rint(_waves(span, at, level_dbov, sample_rate)).astype(
            "<i2"
        )
        await sink.write(samples.tobytes())


def _waves(
    span: _Span, at: npt.NDArray[np.int64], level_dbov: float, sample_rate: int
) -> npt.NDArray[np.float64]:
    """Return the sum of a tone's sines at samples `at`, faded at its ends."""
    if not span.hertz:
        return np.zeros(len(at))
    amplitude = _FULL_SCALE * np.sqrt(2 / len(span.hertz)) * 10 ** (level_dbov / 20)
    hertz = np.array(span.hertz)[:, None]
    waves = np.sin(2 * np.pi * hertz * (at - span.start) / sample_rate).sum(axis=0)
    ramp = max(1, min(_samples(RAMP_MS, sample_rate), (span.end - span.start) // 2))
    edge = np.minimum(at - span.start, span.end - 1 - at) / ramp
    fade = np.sin(np.minimum(edge, 1) * np.pi / 2) ** 2
    faded: npt.NDArray[np.float64] = amplitude * fade * waves
    return faded


@contextlib.asynccontextmanager
async def open_engine(setup: EngineSetup) -> AsyncIterator[ToneEngine]:
    """Open the tones; there is nothing to warm up. ConfigError for an unknown network."""
    assert isinstance(setup.settings, ToneSettings)
    engine = ToneEngine(setup.settings)
    engine.check(VoiceChoice())
    await trio.lowlevel.checkpoint()
    yield engine


ENGINE = EngineKind(
    name=NAME,
    open=open_engine,
    settings=ToneSettings(),
    documentation="https://www.itu.int/rec/T-REC-E.180",
    embedded=True,
    speech=False,
)
