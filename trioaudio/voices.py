"""`trioaudio voices`: what an engine can speak with."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

import trio

from trioaudio.core.engine import ChosenEngine, EngineSetup, Voice
from trioaudio.core.errors import ConfigError, TrioaudioError
from trioaudio.core.exit_code import ExitCode, exit_code_for
from trioaudio.core.suggest import did_you_mean
from trioaudio.core.verdict import known_error
from trioaudio.pending_file import write_stdout
from trioaudio.settings_loading import load_engines, load_settings


def print_voices(
    engine: str | None, language: str | None, environ: Mapping[str, str], cwd: Path
) -> int:
    """Print a line a voice; return the exit code."""
    try:
        settings = load_settings(environ, cwd, {"engine": engine}).settings
        first, *_ = load_engines(settings, environ, cwd, {"engine": engine})
        write_stdout(_table(_speaking(trio.run(_ask, first), language)))
    except (TrioaudioError, BaseExceptionGroup) as exc:
        error = exc if isinstance(exc, TrioaudioError) else known_error(exc)
        sys.stderr.write(f"trioaudio: error: {error}\n")
        return exit_code_for(error)
    return ExitCode.SAID


def _table(voices: list[Voice]) -> str:
    width = max(len(voice.name) for voice in voices)
    tags = max(len(" ".join(voice.languages)) for voice in voices)
    lines = [
        f"{voice.name:{width}}  {' '.join(voice.languages):{tags}}  {voice.gender or '':6}"
        f"  {voice.description}".rstrip()
        for voice in voices
    ]
    return "\n".join(lines) + "\n"


async def _ask(chosen: ChosenEngine) -> list[Voice]:
    setup = EngineSetup(chosen.settings, lambda _fact: None)
    async with chosen.kind.open(setup) as opened:
        return await opened.voices()


def _speaking(voices: list[Voice], language: str | None) -> list[Voice]:
    if language is None:
        return voices
    wanted = language.lower()
    found = [
        voice
        for voice in voices
        if any(
            tag.lower() == wanted or tag.lower().startswith(f"{wanted}-") for tag in voice.languages
        )
    ]
    if not found:
        known = sorted({tag for voice in voices for tag in voice.languages})
        raise ConfigError(f"no voice speaks {language!r}; {did_you_mean(language, known)}")
    return found
