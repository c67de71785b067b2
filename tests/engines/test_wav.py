"""Recordings: bit-exact where they can be, converted where they cannot, and none from outside."""

from __future__ import annotations

import os
import struct
import wave
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import trio

from engines.listening import Clauses, Recorder, files_of, say, setup
from trioaudio.core.engine import Engine, VoiceChoice
from trioaudio.core.errors import ConfigError, EngineError, EngineFault
from trioaudio.core.g711 import Law, compress
from trioaudio.engines.wav import ENGINE, WavSettings, open_engine

DEFAULT = VoiceChoice()
RATE = 8000
TUNE = (8000 * np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE)).round().astype("<i2")


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[Engine]:
    folder = tmp_path / "recordings"
    folder.mkdir()
    write(folder / "tune.wav", TUNE.tobytes())
    async with open_engine(setup(WavSettings(folder=str(folder)))) as opened:
        yield opened


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "recordings"


def write(
    path: Path, data: bytes, *, rate: int = RATE, channels: int = 1, code: int = 1, bits: int = 16
) -> None:
    """Write a WAV file of any encoding; the standard library's writer knows only PCM."""
    frame = channels * bits // 8
    head = struct.pack("<HHIIHH", code, channels, rate, rate * frame, frame, bits)
    chunks = b"fmt " + struct.pack("<I", len(head)) + head
    chunks += b"LIST" + struct.pack("<I", 3) + b"abc\0"  # padded, as RIFF has it
    chunks += b"data" + struct.pack("<I", len(data)) + data
    path.write_bytes(b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks)


def samples_of(sink: Recorder) -> npt.NDArray[np.float64]:
    return np.frombuffer(sink.pcm, dtype="<i2").astype(np.float64)


@pytest.mark.parametrize("rate", [8000, 16000, 22050])
async def test_pcm16_mono_at_the_calls_rate_passes_bit_exact(
    engine: Engine, folder: Path, rate: int
) -> None:
    noise = os.urandom(2 * 3 * rate + 2)
    with wave.open(str(folder / "noise.wav"), "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        file.writeframes(noise)
    assert engine.sample_rate_for(rate) == rate
    sink = await say(engine, "noise.wav", sample_rate=rate)
    assert sink.pcm == noise
    assert max(map(len, sink.chunks)) <= rate
    assert (sink.spoken, sink.spoken_at) == ([1], [len(noise)])


def pcm24(samples: npt.NDArray[np.int16]) -> bytes:
    return b"".join(struct.pack("<i", int(each) << 8)[:3] for each in samples)


ENCODINGS: list[tuple[str, int, int, Callable[[npt.NDArray[np.int16]], bytes], float]] = [
    ("pcm8", 1, 8, lambda each: (each // 256 + 128).astype(np.uint8).tobytes(), 256),
    ("pcm16", 1, 16, lambda each: each.tobytes(), 0),
    ("pcm24", 1, 24, pcm24, 0),
    ("pcm32", 1, 32, lambda each: (each.astype("<i4") << 16).tobytes(), 0),
    ("float32", 3, 32, lambda each: (each / 32768).astype("<f4").tobytes(), 0),
    ("float64", 3, 64, lambda each: (each / 32768).astype("<f8").tobytes(), 0),
    ("mu-law", 7, 8, lambda each: compress(each.tobytes(), Law.MU), 260),
    ("a-law", 6, 8, lambda each: compress(each.tobytes(), Law.A), 260),
]


@pytest.mark.parametrize(("code", "bits", "encode", "off"), [each[1:] for each in ENCODINGS])
async def test_every_encoding_is_the_same_sound(
    engine: Engine,
    folder: Path,
    code: int,
    bits: int,
    encode: Callable[[npt.NDArray[np.int16]], bytes],
    off: float,
) -> None:
    write(folder / "a.wav", encode(TUNE), code=code, bits=bits)
    sink = await say(engine, "a.wav")
    assert np.abs(samples_of(sink) - TUNE).max() <= off


async def test_channels_are_averaged(engine: Engine, folder: Path) -> None:
    stereo = np.stack((TUNE, -TUNE // 2), axis=1)
    write(folder / "stereo.wav", stereo.astype("<i2").tobytes(), channels=2)
    sink = await say(engine, "stereo.wav")
    assert np.abs(samples_of(sink) - stereo.mean(axis=1)).max() <= 0.5


@pytest.mark.parametrize("rate", [4000, 11025, 16000, 44100, 48000, 192_000])
async def test_another_rate_is_converted_to_the_last_sample(
    engine: Engine, folder: Path, rate: int
) -> None:
    tune = 8000 * np.sin(2 * np.pi * 440 * np.arange(2 * rate) / rate)
    write(folder / "other.wav", tune.astype("<i2").tobytes(), rate=rate)
    samples = samples_of(await say(engine, "other.wav"))
    expected = 8000 * np.sin(2 * np.pi * 440 * np.arange(2 * RATE) / RATE)
    assert len(samples) == 2 * RATE
    assert np.abs(samples - expected)[200:-200].max() < 80


async def test_files_follow_each_other_in_the_order_of_the_lines(
    engine: Engine, folder: Path
) -> None:
    (folder / "hindi").mkdir()
    write(folder / "hindi" / "नमस्ते  1.wav", b"\1\0" * 100)
    (folder / "link.wav").symlink_to("hindi/नमस्ते  1.wav")
    sink = await say(engine, "hindi/नमस्ते  1.wav", " tune.wav ", "hindi/../link.wav")
    assert sink.pcm == b"\1\0" * 100 + TUNE.tobytes() + b"\1\0" * 100
    assert sink.spoken == [1, 2, 3]
    absolute = await say(engine, str(folder / "tune.wav"))
    assert absolute.pcm == TUNE.tobytes()


async def test_floats_beyond_all_bounds_are_as_loud_as_can_be(engine: Engine, folder: Path) -> None:
    values = np.array([np.nan, np.inf, -np.inf, 7.0, -7.0, 1e-9], dtype="<f4")
    write(folder / "odd.wav", values.tobytes(), code=3, bits=32)
    assert samples_of(await say(engine, "odd.wav")).tolist() == [0, 32767, -32768, 32767, -32768, 0]


async def test_a_file_cut_short_plays_as_far_as_it_goes(engine: Engine, folder: Path) -> None:
    whole = (folder / "tune.wav").read_bytes()
    (folder / "cut.wav").write_bytes(whole[:-1001])
    assert (await say(engine, "cut.wav")).pcm == TUNE.tobytes()[:-1002]
    streamed = whole.replace(struct.pack("<4sI", b"data", 16000), b"data\xff\xff\xff\xff")
    (folder / "streamed.wav").write_bytes(streamed)
    assert (await say(engine, "streamed.wav")).pcm == TUNE.tobytes()


async def test_what_follows_the_samples_is_not_played(engine: Engine, folder: Path) -> None:
    with (folder / "tune.wav").open("ab") as file:
        file.write(b"LIST\x20\0\0\0" + b"x" * 32)
    assert (await say(engine, "tune.wav")).pcm == TUNE.tobytes()


@pytest.mark.parametrize(
    "path",
    [
        *("../secret.wav", "/etc/passwd", "link-out.wav", "folder-out/secret.wav", "..", "/"),
        *("x/../../secret.wav", "./../recordings-2/secret.wav"),
    ],
)
async def test_no_path_leads_out_of_the_folder(engine: Engine, folder: Path, path: str) -> None:
    write(folder.parent / "secret.wav", TUNE.tobytes())
    (folder.parent / "recordings-2").mkdir()
    write(folder.parent / "recordings-2" / "secret.wav", TUNE.tobytes())
    (folder / "x").mkdir()
    (folder / "link-out.wav").symlink_to(folder.parent / "secret.wav")
    (folder / "folder-out").symlink_to(folder.parent)
    sink = Recorder()
    with pytest.raises(EngineError, match="outside the folder of recordings") as caught:
        await engine.synthesize(Clauses(path), sink, DEFAULT, RATE)
    assert caught.value.kind is EngineFault.BAD_REQUEST
    assert not caught.value.retryable
    assert sink.chunks == []


@pytest.mark.parametrize(
    ("path", "content", "words"),
    [
        ("missing.wav", None, "No such file"),
        ("a\0b.wav", None, "null"),
        ("x" * 300 + ".wav", None, "File name too long"),
        ("tune.wav/x.wav", None, "Not a directory"),
        (".", None, "it is no file"),
        ("text.wav", b"Hello, this is text.", "it is no WAV file"),
        ("empty.wav", b"", "it is no WAV file"),
        ("head.wav", b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0\1\0", "it ends before its first sample"),
        ("order.wav", b"RIFF\x24\0\0\0WAVEdata\0\0\0\0", "it has audio before its format"),
    ],
)
async def test_what_cannot_be_played_is_named(
    engine: Engine, folder: Path, path: str, content: bytes | None, words: str
) -> None:
    if content is not None:
        (folder / path).write_bytes(content)
    with pytest.raises(EngineError, match=f"cannot play .*{words}") as caught:
        await say(engine, path)
    assert caught.value.kind is EngineFault.BAD_REQUEST
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("head", "words"),
    [
        ({"code": 17, "bits": 4}, "4-bit ADPCM, mono, 8000 Hz, which is not read"),
        ({"bits": 12}, "12-bit PCM"),
        ({"channels": 0}, "0 channels"),
        ({"channels": 9}, "9 channels"),
        ({"rate": 0}, "has 0 samples a second"),
        ({"rate": 1_000_000}, "has 1000000 samples a second"),
    ],
)
async def test_what_is_not_read_is_named(
    engine: Engine, folder: Path, head: dict[str, int], words: str
) -> None:
    write(folder / "a.wav", bytes(100), **head)
    with pytest.raises(EngineError, match=words):
        await say(engine, "a.wav")


async def test_a_pipe_without_a_writer_holds_nobody(engine: Engine, folder: Path) -> None:
    os.mkfifo(folder / "pipe.wav")
    with trio.fail_after(2), pytest.raises(EngineError, match="it is no file"):
        await say(engine, "pipe.wav")


async def test_nothing_stays_open(engine: Engine, folder: Path) -> None:
    (folder / "text.wav").write_bytes(b"Hello")
    await say(engine, "tune.wav")
    before = len(files_of(os.getpid()))
    for _ in range(10):
        await say(engine, "tune.wav", "tune.wav")
        with pytest.raises(EngineError):
            await say(engine, "text.wav")
        sink = Recorder(closed=True)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(engine.synthesize, Clauses("tune.wav"), sink, DEFAULT, RATE)
            await sink.offered.wait()
            nursery.cancel_scope.cancel()
        assert sink.chunks == []
        with pytest.raises(EngineError):
            await say(engine, ".")
    assert len(files_of(os.getpid())) == before


async def test_recordings_have_one_voice_and_any_language(engine: Engine, folder: Path) -> None:
    (voice,) = await engine.voices()
    engine.check(VoiceChoice(voice=voice.name, language="ta-IN"))
    engine.check_text("anything", DEFAULT)
    with pytest.raises(ConfigError, match="recordings have no voice 'amy'"):
        engine.check(VoiceChoice(voice="amy"))
    assert engine.recipe(DEFAULT) == str(folder)
    assert not ENGINE.speech


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("", "wav needs a folder of recordings; set TRIOAUDIO_WAV_FOLDER"),
        ("/no/such", "TRIOAUDIO_WAV_FOLDER='/no/such': No such file or directory"),
        ("/dev/null", "TRIOAUDIO_WAV_FOLDER='/dev/null' is no folder"),
        ("a\0b", "TRIOAUDIO_WAV_FOLDER=.*null"),
    ],
)
async def test_without_a_folder_it_does_not_open(name: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        async with open_engine(setup(WavSettings(folder=name))):
            pass
