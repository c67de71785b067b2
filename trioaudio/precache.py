"""`trioaudio precache`: prompts spoken ahead of time and kept."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import attrs
import trio

from trioaudio.core.engine import VoiceChoice
from trioaudio.core.errors import ConfigError, TextError, TrioaudioError
from trioaudio.core.exit_code import ExitCode, exit_code_for
from trioaudio.core.verdict import known_error
from trioaudio.pending_file import write_stdout
from trioaudio.settings_loading import load_engines, load_settings
from trioaudio.speech.opening import ChainSetup, open_chain
from trioaudio.speech_setup import prompt_cache, speech_options

_LONGEST_SHOWN = 60


@attrs.frozen
class Order:
    """What is to be made."""

    prompts: Sequence[str]
    setup: ChainSetup
    choice: VoiceChoice


def precache(given: argparse.Namespace, environ: Mapping[str, str], cwd: Path) -> int:
    """Make the prompts the arguments ask for, a line each; return the exit code."""
    try:
        return trio.run(_make, _order(given, environ, cwd))
    except (TrioaudioError, BaseExceptionGroup) as exc:
        error = exc if isinstance(exc, TrioaudioError) else known_error(exc)
        problems = error.problems if isinstance(error, ConfigError) else (str(error),)
        for problem in problems:
            sys.stderr.write(f"trioaudio: error: {problem}\n")
        return exit_code_for(error)


def _order(given: argparse.Namespace, environ: Mapping[str, str], cwd: Path) -> Order:
    options = {
        "engine": given.engine,
        "voice": given.voice,
        "language": given.language,
        "sample_rate": given.rate,
    }
    settings = load_settings(environ, cwd, options).settings
    first, *_ = load_engines(settings, environ, cwd, options)
    setup = ChainSetup(
        engines=[first],
        tell=lambda _fact: None,
        options=speech_options(settings),
        cache=prompt_cache(settings),
        sample_rate=settings.sample_rate,
        ca_file=str(settings.tls_ca_file) if settings.tls_ca_file else None,
    )
    return Order(_prompts(given), setup, VoiceChoice(settings.voice, settings.language))


def _prompts(given: argparse.Namespace) -> list[str]:
    if given.text is not None:
        return [given.text]
    try:
        text = (
            sys.stdin.read() if str(given.file) == "-" else given.file.read_text(encoding="utf-8")
        )
    except (OSError, UnicodeDecodeError) as exc:
        raise TextError(f"the prompts in {given.file} cannot be read: {exc}") from exc
    prompts = [line.strip() for line in text.splitlines() if line.strip()]
    if not prompts:
        raise TextError(f"there is no prompt in {given.file}; give one a line")
    return prompts


async def _make(order: Order) -> int:
    """Make one after the other; one that cannot be made does not keep the others from it."""
    failures: list[TrioaudioError] = []
    async with open_chain(order.setup) as chain:
        chain.check(order.choice)
        for number, prompt in enumerate(order.prompts, start=1):
            shown = prompt if len(prompt) <= _LONGEST_SHOWN else f"{prompt[:_LONGEST_SHOWN]}..."
            try:
                prepared = await chain.precache(prompt, order.choice, order.setup.sample_rate)
            except TrioaudioError as exc:
                failures.append(exc)
                sys.stderr.write(f"trioaudio: error: prompt {number}: {exc}\n")
            else:
                write_stdout(f"{'made ' if prepared.made else 'there'}  {shown}\n")
    return exit_code_for(failures[0]) if failures else ExitCode.SAID
