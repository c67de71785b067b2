from __future__ import annotations

import pytest

from trioaudio.carriers import carrier_names
from trioaudio.engines import engine_names
from trioaudio.setting_catalog import all_groups
from trioaudio.setting_names import USE, field_meant, field_of, owner_of, toml_key

EVERY = [each for group in all_groups() for each in group.settings]


def test_every_setting_has_a_key_of_its_own_that_leads_back_to_it() -> None:
    assert len({each.toml_key for each in EVERY}) == len(EVERY) > 300
    for each in EVERY:
        assert toml_key(each.field) == each.toml_key
        assert field_of(tuple(each.toml_key.split("."))) == each.field


def test_no_carrier_and_no_engine_is_called_use() -> None:
    assert USE not in {*carrier_names(), *engine_names()}
    assert not {*carrier_names()} & {*engine_names()}


@pytest.mark.parametrize(
    ("key", "field"),
    [
        ("calls_most", "calls_most"),
        ("engine.use", "engine"),
        ("carrier.use", "carrier"),
        ("carrier.mod_audio_stream.build", "mod_audio_stream_build"),
        ("carrier.twilio.anything", "twilio_anything"),
        ("twilio_auth_token", None),
        ("carrier.cartesia.api_key", None),
        ("engine.twilio.auth_token", None),
        ("carrier.twilo.auth_token", None),
        ("calls_most.x", None),
        ("carriers.use", None),
        ("carrier.twilio.auth_token.x", None),
    ],
)
def test_where_a_key_leads(key: str, field: str | None) -> None:
    assert field_of(tuple(key.split("."))) == field


def test_whose_a_field_is() -> None:
    assert owner_of("calls_most") is None
    assert owner_of("voice") is None
    assert owner_of("mod_audio_stream_lead_ms") == ("carrier", "mod_audio_stream")
    assert owner_of("cartesia_voice") == ("engine", "cartesia")
    assert owner_of("nobody_s") is None


def test_what_a_misplaced_key_may_have_meant() -> None:
    assert field_meant(("carrier", "twilo", "auth_token")) == "twilo_auth_token"
    assert field_meant(("twilio_auth_token",)) == "twilio_auth_token"
    assert field_meant(("daemon", "calls_most")) == "daemon_calls_most"
