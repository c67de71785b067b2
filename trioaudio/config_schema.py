"""The JSON Schema of config.toml, which editors and checks of deployments read.

https://json-schema.org/draft/2020-12: what a variable may hold as text, TOML may have as text too,
and a text may refer to a file elsewhere (`${cred:NAME}`), so each kind also takes some strings.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from trioaudio.carriers import carrier_names
from trioaudio.engines import engine_names
from trioaudio.setting_catalog import (
    Group,
    Setting,
    carrier_group,
    daemon_groups,
    engine_group,
    general_groups,
    plain,
)
from trioaudio.setting_names import USE

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_ELSEWHERE: Final = r"\$\{"
"""Of a text that refers to a file, nothing more is known."""
_WHOLE: Final = rf"^\s*[+-]?[0-9][0-9_]*\s*$|^$|{_ELSEWHERE}"
_NUMBER: Final = rf"^\s*[+-]?[0-9.][0-9_.]*([eE][+-]?[0-9]+)?\s*$|^$|{_ELSEWHERE}"
_YES_OR_NO: Final = (
    rf"^([Yy][Ee][Ss]|[Nn][Oo]|[Tt][Rr][Uu][Ee]|[Ff][Aa][Ll][Ss][Ee]|[Oo][Nn]|[Oo][Ff][Ff]"
    rf"|[YyNnTtFf01])?$|{_ELSEWHERE}"
)

Schema = dict[str, object]


def config_schema() -> Schema:
    """Return the schema, of every carrier and every engine."""
    properties = _properties(each for group in general_groups() for each in group.settings)
    properties |= _properties(each for group in daemon_groups() for each in group.settings)
    properties["carrier"] |= {"anyOf": _named(carrier_names())}
    properties["carriers"]["items"] = {"type": "string", "anyOf": _named(carrier_names())}
    properties["engine"]["items"] = {"type": "string", "anyOf": _named(engine_names())}
    for table, names, groups in (
        ("carrier", carrier_names(), [carrier_group(name) for name in carrier_names()]),
        ("engine", engine_names(), [engine_group(name) for name in engine_names()]),
    ):
        properties[table] = _choice_or_tables(properties[table], names, groups)
    return {
        "$schema": DIALECT,
        "title": "trioaudio config.toml",
        "description": "Settings of trioaudio: config.toml, and the files of conf.d beside it.",
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
    }


def _named(names: list[str]) -> list[Schema]:
    """Return what a name may be: one there is, nothing, or what stands elsewhere."""
    return [{"enum": names}, {"pattern": f"^$|{_ELSEWHERE}"}]


def _properties(settings: Iterable[Setting]) -> dict[str, Schema]:
    return {each.attribute: schema_of(each) for each in settings}


def _choice_or_tables(choice: Schema, names: list[str], groups: Iterable[Group]) -> Schema:
    """Return the schema of `carrier` or `engine`: who is used, or a table of tables."""
    tables: dict[str, Schema] = {
        name: {
            "description": group.heading,
            "type": "object",
            "properties": _properties(group.settings),
            "additionalProperties": False,
        }
        for name, group in zip(names, groups, strict=True)
    }
    return {
        "description": choice["description"],
        "anyOf": [
            choice,
            {
                "type": "object",
                "properties": {USE: choice, **tables},
                "additionalProperties": False,
            },
        ],
    }


def schema_of(setting: Setting) -> Schema:
    """Return the schema of one value."""
    found: Schema = {"description": setting.meaning, **_kind(setting)}
    if not setting.secret and setting.default is not None:
        found["default"] = plain(setting.default)
    return found


def _kind(setting: Setting) -> Schema:
    if setting.is_number:
        least, most = setting.limits
        whole = setting.type is int
        return {
            "type": ["integer" if whole else "number", "string"],
            "minimum": least,
            "maximum": most,
            "pattern": _WHOLE if whole else _NUMBER,
        }
    if setting.type is bool:
        return {"type": ["boolean", "string"], "pattern": _YES_OR_NO}
    if setting.choices:
        return {"type": "string", "anyOf": _named(setting.choices)}
    if setting.is_list:
        found: Schema = {"type": ["array", "string"], "items": {"type": "string"}}
        if setting.type is str:
            found["minItems"] = 1
    else:
        found = {"type": "string"}
    if setting.secret:
        found["writeOnly"] = True
    return found
