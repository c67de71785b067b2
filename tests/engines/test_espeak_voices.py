"""Which of eSpeak NG's voices is meant, and what it can read."""

from __future__ import annotations

import json
import os
import subprocess

import pytest

from trioaudio.core.child_protocol import MessageReader, pack
from trioaudio.core.engine import VoiceChoice
from trioaudio.core.errors import ConfigError, TextError
from trioaudio.engines._espeak_messages import LIST, VOICES
from trioaudio.engines._espeak_voices import Catalogue
from trioaudio.engines.espeak import WORKER_COMMAND

DEFAULT = VoiceChoice()


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    worker = subprocess.Popen(WORKER_COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert worker.stdin is not None
    assert worker.stdout is not None
    with worker:
        worker.stdin.write(pack(LIST, 0))
        worker.stdin.flush()
        reader = MessageReader()
        while True:
            for kind, _, payload in reader.push(os.read(worker.stdout.fileno(), 65536)):
                if kind == VOICES:
                    return Catalogue.from_listing(json.loads(payload))


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        (VoiceChoice(voice="en-su"), "no voice 'en-su'; did you mean en-us"),
        (VoiceChoice(voice="hindy"), "did you mean hindi"),
        (VoiceChoice(voice="en-us+f33"), "no voice variant 'f33'; did you mean f3"),
        (VoiceChoice(language="hin"), "does not speak the language 'hin'; did you mean hi"),
        (VoiceChoice(language="fo"), "does not speak the language 'fo'"),  # it has no dictionary
        (VoiceChoice(language="qqq-XX"), "does not speak the language 'qqq-XX'"),
    ],
)
def test_an_unknown_voice_or_language_gets_near_matches(
    catalogue: Catalogue, choice: VoiceChoice, message: str
) -> None:
    with pytest.raises(ConfigError, match=message.replace("+", r"\+")):
        catalogue.resolve(choice)


@pytest.mark.parametrize(
    ("language", "voice"),
    [
        ("en-IN", "en-gb"),
        ("en_US", "en-us"),
        ("en-CA", "en-us"),
        ("EN-us", "en-us"),
        ("hi-IN", "hi"),
        ("zh-Hans-CN", "cmn"),
        ("zh-HK", "yue"),
        ("pt", "pt"),
        ("pt-BR", "pt-br"),
        ("es-MX", "es-419"),
        ("es-AR", "es-419"),
        ("es-ES", "es"),
        ("fr-CA", "fr-fr"),
        ("vi-VN", "vi"),
        ("nn", "nb"),
        ("chr", "chr-US-Qaaa-x-west"),
    ],
)
def test_a_language_tag_falls_back_to_what_is_nearest(
    catalogue: Catalogue, language: str, voice: str
) -> None:
    resolve = catalogue.resolve
    assert resolve(VoiceChoice(language=language)) == resolve(VoiceChoice(voice=voice))


@pytest.mark.parametrize(
    ("text", "choice", "message"),
    [
        ("தமிழ்", DEFAULT, "Tamil script, which voice en-us cannot read; pass --language ta"),
        ("नमस्ते 12", DEFAULT, "Devanagari script, .*; pass --language hi"),
        ("தமிழ்", VoiceChoice(language="hi"), "voice hi cannot read; pass --language ta"),
        ("你好", DEFAULT, "Chinese script, .*; pass --language cmn"),
        ("Привет", VoiceChoice(voice="ta"), "Cyrillic script, .*; pass --language ru"),
        ("ສະບາຍດີ", DEFAULT, "Lao script, .*nor can any other voice of eSpeak NG"),
    ],
)
def test_text_the_voice_cannot_read_is_refused(
    catalogue: Catalogue, text: str, choice: VoiceChoice, message: str
) -> None:
    with pytest.raises(TextError, match=message):
        catalogue.check_text(text, choice)


@pytest.mark.parametrize(
    ("text", "choice"),
    [
        ("Hello", DEFAULT),
        ("12 + 3 = ½ ² ³ €", VoiceChoice(voice="ta")),
        ("😀 µ ª º ℃", VoiceChoice(voice="hi")),
        ("தமிழ் and English", DEFAULT),
        ("order आपका", VoiceChoice(language="hi")),
        ("OK", VoiceChoice(language="hi")),
        ("", DEFAULT),
        ("日本語 ひらがな カタカナ", VoiceChoice(language="ja")),
        ("Привет", VoiceChoice(language="uk")),
        ("ہیلو", VoiceChoice(language="ur")),
        ("ਸਤ ਸ੍ਰੀ", VoiceChoice(language="pa-IN")),
    ],
)
def test_text_the_voice_can_read_in_part_is_accepted(
    catalogue: Catalogue, text: str, choice: VoiceChoice
) -> None:
    catalogue.check_text(text, choice)
