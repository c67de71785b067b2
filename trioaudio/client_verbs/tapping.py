"""`trioaudio tap`: one side of a call into a WAV file, or to standard output."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from trioaudio.client import AudioFrames, Client
from trioaudio.client_verbs.running import complain, run_verb, until_signal
from trioaudio.core.errors import ConfigError, OutputError
from trioaudio.core.exit_code import ExitCode
from trioaudio.wav_file import WavFile


def tap(given: argparse.Namespace, environ: Mapping[str, str], cwd: Path) -> int:
    """Write the audio down until the call is over, or a signal; return the exit code."""

    async def work(client: Client) -> int:
        async with client.stream() as stream:
            frames = await stream.listen(given.call, given.side, given.rate)
            with _opened(given.out, given.rate) as write:
                return await until_signal(lambda: _write_down(frames, write))

    return run_verb(work, given, environ, cwd)


async def _write_down(frames: AudioFrames, write: Callable[[bytes], None]) -> int:
    async for frame in frames:
        write(frame)
    if frames.lost:
        complain(f"{frames.lost} frames of 60 ms came faster than they could be written")
        return ExitCode.OUTPUT
    return ExitCode.SAID


@contextmanager
def _opened(out: Path, sample_rate: int) -> Iterator[Callable[[bytes], None]]:
    if str(out) == "-":
        if sys.stdout.isatty():
            raise ConfigError("--out - would fill this terminal with audio; send it to a program")
        yield _write_stdout
        return
    with WavFile(out, sample_rate) as wav:
        try:
            yield wav.write
        finally:
            wav.finish()  # what was heard until then is whole, however it ended


def _write_stdout(pcm: bytes) -> None:
    try:
        sys.stdout.buffer.write(pcm)
        sys.stdout.buffer.flush()
    except OSError as exc:
        raise OutputError(f"cannot write to standard output: {exc.strerror or exc}") from exc
