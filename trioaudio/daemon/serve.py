"""`trioaudio serve`: the configuration is read, logging opened, and the daemon run."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Mapping, MutableMapping
from functools import partial
from pathlib import Path

import attrs
import trio

from trioaudio.configuration import Configuration, load_configuration
from trioaudio.core.errors import ConfigError, TrioaudioError
from trioaudio.core.exit_code import ExitCode, exit_code_for
from trioaudio.core.verdict import known_error
from trioaudio.daemon.listening import listening_warnings
from trioaudio.daemon.notify import Notifier, take_notifier
from trioaudio.daemon.passed_sockets import PassedSockets, take_passed_sockets
from trioaudio.daemon.tree import Daemon
from trioaudio.garbage import settle
from trioaudio.net.listening_socket import allow_descriptors
from trioaudio.observe.log_file import Rotation
from trioaudio.observe.log_sinks import LogCounts
from trioaudio.observe.logs import open_logging
from trioaudio.settings_values import Address


@attrs.frozen
class _Given:
    """What a service manager has given us."""

    notifier: Notifier
    passed: PassedSockets


def serve(given: argparse.Namespace, environ: MutableMapping[str, str], cwd: Path) -> int:
    """Serve until told to stop; return the exit code.

    What a service manager put into `environ` for us alone is taken out.
    """
    # A reload asked for before there is anything to reload: what is read now is new anyway.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        by_manager = _Given(
            take_notifier(environ, os.getpid()), take_passed_sockets(environ, os.getpid())
        )
        # Asked once: at a reload the sockets may be closed already.
        read = partial(_read, given, environ, cwd, by_manager.passed.places())
        configuration = read()
        for warning in configuration.warnings:
            sys.stderr.write(f"trioaudio: warning: {warning}\n")
        settings = configuration.settings
        with open_logging(
            settings.log_level,
            settings.log_format,
            settings.log_file,
            secrets=configuration.secrets(),
            rotation=Rotation(settings.log_file_mb * 1_000_000, settings.log_files),
        ) as counts:
            return _run(configuration, read, counts, by_manager)
    except ConfigError as exc:
        for problem in exc.problems:
            sys.stderr.write(f"trioaudio: error: {problem}\n")
        return ExitCode.USAGE
    except TrioaudioError as exc:
        sys.stderr.write(f"trioaudio: error: {exc}\n")
        return exit_code_for(exc)


def _read(
    given: argparse.Namespace,
    environ: Mapping[str, str],
    cwd: Path,
    passed: Mapping[str, Address | Path],
) -> Configuration:
    """Return the configuration; it may block and writes nothing: a thread does it at a reload."""
    overrides = {
        name: getattr(given, name)
        for name in ("media_listen", "control_listen", "carriers", "greeting", "log_level")
    }
    # What holds of an address holds of the one that was passed instead.
    configuration = load_configuration(environ, cwd, {**overrides, **passed})
    told = (*configuration.warnings, *listening_warnings(configuration))
    return attrs.evolve(configuration, warnings=told)


def _run(
    configuration: Configuration,
    read: partial[Configuration],
    counts: LogCounts,
    by_manager: _Given,
) -> int:
    allow_descriptors()
    settle()
    sys.setswitchinterval(0.0005)
    daemon = partial(
        Daemon,
        configuration,
        read,
        alone=True,
        log_counts=counts,
        notifier=by_manager.notifier,
        passed=by_manager.passed,
    )
    try:
        return trio.run(_serve, daemon)
    except BaseExceptionGroup as group:
        raise known_error(group) from None


async def _serve(daemon: partial[Daemon]) -> int:
    return await daemon().run()
