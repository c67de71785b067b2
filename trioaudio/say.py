"""`trioaudio --text`: from the arguments to the exit code.

Decides what is to be done and starts what takes long to start; `one_call` does it. Every error
becomes one line on standard error.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import attrs

from trioaudio.core.carrier import Role
from trioaudio.core.engine import ChosenEngine
from trioaudio.core.errors import ConfigError, OutputError, TextError, TrioaudioError
from trioaudio.core.exit_code import ExitCode, exit_code_for
from trioaudio.core.text import speakable
from trioaudio.pending_file import PendingFile, write_stdout
from trioaudio.plan import FarEndKind, Plan
from trioaudio.players import find_player, play
from trioaudio.settings import Settings
from trioaudio.settings_loading import load_engines, load_settings
from trioaudio.simulator_child import end_simulator, start_simulator

DEFAULT_OUT = Path("trioaudio.wav")


def say(given: argparse.Namespace, environ: Mapping[str, str], cwd: Path) -> int:
    """Say what the arguments ask for; return the exit code."""
    try:
        plan = _plan(given, environ, cwd)
        with ExitStack() as stack:
            report_file = _open_report(given.report, stack)
            return _carry_out(plan, report_file, stack, partial(_engines, given, environ, cwd))
    except ConfigError as exc:
        for problem in exc.problems:
            _complain(problem)
        return ExitCode.USAGE
    except TrioaudioError as exc:
        _complain(str(exc))
        return exit_code_for(exc)


def _carry_out(
    plan: Plan,
    report_file: PendingFile | None,
    stack: ExitStack,
    engines: Callable[[Settings], tuple[ChosenEngine, ...]],
) -> int:
    simulator = None
    if plan.far_end is FarEndKind.SIMULATED:
        simulator = start_simulator(
            plan.carrier, plan.settings, plan.carrier_settings.lead_ms, plan.out
        )
        stack.callback(end_simulator, simulator)
    # Trio, numpy and the rest: imported while the simulator imports its own.
    from trioaudio.one_call import make_the_call  # noqa: PLC0415

    plan = attrs.evolve(plan, engines=engines(plan.settings))
    ended = make_the_call(plan, simulator)
    exit_code = ended.exit_code
    if ended.problem is not None:
        _complain(ended.problem)
    if ended.report is not None:
        try:
            _hand_out(plan, ended.report, report_file)
        except OutputError as exc:
            _complain(str(exc))
            exit_code = exit_code or ExitCode.OUTPUT
    if plan.play and ended.out is not None and not ended.by_signal:
        play(ended.out)
    return exit_code


def _hand_out(plan: Plan, report: dict[str, Any], report_file: PendingFile | None) -> None:
    # ASCII: a file's name may hold bytes that are text in no encoding.
    text = json.dumps(report, indent=2) + "\n"
    if report_file is not None:
        report_file.write(text)
    elif plan.report_on_stdout:
        write_stdout(text)


def _options(given: argparse.Namespace) -> dict[str, object]:
    """Return the settings given as options, None where one was not."""
    return {
        "carrier": given.carrier,
        "engine": given.engine,
        "voice": given.voice,
        "language": given.language,
        "sample_rate": given.rate,
        "lead_ms": given.lead_ms,
        "url": given.url,
        "listen": given.listen,
        "headers": given.header,
        "log_level": given.log_level,
    }


def _engines(
    given: argparse.Namespace, environ: Mapping[str, str], cwd: Path, settings: Settings
) -> tuple[ChosenEngine, ...]:
    return load_engines(settings, environ, cwd, _options(given))


def _plan(given: argparse.Namespace, environ: Mapping[str, str], cwd: Path) -> Plan:
    loaded = load_settings(environ, cwd, _options(given))
    for warning in loaded.warnings:
        _complain(warning, kind="warning")
    settings, carrier = loaded.settings, loaded.carrier
    # A way to the far end given on the command line beats the other one in the environment.
    if given.listen:
        settings = attrs.evolve(settings, url=None)
    elif given.url:
        settings = attrs.evolve(settings, listen=None)
    far_end = _far_end(settings.url, settings.listen)
    if far_end is FarEndKind.DIALLED and Role.DIAL not in carrier.roles:
        raise ConfigError(
            f"{carrier.name} dials us and cannot be dialled; use --listen, or --carrier raw"
        )
    if given.text != "-" and not speakable(given.text):
        raise TextError(
            "there is nothing in --text that can be spoken; give it some words, or - to read"
            " standard input"
        )
    out = _out(given, far_end)
    if given.play:
        find_player()
    return Plan(
        text=None if given.text == "-" else given.text,
        settings=settings,
        carrier=carrier,
        carrier_settings=loaded.carrier_settings,
        far_end=far_end,
        out=out,
        play=given.play,
        report_on_stdout=given.report == "-",
        plain=given.plain,
    )


def _out(given: argparse.Namespace, far_end: FarEndKind) -> Path | None:
    """Return where the WAV file goes, None for nowhere."""
    if given.no_out:
        return None
    out: Path | None = given.out
    if out is None and far_end is FarEndKind.SIMULATED and _free(DEFAULT_OUT):
        out = DEFAULT_OUT
    if given.play and out is None:
        raise ConfigError("--play needs a WAV file: say where with --out FILE.wav")
    if (
        out is not None
        and given.report is not None
        and out.resolve() == Path(given.report).resolve()
    ):
        raise ConfigError(f"--out and --report are both {out}; give each a file of its own")
    return out


def _far_end(url: str | None, listen: object) -> FarEndKind:
    if url and listen:
        raise ConfigError("both a URL to dial and an address to listen on are set; leave one out")
    if url:
        return FarEndKind.DIALLED
    return FarEndKind.AWAITED if listen else FarEndKind.SIMULATED


def _free(path: Path) -> bool:
    """Say whether a file nobody asked for can be written here without complaint."""
    try:
        if path.exists() and not path.is_file():
            raise FileExistsError
        with tempfile.TemporaryFile(dir=path.parent):
            return True
    except OSError:
        _complain(f"{path} cannot be written here; say where with --out", kind="note")
        return False


def _open_report(where: str | None, stack: ExitStack) -> PendingFile | None:
    if where is None or where == "-":
        return None
    return stack.enter_context(PendingFile(Path(where)))


def _complain(text: str, kind: str = "error") -> None:
    sys.stderr.write(f"trioaudio: {kind}: {text}\n")
    sys.stderr.flush()
