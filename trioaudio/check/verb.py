"""`trioaudio check`: the settings are read as `serve` reads them, and everything is tried."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import attrs
import trio

from trioaudio.check.addresses import address_checks
from trioaudio.check.carriers import carrier_checks
from trioaudio.check.certificates import certificate_checks
from trioaudio.check.engines import engine_checks
from trioaudio.check.machine import clock_check, machine_checks
from trioaudio.check.row import Check, Row, run_checks
from trioaudio.check.storage import storage_checks
from trioaudio.check.table import as_json, problems_as_json, table
from trioaudio.configuration import Configuration, load_configuration
from trioaudio.core.errors import ConfigError, OutputError
from trioaudio.core.exit_code import ExitCode
from trioaudio.observe.log_events import Mask
from trioaudio.pending_file import write_stdout

FAILED: Final = 1
"""The exit code when a check has failed."""


def check(given: argparse.Namespace, environ: Mapping[str, str], cwd: Path) -> int:
    """Check what was asked for, print it, and return the exit code."""
    try:
        configuration = load_configuration(environ, cwd)
    except ConfigError as exc:
        if given.json:
            write_stdout(problems_as_json(exc.problems))
        for problem in exc.problems:
            sys.stderr.write(f"trioaudio: error: {problem}\n")
        return ExitCode.USAGE
    rows = trio.run(look, configuration, environ, cwd, tuple(given.only), given.live)
    shown = as_json(rows) if given.json else table(rows, sys.stdout.encoding or "ascii")
    try:
        write_stdout(shown)
    except OutputError as exc:
        sys.stderr.write(f"trioaudio: error: {exc}\n")
        return ExitCode.OUTPUT
    return FAILED if any(row.state == "failed" for row in rows) else ExitCode.SAID


async def look(
    configuration: Configuration,
    environ: Mapping[str, str],
    cwd: Path,
    parts: Sequence[str],
    live: bool,  # noqa: FBT001  trio.run gives no names
) -> list[Row]:
    """Return what was found, in the order of the parts; nothing secret is in it."""
    rows = _configuration_rows(configuration) if "configuration" in parts else []
    if "machine" in parts:
        rows += await run_checks([clock_check()])  # alone: the others keep the machine busy
    checks: list[Check] = [
        *machine_checks(configuration),
        *storage_checks(configuration, environ, cwd),
        *address_checks(configuration, environ),
        *certificate_checks(configuration),
        *engine_checks(configuration),
        *carrier_checks(configuration, live=live),
    ]
    rows += await run_checks([each for each in checks if each.part in parts])
    mask = Mask(configuration.secrets())
    return [Row(**mask(attrs.asdict(row))) for row in rows]


def _configuration_rows(configuration: Configuration) -> list[Row]:
    engines = ", ".join(each.kind.name for each in configuration.engines)
    row = Row(
        "configuration",
        "settings",
        "ok",
        f"can be read; carriers {', '.join(configuration.carriers)}; engines {engines}",
    )
    warnings = [
        Row("configuration", "settings", "warning", each) for each in configuration.warnings
    ]
    return [row, *warnings]
