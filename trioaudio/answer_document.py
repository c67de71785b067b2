"""`trioaudio answer-document`: print what a carrier is to be told when a call comes in."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path

from trioaudio.call_control import find_call_control
from trioaudio.core.call_control import AnswerDocument, Placing
from trioaudio.core.errors import ConfigError, TrioaudioError
from trioaudio.core.exit_code import ExitCode, exit_code_for
from trioaudio.core.secret import Secret
from trioaudio.pending_file import write_stdout
from trioaudio.settings_loading import load_settings


def print_answer_document(given: argparse.Namespace, environ: Mapping[str, str], cwd: Path) -> int:
    """Print the document the arguments ask for; return the exit code.

    The body goes to standard output, its type to standard error; with `--headers` both go to
    standard output, as an HTTP answer has them.
    """
    try:
        document = make_answer_document(given, environ, cwd)
        body = document.body if document.body.endswith("\n") else f"{document.body}\n"
        head = f"Content-Type: {document.content_type}\n"
        if given.headers:
            write_stdout(f"{head}\n{body}")
        else:
            sys.stderr.write(head)
            write_stdout(body)
    except ConfigError as exc:
        for problem in exc.problems:
            sys.stderr.write(f"trioaudio: error: {problem}\n")
        return ExitCode.USAGE
    except TrioaudioError as exc:
        sys.stderr.write(f"trioaudio: error: {exc}\n")
        return exit_code_for(exc)
    return ExitCode.SAID


def make_answer_document(
    given: argparse.Namespace, environ: Mapping[str, str], cwd: Path
) -> AnswerDocument:
    """Return the document that connects a call to `given.url`. ConfigError."""
    loaded = load_settings(environ, cwd, {"carrier": given.carrier, "sample_rate": given.rate})
    carrier, settings = loaded.carrier, loaded.carrier_settings
    control = find_call_control(carrier.name)
    if control is None or control.answer_document is None:
        raise ConfigError(
            f"--carrier {carrier.name}: what it is to be answered with is not known here; see"
            f" {carrier.documentation}"
        )
    placing = Placing(
        to="",
        caller_id="",
        media_url=given.url,
        media=carrier.media_format(settings, loaded.settings.sample_rate),
        stream_token=_token(given.token_env, environ),
    )
    return control.answer_document(settings, placing)


def _token(name: str | None, environ: Mapping[str, str]) -> Secret:
    """Return what stands in an environment variable: no argument, which others could read."""
    if name is None:
        return Secret()
    if not environ.get(name):
        raise ConfigError(
            f"--token-env {name}: there is no such environment variable, or it is empty"
        )
    return Secret(environ[name])
