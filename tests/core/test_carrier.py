import inspect
from typing import get_args

import attrs
import pytest

from trioaudio.carriers import load_carrier
from trioaudio.core import carrier
from trioaudio.core.carrier import (
    CarrierSettings,
    Command,
    Event,
    Idle,
    MarkPlayed,
    SendAudio,
    Transfer,
    WireUnit,
)
from trioaudio.core.encoding import Encoding, MediaFormat
from trioaudio.core.errors import ConfigError

DESCRIPTIONS = {carrier.Carrier, CarrierSettings, WireUnit}


def test_every_event_and_command_is_in_its_union_and_in_one_only() -> None:
    events, commands = set(get_args(Event)), set(get_args(Command))
    declared = {
        each
        for _, each in inspect.getmembers(carrier, inspect.isclass)
        if each.__module__ == carrier.__name__ and attrs.has(each)
    }
    assert events | commands == declared - DESCRIPTIONS
    assert not events & commands


def test_events_and_commands_are_values() -> None:
    assert MarkPlayed("end") == MarkPlayed("end", heard=None)
    assert SendAudio(b"\0\0") != SendAudio(b"\0\1")
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        Transfer(("911",)).to = ("112",)  # type: ignore[misc]


def test_settings_explain_themselves() -> None:
    for field in attrs.fields(CarrierSettings):
        assert field.metadata["help"]
        if field.name.endswith("_ms"):
            assert "milliseconds" in field.metadata["help"]


def test_an_unknown_carrier_is_treated_with_care() -> None:
    settings = CarrierSettings()
    assert (settings.lead_ms, settings.idle, settings.frames_per_message) == (0, Idle.NONE, 1)


# --- Formats and message sizes --------------------------------------------------------------


def described(**facts: object) -> carrier.Carrier:
    return attrs.evolve(load_carrier("raw"), name="x", **facts)  # type: ignore[arg-type]


TELEPHONE = (Encoding.MULAW, Encoding.ALAW, Encoding.PCM16)


@pytest.mark.parametrize(
    ("encodings", "wanted", "rate", "expected"),
    [
        ((Encoding.PCM16,), None, 16000, Encoding.PCM16),
        (TELEPHONE, None, 8000, Encoding.MULAW),
        (TELEPHONE, None, 16000, Encoding.PCM16),
        (TELEPHONE, Encoding.ALAW, 8000, Encoding.ALAW),
        (TELEPHONE, Encoding.PCM16, 8000, Encoding.PCM16),
    ],
)
def test_the_usual_encoding_is_the_first_that_carries_the_rate(
    encodings: tuple[Encoding, ...], wanted: Encoding | None, rate: int, expected: Encoding
) -> None:
    settings = CarrierSettings(encoding=wanted)
    assert described(encodings=encodings).media_format(settings, rate) == MediaFormat(
        expected, rate
    )


@pytest.mark.parametrize(
    ("facts", "wanted", "rate", "problem"),
    [
        ({}, None, 48000, "sample_rate=48000: x does not take it; give 8000 or 16000"),
        ({"encodings": (Encoding.MULAW,)}, None, 16000, "sample_rate=16000: x has no encoding"),
        ({}, Encoding.MULAW, 8000, "encoding=mulaw: x does not take it at 8000 Hz; give pcm16"),
        (
            {"encodings": TELEPHONE},
            Encoding.MULAW,
            16000,
            "encoding=mulaw: x does not take it at 16000 Hz; give pcm16",
        ),
    ],
)
def test_what_a_carrier_does_not_take_is_said_with_what_it_does(
    facts: dict[str, object], wanted: Encoding | None, rate: int, problem: str
) -> None:
    with pytest.raises(ConfigError, match=problem):
        described(**facts).media_format(CarrierSettings(encoding=wanted), rate)


@pytest.mark.parametrize(
    ("asked", "smallest", "frames"),
    [(1, 1, 1), (0, 3200, 0), (1, 3200, 4), (5, 3200, 5), (2, 1, 2)],
)
def test_messages_are_as_large_as_the_carrier_wants_them(
    asked: int, smallest: int, frames: int
) -> None:
    kind = described(unit=WireUnit(smallest=smallest))
    assert kind.frames_per_message(CarrierSettings(frames_per_message=asked), 960) == frames
