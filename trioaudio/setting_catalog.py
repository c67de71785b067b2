"""Every setting there is, in the order and under the headings people see them in.

The settings reference, `.env.example`, the schema of config.toml and `print-config` are made of it.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final, get_origin, get_type_hints

import attrs

from trioaudio.carriers import carrier_names, load_carrier
from trioaudio.core.carrier import CarrierSettings
from trioaudio.core.secret import Secret
from trioaudio.engines import engine_names, load_engine
from trioaudio.serve_settings import ServeSettings
from trioaudio.setting_names import key_in_table
from trioaudio.settings import Settings, is_secret, variable
from trioaudio.settings_reading import MOST, choices, rules_of, without_none
from trioaudio.settings_values import Address

HEADINGS: Final = {
    "carrier": "Speaking",
    "normalise": "Text and sound",
    "url": "Connecting",
    "authentication": "At the door",
    "caller_id": "Calls we place",
    "lead_ms": "Pacing",
    "send_deadline_s": "When a connection fails",
    "log_level": "Logs",
}
"""What stands above a field and those after it."""
HEADINGS_OF_DAEMON: Final = {
    "media_listen": "The daemon: where it listens",
    "carriers": "The daemon: carriers and calls",
    "state_folder": "The daemon: what is kept",
    "calls_most": "The daemon: limits",
    "webhook_url": "The daemon: webhooks",
}


@attrs.frozen
class Setting:
    """One setting, with all its names and what may be written for it."""

    field: str
    """Its name in the sources: `twilio_auth_token`."""
    toml_key: str
    variable: str
    attribute: str
    """Its name in its class: `auth_token`."""
    type: Any
    default: object
    meaning: str
    rules: dict[str, Any]
    secret: bool

    @property
    def choices(self) -> list[str]:
        """What is to be chosen from, as it is written; empty: it is no choice."""
        return list(choices(self.type) or ())

    @property
    def is_list(self) -> bool:
        """Say whether config.toml takes a list."""
        return get_origin(self.type) is tuple or "separator" in self.rules

    @property
    def is_number(self) -> bool:
        """Say whether it has limits."""
        return self.type in {int, float}

    @property
    def limits(self) -> tuple[float, float]:
        """The least and the most a number may be."""
        return self.rules.get("least", 0), self.rules.get("most", MOST)


@attrs.frozen
class Group:
    """Settings under one heading; of a carrier or an engine, if `owner` is not empty."""

    heading: str
    settings: tuple[Setting, ...]
    table: str = ""
    """`carrier` or `engine`."""
    owner: str = ""
    """Its name."""


@cache
def general_groups() -> tuple[Group, ...]:
    """Return the settings every run has."""
    return tuple(_divided(_settings_of(Settings()), HEADINGS))


@cache
def daemon_groups() -> tuple[Group, ...]:
    """Return the settings `trioaudio serve` has beside them."""
    return tuple(_divided(_settings_of(ServeSettings()), HEADINGS_OF_DAEMON))


@cache
def carrier_group(name: str) -> Group:
    """Return a carrier's own settings."""
    settings = _settings_of(load_carrier(name).settings, "carrier", name)
    return Group(f"Carrier {name}", settings, "carrier", name)


@cache
def engine_group(name: str) -> Group:
    """Return an engine's own settings; importing it may take a while."""
    settings = _settings_of(load_engine(name).settings, "engine", name)
    return Group(f"Engine {name}", settings, "engine", name)


def all_groups() -> tuple[Group, ...]:
    """Return every setting there is."""
    return (
        *general_groups(),
        *daemon_groups(),
        *(carrier_group(name) for name in carrier_names()),
        *(engine_group(name) for name in engine_names()),
    )


def _divided(settings: Sequence[Setting], headings: dict[str, str]) -> Iterator[Group]:
    starts = [number for number, each in enumerate(settings) if each.field in headings]
    for start, end in zip(starts, [*starts[1:], len(settings)], strict=True):
        yield Group(headings[settings[start].field], tuple(settings[start:end]))


def _settings_of(
    defaults: attrs.AttrsInstance, table: str = "", owner: str = ""
) -> tuple[Setting, ...]:
    hints = get_type_hints(type(defaults))
    prefix = f"{owner}_" if owner else ""
    of_carrier = isinstance(defaults, CarrierSettings)
    return tuple(
        Setting(
            field=prefix + each.name,
            toml_key=key_in_table(table, owner, each.name),
            variable=variable(prefix + each.name),
            attribute=each.name,
            type=without_none(hints[each.name]),
            default=getattr(defaults, each.name),
            meaning=each.metadata["help"],
            rules=rules_of(each, of_carrier=of_carrier),
            secret=is_secret(each),
        )
        for each in attrs.fields(type(defaults))
    )


def written(value: object) -> str:
    """Return a value as it is written in a variable; a secret never is."""
    match value:
        case None | () | Secret():
            return ""
        case Address():
            return str(value)
        case tuple():
            return ",".join(map(str, value))
        case bool():
            return "yes" if value else "no"
        case enum.Enum():
            return str(value.value)
        case float():
            return f"{value:g}"
        case _:
            return str(value)


def plain(value: object) -> bool | float | str | list[str] | None:
    """Return a value as TOML and JSON have it; a secret is shown as `***`."""
    match value:
        case Secret() | Address() | Path():
            return str(value)
        case tuple():
            return [str(each) for each in value]
        case enum.Enum():
            return str(value.value)
        case bool() | int() | float() | str() | None:
            return value
        case _:
            raise TypeError(f"no setting has a value like {value!r}")
