"""Sarvam's languages and the voices of its models, as far as its reference lists them.

https://docs.sarvam.ai/api-reference-docs/text-to-speech/stream
"""

from __future__ import annotations

from trioaudio.core.errors import ConfigError
from trioaudio.core.suggest import did_you_mean

LANGUAGES = (
    *("bn-IN", "en-IN", "gu-IN", "hi-IN", "kn-IN", "ml-IN", "mr-IN", "od-IN", "pa-IN"),
    *("ta-IN", "te-IN"),
)
SPEAKERS = {
    "bulbul:v2": ("anushka", "abhilash", "manisha", "vidya", "arya", "karun", "hitesh"),
    "bulbul:v3": (
        *("shubh", "aditya", "ritu", "priya", "neha", "rahul", "pooja", "rohan", "simran"),
        *("kavya", "amit", "dev", "ishita", "shreya", "ratan", "varun", "manan", "sumit"),
        *("roopa", "kabir", "aayan", "ashutosh", "advait", "amelia", "sophia"),
    ),
}
_BY_PRIMARY = {tag.partition("-")[0]: tag for tag in LANGUAGES} | {"or": "od-IN"}  # ISO 639: or


def find_language(tag: str) -> str:
    """Return Sarvam's code for a BCP 47 tag, of whatever region; ConfigError if it has none."""
    primary = tag.replace("_", "-").partition("-")[0].lower()
    if primary not in _BY_PRIMARY:
        guess = did_you_mean(tag, LANGUAGES)
        raise ConfigError(f"sarvam does not speak the language {tag!r}; {guess}")
    return _BY_PRIMARY[primary]


def check_speaker(model: str, speaker: str) -> None:
    """Raise ConfigError for a voice known to be another model's; new ones are not known here."""
    known = SPEAKERS.get(model)
    if known is None or speaker in known:
        return
    for other, speakers in SPEAKERS.items():
        if speaker in speakers:
            guess = did_you_mean(speaker, known)
            raise ConfigError(f"sarvam's voice {speaker!r} is of {other}, not of {model}; {guess}")
