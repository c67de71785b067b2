"""Read what `--option NAME=VALUE` may change about a dialect."""

from __future__ import annotations

from collections.abc import Mapping

from trioaudio.core.errors import ConfigError
from trioaudio.core.suggest import did_you_mean
from trioaudio.core.wire_json import JsonObject


def choice(options: Mapping[str, str], name: str, *values: str) -> str:
    """Return the value of an option that has few, of which the first is the default.

    ConfigError for any other value.
    """
    value = options.get(name, values[0])
    if value not in values:
        raise ConfigError(f"option {name}={value}: no such value; {did_you_mean(value, values)}")
    return value


def pairs(options: Mapping[str, str], name: str) -> JsonObject:
    """Return an option of the form NAME:VALUE,NAME:VALUE; a value may hold further colons.

    Empty if it was not given; ConfigError for a part without a colon or a name.
    """
    found: JsonObject = {}
    for part in filter(None, options.get(name, "").split(",")):
        key, colon, value = part.partition(":")
        if not key or not colon:
            raise ConfigError(f"option {name}: {part!r} is not of the form NAME:VALUE")
        found[key] = value
    return found
