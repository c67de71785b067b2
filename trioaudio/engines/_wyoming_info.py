"""What a Wyoming server says about itself: its voices, and whether it takes text in pieces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs

from trioaudio.core.engine import Voice, VoiceChoice
from trioaudio.core.errors import ConfigError
from trioaudio.core.suggest import did_you_mean
from trioaudio.core.wyoming_event import Event


@attrs.frozen
class ServerInfo:
    """What a server told."""

    voices: Sequence[Voice]
    streaming: bool
    """Whether it knows `synthesize-start`."""

    def check(self, choice: VoiceChoice) -> None:
        """Raise ConfigError when none of the voices is what was chosen."""
        names = [each.name for each in self.voices]
        if not names:
            return  # some servers take any name, and list none
        if choice.voice is not None:
            if choice.voice not in names:
                raise ConfigError(
                    f"wyoming has no voice {choice.voice!r}; {did_you_mean(choice.voice, names)}"
                )
        elif choice.language is not None and self.voice_of(choice.language) is None:
            languages = sorted({tag for each in self.voices for tag in each.languages})
            raise ConfigError(
                f"wyoming has no voice of the language {choice.language!r};"
                f" {did_you_mean(choice.language, languages)}"
            )

    def voice_of(self, language: str) -> Voice | None:
        """Return the first voice that speaks a BCP 47 language, or at least its primary part."""
        wanted = language.lower()
        primary = wanted.partition("-")[0]
        for each in self.voices:
            if wanted in map(str.lower, each.languages):
                return each
        for each in self.voices:
            if primary in (tag.lower().partition("-")[0] for tag in each.languages):
                return each
        return None


def read_info(event: Event) -> ServerInfo:
    """Read an `info`; what is not understood of it is left out."""
    programs = _objects(event.data.get("tts"))
    return ServerInfo(
        voices=tuple(
            voice
            for program in programs
            for entry in _objects(program.get("voices"))
            if (voice := _voice(entry)) is not None
        ),
        streaming=any(program.get("supports_synthesize_streaming") is True for program in programs),
    )


def _voice(entry: Mapping[str, object]) -> Voice | None:
    name, languages, description = (
        entry.get("name"),
        entry.get("languages"),
        entry.get("description"),
    )
    if not isinstance(name, str) or not name:
        return None
    tags = languages if isinstance(languages, list) else []
    return Voice(
        name,
        tuple(tag.replace("_", "-") for tag in tags if isinstance(tag, str) and tag) or ("und",),
        description=description if isinstance(description, str) else "",
    )


def _objects(value: object) -> list[Mapping[str, object]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
