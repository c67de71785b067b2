from __future__ import annotations

import re
from pathlib import Path

import attrs
import pytest

from trioaudio import serve_settings, settings
from trioaudio.carriers import carrier_names, load_carrier
from trioaudio.core.carrier import Idle
from trioaudio.core.secret import Secret
from trioaudio.engines import engine_names, load_engine
from trioaudio.serve_settings import ServeSettings
from trioaudio.setting_catalog import (
    HEADINGS,
    HEADINGS_OF_DAEMON,
    all_groups,
    carrier_group,
    daemon_groups,
    engine_group,
    general_groups,
    plain,
    written,
)
from trioaudio.settings import Settings
from trioaudio.settings_values import Address, Header

EVERY = {each.toml_key: each for group in all_groups() for each in group.settings}


def test_every_setting_is_there_once_and_in_its_order() -> None:
    general = [each.field for group in general_groups() for each in group.settings]
    assert general == [*attrs.fields_dict(Settings)]
    own = [each.field for group in daemon_groups() for each in group.settings]
    assert own == [*attrs.fields_dict(ServeSettings)]
    kinds: list[attrs.AttrsInstance] = [load_carrier(name).settings for name in carrier_names()]
    kinds += [load_engine(name).settings for name in engine_names()]
    rest = sum(len(attrs.fields(type(each))) for each in kinds)
    assert len(EVERY) == len(general) + len(own) + rest


@pytest.mark.parametrize(
    ("module", "headings", "first"),
    [(settings, HEADINGS, {"carrier"}), (serve_settings, HEADINGS_OF_DAEMON, set())],
)
def test_headings_stand_where_the_code_has_them(
    module: object, headings: dict[str, str], first: set[str]
) -> None:
    text = Path(str(module.__file__)).read_text("utf-8")  # type: ignore[attr-defined]
    marked = re.findall(r"    # --- .+ ---\n    (\w+): ", text)
    assert {*headings} == {*marked} | first


def test_a_carrier_s_setting() -> None:
    group = carrier_group("twilio")
    assert (group.heading, group.table, group.owner) == ("Carrier twilio", "carrier", "twilio")
    token = EVERY["carrier.twilio.auth_token"]
    assert token in group.settings
    assert token.secret
    assert (token.variable, token.attribute) == ("TRIOAUDIO_TWILIO_AUTH_TOKEN", "auth_token")
    lead = EVERY["carrier.twilio.lead_ms"]
    assert lead.limits == (0, 2000), "those of the general setting of its name"
    assert lead.default == 180, "the description's own"
    assert EVERY["carrier.twilio.idle"].choices == ["none", "silence", "comfort-noise"]
    assert EVERY["carrier.twilio.encoding"].choices


def test_an_engine_s_setting() -> None:
    assert EVERY["engine.cartesia.speed"] in engine_group("cartesia").settings
    assert EVERY["engine.cartesia.speed"].limits == (0.6, 1.5)
    assert EVERY["engine.cartesia.speed"].is_number
    assert EVERY["engine.elevenlabs.language_models"].is_list


def test_what_kind_a_setting_is() -> None:
    assert EVERY["log_level"].choices == ["debug", "info", "warning", "error", "critical"]
    assert EVERY["headers"].secret
    assert EVERY["headers"].is_list
    assert EVERY["engine"].is_list
    assert not EVERY["voice"].is_list
    assert not EVERY["normalise"].is_number
    assert EVERY["tls_key_file"].type is Path


@pytest.mark.parametrize(
    ("value", "in_a_variable", "in_json"),
    [
        (None, "", None),
        ((), "", []),
        (("a", "b"), "a,b", ["a", "b"]),
        (Secret("x"), "", "***"),
        (Secret(), "", ""),
        (Address("::1", 2), "[::1]:2", "[::1]:2"),
        (True, "yes", True),
        (False, "no", False),
        (Idle.NONE, "none", "none"),
        (2.0, "2", 2.0),
        (7, "7", 7),
        (Path("/a"), "/a", "/a"),
        ("a", "a", "a"),
        ((Header("X", Secret("y")),), "X: ***", ["X: ***"]),
    ],
)
def test_how_values_are_written(value: object, in_a_variable: str, in_json: object) -> None:
    assert written(value) == in_a_variable
    assert plain(value) == in_json
    assert type(plain(value)) is type(in_json)


def test_a_value_of_a_new_kind_is_noticed() -> None:
    with pytest.raises(TypeError):
        plain(object())
