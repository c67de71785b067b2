"""What a setting is called: `twilio_auth_token` in the code, `carrier.twilio.auth_token` in TOML.

The settings `carrier` and `engine` have the names of the tables below which the carriers' and the
engines' own settings stand; TOML cannot have both, so beside such a table they are `use` in it.
"""

from __future__ import annotations

from functools import cache
from typing import Final

import attrs

from trioaudio.carriers import carrier_names
from trioaudio.engines import engine_names
from trioaudio.serve_settings import ServeSettings
from trioaudio.settings import Settings

USE: Final = "use"
CHOICES: Final = ("carrier", "engine")
"""Settings that choose, and the tables of what can be chosen."""


@cache
def general_names() -> frozenset[str]:
    """Return the fields that are no carrier's and no engine's."""
    return frozenset({*attrs.fields_dict(Settings), *attrs.fields_dict(ServeSettings)})


def owner_of(field: str) -> tuple[str, str] | None:
    """Return the table and the name of whose own setting a field is; None: it is a general one."""
    if field in general_names():
        return None
    return next((each for each in _owners() if field.startswith(f"{each[1]}_")), None)


@cache
def _owners() -> tuple[tuple[str, str], ...]:
    """Return the tables and the names of all carriers and engines, the longest names first."""
    found = [("carrier", name) for name in carrier_names()]
    found += [("engine", name) for name in engine_names()]
    return tuple(sorted(found, key=lambda each: len(each[1]), reverse=True))


def toml_key(field: str) -> str:
    """Return the key of a field in config.toml, with its tables."""
    owner = owner_of(field)
    if owner is None:
        return field
    table, name = owner
    return key_in_table(table, name, field.removeprefix(f"{name}_"))


def key_in_table(table: str, owner: str, attribute: str) -> str:
    """Return the key of a field of a carrier or an engine; of a general one without both."""
    return f"{table}.{owner}.{attribute}" if table else attribute


def field_of(key: tuple[str, ...]) -> str | None:
    """Return the field a key of config.toml is meant for; None when it stands in a wrong place.

    Of a carrier's or an engine's own settings only the carrier or the engine is looked at.
    """
    match key:
        case [name]:
            return name if name in general_names() else None
        case [table, "use"] if table in CHOICES:
            return table
        case [table, name, field] if (table, name) in _owners():
            return f"{name}_{field}"
        case _:
            return None


def field_meant(key: tuple[str, ...]) -> str:
    """Return the field that a key in a wrong place would be, to find what is near it."""
    return "_".join(key[1:] if len(key) > 1 and key[0] in CHOICES else key)
