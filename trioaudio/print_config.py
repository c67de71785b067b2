"""`trioaudio print-config`: the daemon's settings as they are in force, and who said so."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from trioaudio.config_schema import config_schema
from trioaudio.configuration import load_configuration
from trioaudio.core.errors import ConfigError, OutputError
from trioaudio.core.exit_code import ExitCode, exit_code_for
from trioaudio.effective_settings import (
    Effective,
    EffectiveGroup,
    Shown,
    effective_groups,
    shown,
)
from trioaudio.pending_file import write_stdout
from trioaudio.settings_sources import Source, find_sources

_WIDEST_VALUE: Final = 40
"""Columns; a longer value pushes its origin aside."""
_OF_THE_VERB: Final = frozenset({"changed", "json", "schema"})


def print_config(given: argparse.Namespace, environ: Mapping[str, str], cwd: Path) -> int:
    """Print them; return the exit code."""
    try:
        write_stdout(_wanted(given, environ, cwd))
    except ConfigError as exc:
        for problem in exc.problems:
            sys.stderr.write(f"trioaudio: error: {problem}\n")
        return ExitCode.USAGE
    except OutputError as exc:
        sys.stderr.write(f"trioaudio: error: {exc}\n")
        return exit_code_for(exc)
    return ExitCode.SAID


def _wanted(given: argparse.Namespace, environ: Mapping[str, str], cwd: Path) -> str:
    if given.schema:
        return json.dumps(config_schema(), indent=2, ensure_ascii=False) + "\n"
    overrides = {name: value for name, value in vars(given).items() if name not in _OF_THE_VERB}
    configuration = load_configuration(environ, cwd, overrides)
    for warning in configuration.warnings:
        sys.stderr.write(f"trioaudio: warning: {warning}\n")
    sources = find_sources(environ, cwd, overrides, [])
    groups = effective_groups(configuration, sources, environ)
    if given.changed:
        groups = list(_changed(groups))
    if given.json:
        told = _as_json(groups, sources, configuration.warnings)
        return json.dumps(told, indent=2, ensure_ascii=False) + "\n"
    return "\n".join(_lines(groups))


def _changed(groups: Sequence[EffectiveGroup]) -> Iterator[EffectiveGroup]:
    for each in groups:
        settings = tuple(setting for setting in each.settings if setting.changed)
        if settings:
            yield EffectiveGroup(each.group, settings, each.in_use)


def _lines(groups: Sequence[EffectiveGroup]) -> Iterator[str]:
    """Yield a paragraph for each group: key, value and origin."""
    if not groups:
        yield "every setting has its default\n"
    for each in groups:
        names = [setting.setting.toml_key for setting in each.settings]
        values = [_text(setting.value) for setting in each.settings]
        wide = max(map(len, names))
        column = min(max(map(len, values)), _WIDEST_VALUE)
        unused = "" if each.in_use else " (not in use)"
        rows = [
            f"  {name:{wide}}  {value:{column}}  {setting.origin}\n"
            for name, value, setting in zip(names, values, each.settings, strict=True)
        ]
        yield f"{each.group.heading}{unused}\n{''.join(rows)}"


def _text(value: Shown) -> str:
    """Return a value on one line; nothing that a terminal would obey."""
    match value:
        case None | "" | []:
            return "-"
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:g}"
        case list():
            return ", ".join(map(_text, value))
        case _:
            text = str(value)
            return "".join(
                each if each.isprintable() else each.encode("unicode_escape").decode()
                for each in text
            )


def _as_json(
    groups: Sequence[EffectiveGroup], sources: Sequence[Source], warnings: Sequence[str]
) -> dict[str, object]:
    settings = [_setting_as_json(group, each) for group in groups for each in group.settings]
    files = [each.file for each in sources if each.file]
    return {"files": files, "warnings": [*warnings], "settings": settings}


def _setting_as_json(group: EffectiveGroup, each: Effective) -> dict[str, object]:
    setting, origin = each.setting, each.origin
    told = {"kind": origin.kind, "name": origin.name, "file": origin.file}
    return {
        "key": setting.toml_key,
        "variable": setting.variable,
        "group": group.group.heading,
        "in_use": group.in_use,
        "value": each.value,
        "default": shown(setting, setting.default, None),
        "secret": setting.secret,
        "origin": {key: value for key, value in told.items() if value},
    }
