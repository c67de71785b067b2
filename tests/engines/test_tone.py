"""Telephone tones: how long, which frequencies, how loud, and without clicks."""

from __future__ import annotations

import itertools
import math
from collections.abc import AsyncIterator

import numpy as np
import numpy.typing as npt
import pytest

from engines.listening import Recorder, say, setup
from trioaudio.core.engine import Engine, VoiceChoice
from trioaudio.core.errors import ConfigError, EngineError, EngineFault, TextError
from trioaudio.engines.tone import ENGINE, RAMP_MS, ToneSettings, open_engine

DEFAULT = VoiceChoice()


@pytest.fixture
async def engine() -> AsyncIterator[Engine]:
    async with open_engine(setup(ENGINE.settings)) as opened:
        yield opened


def samples_of(sink: Recorder) -> npt.NDArray[np.float64]:
    return np.frombuffer(sink.pcm, dtype="<i2").astype(np.float64)


def frequencies(samples: npt.NDArray[np.float64], rate: int) -> set[int]:
    """Return what sounds in it, to 5 Hz, down to 20 dB below the strongest."""
    size = rate // 5 * 4
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples)), size))
    peaks = [
        at
        for at in range(1, len(spectrum) - 1)
        if spectrum[at] > spectrum.max() / 10
        and spectrum[at] >= max(spectrum[at - 1], spectrum[at + 1])
    ]
    return {5 * round(at * rate / size / 5) for at in peaks}


def level_dbov(samples: npt.NDArray[np.float64]) -> float:
    return 20 * math.log10(float(np.sqrt((samples**2).mean())) / 32768)


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 48000])
async def test_tones_last_to_the_sample_and_sound_at_their_frequencies(
    engine: Engine, rate: int
) -> None:
    assert engine.sample_rate_for(rate) == rate
    sink = await say(engine, "425:400 0:200 940+1335:203", sample_rate=rate)
    samples = samples_of(sink)
    ends = [rate * ms // 1000 for ms in (400, 600, 803)]
    assert len(samples) == ends[-1]
    assert frequencies(samples[: ends[0]], rate) == {425}
    assert not samples[ends[0] : ends[1]].any()
    assert frequencies(samples[ends[1] :], rate) == {940, 1335}
    assert max(map(len, sink.chunks)) <= rate * 2 // 5


async def test_rounding_does_not_add_up(engine: Engine) -> None:
    line = "425:1,0:1 " * 500
    assert len((await say(engine, line, sample_rate=11025)).pcm) == 2 * 11025


@pytest.mark.parametrize("level", [-60.0, -16.0, -10.0])
@pytest.mark.parametrize("hertz", ["1000", "941+1336", "350+440+480+620"])
async def test_the_level_is_that_of_all_frequencies_together(level: float, hertz: str) -> None:
    async with open_engine(setup(ToneSettings(level_dbov=level))) as engine:
        samples = samples_of(await say(engine, f"{hertz}:2000"))
    assert level_dbov(samples) == pytest.approx(level, abs=0.1)
    assert np.abs(samples).max() < 32767


async def test_edges_are_soft_and_equal_tones_have_none_between_them(engine: Engine) -> None:
    whole = await say(engine, "425:700")
    assert (await say(engine, "425:133 425:67, 425:500")).pcm == whole.pcm
    samples = samples_of(await say(engine, "425:100 0:50 1400:100 425:100"))
    loudest = np.abs(samples).max()
    ramp = 8 * RAMP_MS
    for edge in (0, 800, 1200, 2000, 2800):
        near = np.abs(samples[max(0, edge - 2) : edge + 2])
        assert near.max() < loudest / 40
        inside = np.abs(samples[max(0, edge - ramp // 2) : edge + ramp // 2])
        assert inside.max() < loudest * 0.75


@pytest.mark.parametrize(
    ("voice", "name", "hertz", "parts_ms"),
    [
        ("india", "ringback", {375, 425}, [400, 200, 400, 2000]),
        ("india", "busy", {400}, [750, 750]),
        ("us", "ringback", {440, 480}, [2000, 4000]),
        ("us", "busy", {480, 620}, [500, 500]),
        ("us", "congestion", {480, 620}, [250, 250]),
        ("us", "dial", {350, 440}, [1000]),
        ("europe", "ringback", {425}, [1000, 4000]),
        ("europe", "dial", {425}, [1000]),
        ("europe", "Beep", {1000}, [200]),
    ],
)
async def test_the_tones_of_a_network_have_their_frequencies_and_cadence(
    engine: Engine, voice: str, name: str, hertz: set[int], parts_ms: list[int]
) -> None:
    samples = samples_of(await say(engine, name, choice=VoiceChoice(voice=voice)))
    assert len(samples) == 8 * sum(parts_ms)
    at = 0
    for ms, sounds in zip(parts_ms, itertools.cycle((True, False))):
        part = samples[at : at + 8 * ms]
        at += 8 * ms
        if sounds:
            assert frequencies(part, 8000) == hertz
        else:
            assert not part.any()


async def test_a_cadence_goes_on_for_as_long_as_is_asked(engine: Engine) -> None:
    once = (await say(engine, "busy")).pcm
    assert (await say(engine, "busy:3000")).pcm == once * 2
    assert (await say(engine, "busy:2250")).pcm == once + once[: len(once) // 2]
    assert (await say(engine, "silence:500")).pcm == bytes(8000)


async def test_keys_are_those_of_a_telephone(engine: Engine) -> None:
    samples = samples_of(await say(engine, "dtmf:1d#0*"))
    pairs = [(697, 1209), (941, 1633), (941, 1477), (941, 1336), (941, 1209)]
    assert len(samples) == 1600 * len(pairs)
    for n, (low, high) in enumerate(pairs):
        key, pause = samples[1600 * n :][:800], samples[1600 * n + 800 :][:800]
        assert sorted(frequencies(key, 8000)) == pytest.approx([low, high], abs=6)
        assert not pause.any()


async def test_items_are_told_as_words_and_lines_as_spoken(engine: Engine) -> None:
    lines = ("425:100  dtmf:12", "beep,0:50")
    sink = await say(engine, *lines)
    said = [(lines[each.clause][each.start :][: each.length], each.at_ms) for each in sink.words]
    assert said == [("425:100", 0), ("dtmf:12", 100), ("beep", 500), ("0:50", 700)]
    assert sink.spoken == [1, 2]
    assert sink.spoken_at == [8000, 12000]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("425:100 Hello", "'Hello' at character 9: unknown tone"),
        ("ringbak", "did you mean ringback"),
        ("425", "how many milliseconds"),
        ("425:", "milliseconds are a whole number"),
        ("425:-1", "milliseconds are a whole number"),
        ("425:0", "milliseconds are a whole number"),
        ("425:1.5", "milliseconds are a whole number"),
        ("425:٣", "milliseconds are a whole number"),
        ("425:9999999999999", "milliseconds are a whole number"),
        ("425+:100", "frequencies in Hz are numbers"),
        ("1e3:100", "frequencies in Hz are numbers"),
        ("4000:100", "from 1 Hz to below 4000 Hz"),
        ("0.5:100", "from 1 Hz to below 4000 Hz"),
        ("0+425:100", "from 1 Hz to below 4000 Hz"),
        ("1+2+3+4+5:100", "more than 4 frequencies"),
        ("dtmf", "which keys"),
        ("dtmf:12x", "'X' is no key"),
        ("busy:600001", "longer than 600 s"),
        ("busy:400000 0:200001", r"'0:200001' at character 13: with it the tones last longer"),
        ("नमस्ते", "unknown tone"),
    ],
)
async def test_what_is_no_tone_is_the_authors_error_which_says_where(
    engine: Engine, line: str, message: str
) -> None:
    sink = Recorder()
    with pytest.raises(EngineError, match=message) as caught:
        sink = await say(engine, "beep", line)
    assert caught.value.kind is EngineFault.BAD_REQUEST
    assert not caught.value.retryable
    assert sink.chunks == []
    if "4000 Hz" not in message or line.startswith("0"):
        with pytest.raises(TextError, match="these are no tones"):
            engine.check_text(f"beep\n{line}\n", DEFAULT)


async def test_a_blank_line_is_no_tone_and_no_error(engine: Engine) -> None:
    sink = await say(engine, " , ", "beep")
    assert len(sink.pcm) == 3200
    assert sink.spoken == [1, 2]
    engine.check_text("\n beep \n\n", DEFAULT)


async def test_networks_are_its_voices_and_any_language_will_do(engine: Engine) -> None:
    assert {voice.name for voice in await engine.voices()} == {"india", "us", "europe"}
    engine.check(VoiceChoice(language="ta-IN"))
    with pytest.raises(ConfigError, match="did you mean europe"):
        engine.check(VoiceChoice(voice="europa"))
    with pytest.raises(ConfigError):
        await say(engine, "beep", choice=VoiceChoice(voice="europa"))
    with pytest.raises(ConfigError, match="no tones of 'mars'; there are: europe, india, us"):
        async with open_engine(setup(ToneSettings(voice="mars"))):
            pass
    assert engine.recipe(DEFAULT) == "india -16 dBov"
    assert engine.recipe(VoiceChoice("us")) != engine.recipe(DEFAULT)
    async with open_engine(setup(ToneSettings(voice=None))) as unset:
        assert unset.recipe(DEFAULT) == engine.recipe(DEFAULT)


def test_tones_are_no_speech() -> None:
    assert not ENGINE.speech
    assert ENGINE.embedded
