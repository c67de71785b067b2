"""eSpeak NG's voices: which one an author means, and which scripts it reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from trioaudio.core.engine import Voice, VoiceChoice
from trioaudio.core.errors import ConfigError, TextError
from trioaudio.core.suggest import did_you_mean
from trioaudio.core.text import scripts

DEFAULT_VOICE = "en-us"

# Which languages are written in it, the one to suggest first. Latin is in no row: every voice
# reads it, those of other scripts by the rules of English. Names are Unicode's.
_SCRIPT_LANGUAGES: Mapping[str, tuple[str, ...]] = {
    "ARABIC": ("ar", "fa", "ur", "sd", "ug", "ku"),
    "ARMENIAN": ("hy", "hyw"),
    "BENGALI": ("bn", "as", "bpy"),
    "BOPOMOFO": ("cmn", "hak", "yue"),
    "CHEROKEE": ("chr",),
    "CJK": ("cmn", "yue", "hak", "ja", "ko"),
    "CYRILLIC": (
        *("ru", "uk", "be", "bg", "mk", "sr", "bs", "kk", "ky", "tt", "ba", "cv", "nog", "kaa"),
        *("tk", "uz", "az"),
    ),
    "DEVANAGARI": ("hi", "mr", "ne", "kok", "sd"),
    "ETHIOPIC": ("am", "ti"),
    "GEORGIAN": ("ka",),
    "GREEK": ("el", "grc"),
    "GUJARATI": ("gu",),
    "GURMUKHI": ("pa",),
    "HANGUL": ("ko",),
    "HEBREW": ("he",),
    "HIRAGANA": ("ja",),
    "KANNADA": ("kn",),
    "KATAKANA": ("ja",),
    "MALAYALAM": ("ml",),
    "MYANMAR": ("my", "shn"),
    "ORIYA": ("or",),
    "SHAVIAN": ("en-shaw",),
    "SINHALA": ("si",),
    "TAMIL": ("ta",),
    "TELUGU": ("te",),
    "THAI": ("th",),
}
# Letters by Unicode's category whose names begin with no script: signs and styled Latin.
_NO_SCRIPTS = frozenset(
    (
        *("ANGSTROM", "BLACK-LETTER", "DOUBLE-STRUCK", "EULER", "FEMININE", "FULLWIDTH"),
        *("HALFWIDTH", "INFORMATION", "KELVIN", "MASCULINE", "MATHEMATICAL", "MICRO", "MODIFIER"),
        *("OHM", "PLANCK", "SCRIPT", "SUPERSCRIPT", "TURNED", "UNKNOWN"),
    )
)
# Where cutting off subtags leads astray: territories that follow another one's usage.
_PARENTS: Mapping[str, str] = {
    **dict.fromkeys(("zh-hk", "zh-mo", "zh-hant-hk"), "yue"),
    **dict.fromkeys(("en-ca", "en-ph", "en-pr"), "en-us"),
    **dict.fromkeys(("es-ar", "es-bo", "es-cl", "es-co", "es-cr", "es-cu", "es-do"), "es-419"),
    **dict.fromkeys(("es-ec", "es-gt", "es-hn", "es-ni", "es-pa", "es-pe", "es-pr"), "es-419"),
    **dict.fromkeys(("es-py", "es-sv", "es-us", "es-uy", "es-ve"), "es-419"),
    **dict.fromkeys(("nn", "nn-no"), "nb"),
}
_GENDERS = {1: "male", 2: "female"}


@attrs.frozen
class EspeakVoice:
    """One voice file of eSpeak NG."""

    identifier: str
    """Its path below the voice directory, what the library loads fastest: gmw/en-US."""
    description: str
    languages: tuple[tuple[int, str], ...]
    """Priority (least is best) and tag, the voice's own language first."""
    gender: str | None

    @property
    def language(self) -> str:
        """The tag of its own language."""
        return self.languages[0][1]


@attrs.frozen
class Catalogue:
    """All voices and the variants that may be put on each: en-us+f3."""

    voices: tuple[EspeakVoice, ...]
    variants: tuple[str, ...]
    _by_name: Mapping[str, EspeakVoice]
    _by_language: Mapping[str, EspeakVoice]

    @classmethod
    def from_listing(cls, listing: Mapping[str, Any]) -> Catalogue:
        """Make it from what a worker answers to LIST."""
        voices = tuple(
            EspeakVoice(
                each["identifier"],
                each["name"],
                tuple((priority, tag.lower()) for priority, tag in each["languages"]),
                _GENDERS.get(each["gender"]),
            )
            for each in listing["voices"]
        )
        by_language = _best_of_each_language(voices)
        names = {
            name.casefold(): each
            for each in voices
            for name in (each.identifier, each.identifier.rpartition("/")[2], each.description)
        }
        return cls(voices, tuple(listing["variants"]), names | by_language, by_language)

    def resolve(self, choice: VoiceChoice) -> str:
        """Return what the library is to load; ConfigError if there is no such thing."""
        voice, variant = self._find(choice)
        return f"{voice.identifier}+{variant}" if variant else voice.identifier

    def language_of(self, choice: VoiceChoice) -> str:
        """Return the tag of the language the chosen voice speaks."""
        return self._find(choice)[0].language

    def check_text(self, text: str, choice: VoiceChoice) -> None:
        """Raise TextError if no letter of the text is in a script the voice reads."""
        voice, _ = self._find(choice)
        written = scripts(text) - _NO_SCRIPTS
        if not written or not written.isdisjoint(_scripts_of(voice)):
            return
        script = min(written)
        name = "Chinese" if script == "CJK" else script.capitalize()
        problem = f"the text is in {name} script, which voice {voice.language} cannot read"
        languages = _SCRIPT_LANGUAGES.get(script)
        if languages:
            raise TextError(f"{problem}; pass --language {languages[0]}")
        raise TextError(f"{problem}, nor can any other voice of eSpeak NG")

    def listing(self) -> list[Voice]:
        """Return the voices as an author names them."""
        listed = []
        for each in self.voices:
            own = self._by_language.get(each.language) is each
            tags = tuple(tag for _, tag in each.languages)
            name = each.language if own else each.identifier
            listed.append(Voice(name, tags, each.gender, each.description))
        return listed

    def _find(self, choice: VoiceChoice) -> tuple[EspeakVoice, str]:
        if choice.language and not choice.voice:
            return self._find_language(choice.language), ""
        return self._find_voice(choice.voice or DEFAULT_VOICE)

    def _find_voice(self, wanted: str) -> tuple[EspeakVoice, str]:
        name, _, wanted_variant = wanted.partition("+")
        voice = self._by_name.get(name.strip().casefold())
        if voice is None:
            guess = did_you_mean(name.casefold(), self._by_name)
            raise ConfigError(f"eSpeak NG has no voice {name!r}; {guess}")
        if not wanted_variant:
            return voice, ""
        for variant in self.variants:
            if variant.casefold() == wanted_variant.casefold():
                return voice, variant
        guess = did_you_mean(wanted_variant, self.variants)
        raise ConfigError(f"eSpeak NG has no voice variant {wanted_variant!r}; {guess}")

    def _find_language(self, wanted: str) -> EspeakVoice:
        tag = wanted.strip().replace("_", "-").lower()
        while tag:
            tag = _PARENTS.get(tag, tag)
            if tag in self._by_language:
                return self._by_language[tag]
            if "-" not in tag and (voice := self._closest_below(tag)):
                return voice
            tag = tag.rpartition("-")[0]
        guess = did_you_mean(wanted.lower(), self._by_language)
        raise ConfigError(f"eSpeak NG does not speak the language {wanted!r}; {guess}")

    def _closest_below(self, tag: str) -> EspeakVoice | None:
        """Return the voice of a language known by its varieties only: chr-US-Qaaa-x-west."""
        below = [each for each in self._by_language if each.startswith(f"{tag}-")]
        return self._by_language[min(below, key=len)] if below else None


def _best_of_each_language(voices: tuple[EspeakVoice, ...]) -> dict[str, EspeakVoice]:
    best: dict[str, tuple[tuple[int, int], EspeakVoice]] = {}
    for voice in voices:
        for priority, tag in voice.languages:
            rank = (priority, len(voice.identifier))
            if tag not in best or rank < best[tag][0]:
                best[tag] = (rank, voice)
    return {tag: voice for tag, (_, voice) in best.items()}


def _scripts_of(voice: EspeakVoice) -> set[str]:
    primary = voice.language.partition("-")[0]
    own = {
        script
        for script, languages in _SCRIPT_LANGUAGES.items()
        if primary in languages or voice.language in languages
    }
    return own | {"LATIN"}
