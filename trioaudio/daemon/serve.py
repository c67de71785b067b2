"""`trioaudio serve`: the configuration is read, logging opened, and the daemon run."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import trio

from trioaudio.configuration import Configuration, load_configuration
from trioaudio.core.errors import ConfigError, TrioaudioError
from trioaudio.core.exit_code import ExitCode, exit_code_for
from trioaudio.core.verdict import known_error
from trioaudio.daemon.tree import Daemon
from trioaudio.garbage import settle
from trioaudio.net.listening_socket import allow_descriptors
from trioaudio.observe.log_sinks import LogCounts
from trioaudio.observe.logs import open_logging


def serve(given: argparse.Namespace, environ: Mapping[str, str], cwd: Path) -> int:
    """Serve until told to stop; return the exit code."""
    read = partial(_read, given, environ, cwd)
    try:
        configuration = read()
        settings = configuration.settings
        with open_logging(
            settings.log_level,
            settings.log_format,
            settings.log_file,
            secrets=configuration.secrets(),
        ) as counts:
            return _run(configuration, read, counts)
    except ConfigError as exc:
        for problem in exc.problems:
            sys.stderr.write(f"trioaudio: error: {problem}\n")
        return ExitCode.USAGE
    except TrioaudioError as exc:
        sys.stderr.write(f"trioaudio: error: {exc}\n")
        return exit_code_for(exc)


def _read(given: argparse.Namespace, environ: Mapping[str, str], cwd: Path) -> Configuration:
    overrides = {
        name: getattr(given, name)
        for name in ("media_listen", "control_listen", "carriers", "greeting", "log_level")
    }
    configuration = load_configuration(environ, cwd, overrides)
    for warning in configuration.warnings:
        sys.stderr.write(f"trioaudio: warning: {warning}\n")
    return configuration


def _run(configuration: Configuration, read: partial[Configuration], counts: LogCounts) -> int:
    allow_descriptors()
    settle()
    sys.setswitchinterval(0.0005)
    try:
        return trio.run(_serve, configuration, read, counts)
    except BaseExceptionGroup as group:
        raise known_error(group) from None


async def _serve(
    configuration: Configuration, read: partial[Configuration], counts: LogCounts
) -> int:
    return await Daemon(configuration, read, alone=True, log_counts=counts).run()
