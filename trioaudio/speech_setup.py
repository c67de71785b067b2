"""From settings to what a chain of engines is opened with."""

from __future__ import annotations

import os
from pathlib import Path

from trioaudio.core.engine import VoiceChoice
from trioaudio.core.errors import ConfigError
from trioaudio.core.facts import Tell
from trioaudio.core.front_end.front_end import FrontEndOptions
from trioaudio.core.front_end.pronunciation import (
    NO_PRONUNCIATIONS,
    Pronunciations,
    read_pronunciations,
)
from trioaudio.core.level.options import LevelOptions
from trioaudio.plan import Plan
from trioaudio.settings import Settings
from trioaudio.speech.chain import SpeechOptions
from trioaudio.speech.opening import ChainSetup
from trioaudio.speech.prompt_cache import PromptCache

_MEGABYTE = 1_000_000


def chain_setup(plan: Plan, tell: Tell) -> ChainSetup:
    """Return it for a one-shot call. ConfigError when a file named in the settings is wrong."""
    settings = plan.settings
    return ChainSetup(
        engines=plan.engines,
        tell=tell,
        options=speech_options(settings),
        cache=prompt_cache(settings),
        sample_rate=settings.sample_rate,
        choice=VoiceChoice(settings.voice, settings.language),
        ca_file=str(settings.tls_ca_file) if settings.tls_ca_file else None,
    )


def speech_options(settings: Settings) -> SpeechOptions:
    """Return what is done to text and sound."""
    return SpeechOptions(
        front_end=FrontEndOptions(
            normalise=settings.normalise,
            filter_markup=settings.filter_markup,
            pronunciations=_pronunciations(settings.pronunciations),
        ),
        level=LevelOptions(target_dbov=settings.level_dbov) if settings.levelling else None,
        keep_all=settings.cache_keep == "all",
    )


def prompt_cache(settings: Settings) -> PromptCache | None:
    """Return the prompt cache, None when it is switched off."""
    if not settings.cache_mb:
        return None
    return PromptCache(settings.cache_folder or _users_cache(), settings.cache_mb * _MEGABYTE)


def _users_cache() -> Path:
    """Return where this user's programs keep what can be made again, as XDG says."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    try:
        home = Path(base) if base.startswith("/") else Path("~/.cache").expanduser()
    except RuntimeError as exc:
        raise ConfigError(
            "the home folder is not known; give TRIOAUDIO_CACHE_FOLDER, or TRIOAUDIO_CACHE_MB=0"
        ) from exc
    return home / "trioaudio" / "prompts"


def _pronunciations(file: Path | None) -> Pronunciations:
    if file is None:
        return NO_PRONUNCIATIONS
    try:
        return read_pronunciations(file.read_text(encoding="utf-8"), str(file))
    except (OSError, UnicodeDecodeError) as exc:
        raise ConfigError(f"TRIOAUDIO_PRONUNCIATIONS={str(file)!r}: {exc}") from exc
