"""Deepgram's voices: each is a model of its own, and its name says its language.

https://developers.deepgram.com/docs/tts-models
"""

from __future__ import annotations

import re

from trioaudio.core.engine import Voice
from trioaudio.core.errors import ConfigError
from trioaudio.engines._deepgram_messages import NAME
from trioaudio.engines._json_message import JsonObject, inner_object

_MODEL = re.compile(r"[a-z0-9]+(-[a-z0-9]+)+")
_OF_LANGUAGE = {
    "en": "aura-2-thalia-en",
    "es": "aura-2-celeste-es",
    "de": "aura-2-viktoria-de",
    "fr": "aura-2-agathe-fr",
    "it": "aura-2-livia-it",
    "ja": "aura-2-izanami-ja",
    "nl": "aura-2-rhea-nl",
}
"""The voice that speaks a language where only that is asked for."""
_GENDERS = {"masculine": "male", "feminine": "female"}


def language_of(model: str) -> str | None:
    """Return the language a voice's name ends with; None when it ends with none."""
    last = model.rpartition("-")[2]
    return last if len(last) == 2 and last.isalpha() else None


def choose_voice(voice: str | None, language: str | None, default: str) -> str:
    """Return the model for a voice or a BCP 47 tag; ConfigError when it cannot be one."""
    primary = (language or "").replace("_", "-").partition("-")[0].lower()
    if voice is None and primary and language_of(default) not in (primary, None):
        if primary not in _OF_LANGUAGE:
            known = ", ".join(sorted(_OF_LANGUAGE))
            raise ConfigError(f"{NAME} has no voice for the language {language!r}; it has {known}")
        return _OF_LANGUAGE[primary]
    model = voice or default
    if not _MODEL.fullmatch(model):
        raise ConfigError(f"{NAME} has no voice {model!r}: wanted a name like aura-2-thalia-en")
    spoken = language_of(model)
    if primary and spoken not in (primary, None):
        raise ConfigError(f"{NAME}'s voice {model} speaks {spoken}, not {language}")
    return model


def read_voice(fields: JsonObject) -> Voice | None:
    """Return a voice of the list of models; None when it is none."""
    name = fields.get("canonical_name") or fields.get("name")
    if not isinstance(name, str):
        return None
    languages = fields.get("languages")
    own = (
        [each for each in languages if isinstance(each, str)] if isinstance(languages, list) else []
    )
    metadata = inner_object(fields, "metadata")
    tags, accent = metadata.get("tags"), metadata.get("accent")
    listed = tags if isinstance(tags, list) else []
    genders = [_GENDERS[each] for each in listed if isinstance(each, str) and each in _GENDERS]
    return Voice(
        name,
        tuple(own or filter(None, [language_of(name)])),
        genders[0] if genders else None,
        f"{accent} accent" if isinstance(accent, str) else "",
    )
