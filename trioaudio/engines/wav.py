"""Recordings: each line of the text is the path of a WAV file in one folder, played as it is.

A path never leads out of the folder, not by `..`, not by a symbolic link: the text may come from
whoever may speak, the folder's owner decides what may be heard.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import AsyncIterable, AsyncIterator
from pathlib import Path
from typing import BinaryIO

import attrs
import trio

from trioaudio.core.engine import (
    EngineKind,
    EngineSettings,
    EngineSetup,
    PcmSink,
    Voice,
    VoiceChoice,
)
from trioaudio.core.errors import ConfigError, EngineError, EngineFault
from trioaudio.core.resampling import Resampler
from trioaudio.core.wav_head import LARGEST_HEAD, WavHead, read_wav_head, starts_wav
from trioaudio.core.wav_sound import WavSound

NAME = "wav"

_VOICE = "recordings"
_READ_MS = 500  # at once, in a thread: some 8 kB to 50 kB
_ENDLESS = 1 << 62


@attrs.frozen(kw_only=True)
class WavSettings(EngineSettings):
    """What an operator may set about recordings."""

    folder: str = attrs.field(
        default="", metadata={"help": "folder of the WAV files; nothing outside it is played"}
    )


@attrs.define(eq=False)
class _Recording:
    """An open file, at its first sample."""

    file: BinaryIO
    head: WavHead
    sound: WavSound

    def read(self, most: int) -> bytes:
        return self.file.read(most)


class WavEngine:
    """What `open_engine` yields. It holds nothing open between lines."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def name(self) -> str:
        """The name it is chosen by."""
        return NAME

    def sample_rate_for(self, wanted: int) -> int:
        """Return the rate wanted: files of another are converted."""
        return wanted

    def check(self, choice: VoiceChoice) -> None:
        """Raise ConfigError if a voice is asked for: recordings have only their own."""
        if choice.voice not in (None, _VOICE):
            raise ConfigError(f"recordings have no voice {choice.voice!r}; leave the voice out")

    def check_text(self, text: str, choice: VoiceChoice) -> None:
        """Accept every text: whether there is such a file is known only when it is opened."""
        del text
        self.check(choice)

    def recipe(self, choice: VoiceChoice) -> str:
        """Return the folder: the same path in another is another recording."""
        self.check(choice)
        return str(self._folder)

    async def voices(self) -> list[Voice]:
        """List the only voice there is, that of the recordings."""
        await trio.lowlevel.checkpoint()
        return [Voice(_VOICE, (), description=f"WAV files in {self._folder}")]

    async def synthesize(
        self,
        clauses: AsyncIterable[str],
        sink: PcmSink,
        choice: VoiceChoice,
        sample_rate: int,
    ) -> None:
        """Play file after file. EngineError of kind BAD_REQUEST for one that cannot be played."""
        self.check(choice)
        played = 0
        async for path in clauses:
            recording = await trio.to_thread.run_sync(self._open, path.strip())
            try:
                await _play(recording, path, sink, sample_rate)
            finally:
                recording.file.close()
            played += 1
            sink.tell_spoken(played)

    def _open(self, path: str) -> _Recording:
        """Open a file of the folder and read its head; blocks. EngineError."""
        try:
            # Not blocking, because it may turn out to be a pipe that nobody writes to.
            handle = os.open(self._resolved(path), os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
        except (OSError, ValueError) as exc:
            words = exc.strerror if isinstance(exc, OSError) and exc.strerror else str(exc)
            raise _refused(path, words) from None
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            os.close(handle)
            raise _refused(path, "it is no file")
        file = open(handle, "rb")  # noqa: SIM115, PTH123 - it is a handle, closed by who plays
        try:
            return _recording(file, path)
        except BaseException:
            file.close()
            raise

    def _resolved(self, path: str) -> Path:
        """Return where a path leads; ValueError when that is outside the folder."""
        found = (self._folder / path).resolve(strict=True)
        if not found.is_relative_to(self._folder):
            raise ValueError("it is outside the folder of recordings")
        return found


def _recording(file: BinaryIO, path: str) -> _Recording:
    start = file.read(LARGEST_HEAD + 8)
    try:
        if not starts_wav(start):
            raise _refused(path, "it is no WAV file")
        head = read_wav_head(start)
        if head is None:
            raise _refused(path, "it ends before its first sample")
        sound = WavSound(head)
    except ValueError as exc:
        raise _refused(path, f"it {exc}") from None
    file.seek(head.length)
    return _Recording(file, head, sound)


async def _play(recording: _Recording, path: str, sink: PcmSink, sample_rate: int) -> None:
    """Write a file's audio; a file that ends too early is played as far as it goes."""
    head, sound = recording.head, recording.sound
    resampler = Resampler(head.sample_rate, sample_rate)
    most = max(1, head.sample_rate * _READ_MS // 1000) * sound.frame_bytes
    left = _ENDLESS if head.audio_bytes is None else head.audio_bytes
    while left:
        try:
            data = await trio.to_thread.run_sync(recording.read, min(most, left))
        except OSError as exc:
            raise _refused(path, exc.strerror or str(exc)) from None
        left -= len(data)
        if not data:
            break
        if pcm := resampler.push(sound.convert(data)):
            await sink.write(pcm)
    if pcm := resampler.flush():
        await sink.write(pcm)


def _refused(path: str, reason: str) -> EngineError:
    return EngineError(
        f"cannot play {path[:80]!r}: {reason}", kind=EngineFault.BAD_REQUEST, retryable=False
    )


def _folder_of(settings: WavSettings) -> Path:
    if not settings.folder:
        raise ConfigError("wav needs a folder of recordings; set TRIOAUDIO_WAV_FOLDER")
    try:
        folder = Path(settings.folder).resolve(strict=True)
    except (OSError, ValueError) as exc:
        words = exc.strerror if isinstance(exc, OSError) and exc.strerror else str(exc)
        raise ConfigError(f"TRIOAUDIO_WAV_FOLDER={settings.folder!r}: {words}") from None
    if not folder.is_dir():
        raise ConfigError(f"TRIOAUDIO_WAV_FOLDER={settings.folder!r} is no folder")
    return folder


@contextlib.asynccontextmanager
async def open_engine(setup: EngineSetup) -> AsyncIterator[WavEngine]:
    """Open a folder of recordings; it may be filled later. ConfigError when there is none."""
    assert isinstance(setup.settings, WavSettings)
    engine = WavEngine(await trio.to_thread.run_sync(_folder_of, setup.settings))
    yield engine


ENGINE = EngineKind(
    name=NAME,
    open=open_engine,
    settings=WavSettings(),
    documentation="https://www.loc.gov/preservation/digital/formats/fdd/fdd000001.shtml",
    embedded=True,
    speech=False,
)
