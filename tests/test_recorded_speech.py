"""Recordings, keys and silence, as a call hears them."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator

import numpy as np
import pytest
import trio
from trio.testing import MockClock

from core.wav_files import TUNE, wav_file
from fakes import Pieces
from speech.listening import Callee
from trioaudio.core.dtmf_tones import dtmf_pcm
from trioaudio.core.engine import VoiceChoice
from trioaudio.core.errors import RecordingError, TextError
from trioaudio.core.speech import Speaker, SpeechNews, Stretch, WholeText
from trioaudio.recorded_speech import (
    RecordedSpeech,
    Recording,
    Silence,
    Tones,
    WavRecording,
    read_wav,
)

DEFAULT = VoiceChoice()
RATE = 8000
DATA = TUNE.tobytes()


class Eager:
    """A sink that takes everything at once, and may cancel after some chunks."""

    def __init__(self, sample_rate: int = RATE, enough: int = 0) -> None:
        self.sample_rate = sample_rate
        self.chunks: list[bytes] = []
        self.news: list[SpeechNews] = []
        self.scope = trio.CancelScope()
        self._enough = enough

    async def write(self, chunk: bytes) -> None:
        self.chunks.append(chunk)
        if len(self.chunks) == self._enough:
            self.scope.cancel()

    def tell(self, news: SpeechNews) -> None:
        self.news.append(news)

    def ahead_s(self) -> float:
        return 0.0


class Cut:
    """A recording in pieces."""

    sample_rate = RATE

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = pieces

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._pieces)


async def heard(speaker: Speaker, sample_rate: int = RATE) -> Eager:
    sink = Eager(sample_rate)
    await speaker.speak(WholeText("not read"), sink, DEFAULT)
    return sink


async def test_a_recording_at_the_calls_rate_is_played_bit_exact() -> None:
    speech = RecordedSpeech(Recording(DATA, RATE))
    for _ in range(2):
        sink = await heard(speech)
        assert b"".join(sink.chunks) == DATA
        assert [len(each) for each in sink.chunks] == [3200] * 5
        assert sink.news == [Stretch("recording", 0, 0, 1000.0)]


@pytest.mark.parametrize("rate", [4000, 11025, 16000, 44100, 48000])
async def test_another_rate_is_converted_to_the_last_sample(rate: int) -> None:
    tune = (8000 * np.sin(2 * np.pi * 440 * np.arange(2 * rate) / rate)).astype("<i2")
    sink = await heard(RecordedSpeech(Recording(tune.tobytes(), rate)))
    out = np.frombuffer(b"".join(sink.chunks), dtype="<i2")
    expected = 8000 * np.sin(2 * np.pi * 440 * np.arange(2 * RATE) / RATE)
    assert len(out) == 2 * RATE
    assert np.abs(out - expected)[200:-200].max() < 80
    assert max(map(len, sink.chunks)) <= 3200
    assert sink.news == [Stretch("recording", 0, 0, 2000.0)]


async def test_it_may_be_cut_anywhere() -> None:
    sink = await heard(RecordedSpeech(Cut([DATA[:1001], b"", DATA[1001:9999], DATA[9999:] + b"x"])))
    assert b"".join(sink.chunks) == DATA


async def test_a_wav_file_is_converted_while_it_is_played() -> None:
    stereo = np.stack((TUNE, TUNE), axis=1).astype("<i2").tobytes()
    sink = await heard(RecordedSpeech(WavRecording(wav_file(stereo, channels=2))))
    assert b"".join(sink.chunks) == DATA
    assert read_wav(wav_file(stereo, channels=2)) == (DATA, RATE)
    with pytest.raises(RecordingError, match="no WAV file"):
        WavRecording(b"<html>")


async def test_it_waits_for_the_call(autojump_clock: MockClock) -> None:
    callee = Callee()
    begun = trio.current_time()
    await RecordedSpeech(Recording(DATA * 10, RATE)).speak(Pieces(), callee, DEFAULT)
    assert trio.current_time() - begun == pytest.approx(10 - 0.48, abs=0.2)
    assert callee.gaps == []


@pytest.mark.parametrize("speaker", [RecordedSpeech(Recording(DATA, RATE)), Tones("123456789")])
async def test_cancelled_it_stops_within_a_chunk_and_tells_how_far_it_was(
    speaker: Speaker,
) -> None:
    sink = Eager(enough=3)
    with sink.scope:
        await speaker.speak(Pieces(), sink, DEFAULT)
    assert len(sink.chunks) == 3
    assert sink.news == [Stretch(speaker.name, 0, 0, 600.0)]


async def test_cancelled_before_it_begins_it_says_nothing() -> None:
    sink = Eager()
    sink.scope.cancel()
    with sink.scope:
        await RecordedSpeech(Recording(DATA, RATE)).speak(Pieces(), sink, DEFAULT)
    assert (sink.chunks, sink.news) == ([], [])


async def test_others_have_their_turn_while_nothing_waits() -> None:
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            await trio.lowlevel.checkpoint()
            turns += 1

    async with trio.open_nursery() as nursery:
        nursery.start_soon(count)
        await heard(RecordedSpeech(Recording(bytes(16000 * 2 * 20), 48000)))
        nursery.cancel_scope.cancel()
    assert turns >= 30


@pytest.mark.parametrize(
    ("pcm", "rate", "words"),
    [
        (bytes(60_000_001), 8000, "longer than 60 MB"),
        (DATA, 3999, "3999 samples a second; choose 4000 to 192000 Hz"),
        (DATA, 200_000, "200000 samples a second"),
    ],
)
def test_what_nobody_can_play_is_refused(pcm: bytes, rate: int, words: str) -> None:
    with pytest.raises(RecordingError, match=words):
        Recording(pcm, rate)


async def test_an_endless_recording_is_played_until_it_is_cut() -> None:
    sink = Eager(enough=50)
    with sink.scope:
        await RecordedSpeech(Cut(itertools.repeat(DATA))).speak(Pieces(), sink, DEFAULT)
    assert len(sink.chunks) == 50


@pytest.mark.parametrize("rate", [8000, 16000])
async def test_keys_are_pressed_at_the_calls_rate(rate: int) -> None:
    sink = await heard(Tones("1w#d"), rate)
    assert b"".join(sink.chunks) == dtmf_pcm("1w#d", rate)
    assert max(map(len, sink.chunks)) <= rate // 5 * 2
    assert sink.news == [Stretch("tones", 0, 0, 1100.0)]


def test_what_is_no_key_is_told_before_anything_is_pressed() -> None:
    with pytest.raises(TextError, match="'X' is no key"):
        Tones("12x")


def test_a_recording_does_not_show_its_sound() -> None:
    assert repr(Recording(DATA, RATE)) == "Recording(sample_rate=8000)"


async def test_silence_is_nothing() -> None:
    sink = await heard(Silence())
    assert (sink.chunks, sink.news) == ([], [])


@pytest.mark.parametrize("speaker", [RecordedSpeech(Recording(DATA, RATE)), Tones("1"), Silence()])
def test_no_voice_and_no_text_matters(speaker: Speaker) -> None:
    speaker.check(VoiceChoice("nobody", "xx"))
    speaker.check_text("", DEFAULT)
    assert speaker.name in ("recording", "tones", "silence")
