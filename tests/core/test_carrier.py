import inspect
from typing import get_args

import attrs
import pytest

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
