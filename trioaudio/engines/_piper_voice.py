"""What Piper's worker has loaded: one voice, perhaps of many speakers, of one language."""

from __future__ import annotations

import json

import attrs
import trio

from trioaudio.core.engine import Voice, VoiceChoice
from trioaudio.core.errors import ConfigError, EngineError, EngineFault, FaultScope, TextError
from trioaudio.core.suggest import did_you_mean
from trioaudio.core.text import scripts
from trioaudio.engines import _piper_messages as said
from trioaudio.engines._child import Child

# Piper's languages not written in Latin letters, by Unicode's names. Every voice reads Latin.
_SCRIPTS = {
    **dict.fromkeys(("ar", "fa", "ur"), "ARABIC"),
    **dict.fromkeys(("bg", "kk", "ru", "sr", "uk"), "CYRILLIC"),
    **dict.fromkeys(("hi", "mr", "ne"), "DEVANAGARI"),
    **dict.fromkeys(("ja", "zh"), "CJK"),
    "bn": "BENGALI",
    "el": "GREEK",
    "gu": "GUJARATI",
    "he": "HEBREW",
    "hy": "ARMENIAN",
    "ka": "GEORGIAN",
    "kn": "KANNADA",
    "ko": "HANGUL",
    "ml": "MALAYALAM",
    "or": "ORIYA",
    "pa": "GURMUKHI",
    "si": "SINHALA",
    "ta": "TAMIL",
    "te": "TELUGU",
    "th": "THAI",
}


@attrs.frozen
class PiperVoiceKnown:
    """A voice a worker has said it can speak with."""

    name: str
    sample_rate: int
    language: str
    """BCP 47."""
    speakers: tuple[str, ...]
    version: str

    @property
    def _primary(self) -> str:
        return self.language.partition("-")[0].lower()

    def speaker(self, choice: VoiceChoice) -> str | None:
        """Return which speaker is meant, None for the model's own; ConfigError with near matches.

        A voice is chosen by the model's name or by a speaker's; the language can only be its own.
        """
        known = (self.name, *self.speakers)
        if choice.voice is not None and choice.voice not in known:
            raise ConfigError(
                f"piper has no voice {choice.voice!r}; {did_you_mean(choice.voice, known)}"
            )
        wanted = choice.language
        if wanted and wanted.replace("_", "-").partition("-")[0].lower() != self._primary:
            raise ConfigError(
                f"piper's voice {self.name} speaks {self.language}, not {wanted!r}; set"
                " TRIOAUDIO_PIPER_MODEL to a voice of that language"
            )
        return choice.voice if choice.voice in self.speakers else None

    def check_text(self, text: str) -> None:
        """Raise TextError if no letter of the text is in a script of the language, nor Latin."""
        written = scripts(text)
        foreign = sorted(written & {*_SCRIPTS.values()})
        if foreign and not written & {"LATIN", "HIRAGANA", "KATAKANA", _SCRIPTS.get(self._primary)}:
            raise TextError(
                f"the text is in {foreign[0].capitalize()} script, which piper's voice"
                f" {self.name} ({self.language}) cannot read"
            )

    def listing(self) -> list[Voice]:
        """Return what can be chosen."""
        return [Voice(each, (self.language,)) for each in (self.name, *self.speakers)]


async def greet(child: Child, seconds: float) -> PiperVoiceKnown:
    """Wait until a new worker has loaded its voice; EngineError if it fails to."""
    with trio.move_on_after(seconds):
        while (messages := await child.receive()) is not None:
            for kind, _, payload in messages:
                if kind != said.READY:
                    raise unavailable(payload.decode("utf-8", "replace"))
                known = json.loads(payload)
                return PiperVoiceKnown(
                    name=known["name"],
                    sample_rate=known["sample_rate"],
                    language=known["language"],
                    speakers=tuple(known["speakers"]),
                    version=known["version"],
                )
        await child.leave()  # it has gone already; now we know how
        raise unavailable(f"its process {child.ending} before it was ready")
    raise unavailable(f"its process was not ready within {seconds:g} s")


def unavailable(reason: str, *, retryable: bool = False) -> EngineError:
    """Return the error that says there is no Piper for now."""
    return EngineError(
        f"the embedded voice Piper is not available: {reason}",
        kind=EngineFault.UNAVAILABLE,
        retryable=retryable,
        scope=FaultScope.CONNECTION,
    )
