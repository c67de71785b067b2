"""`trioaudio --text`: from the arguments to the exit code.

Decides what is to be done and starts what takes long to start; `one_call` does it. Every error
becomes one line on standard error.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import attrs

from trioaudio.core.engine import ChosenEngine
from trioaudio.core.errors import ConfigError, OutputError, TrioaudioError
from trioaudio.core.exit_code import ExitCode, exit_code_for
from trioaudio.pending_file import PendingFile, write_stdout
from trioaudio.plan import FarEndKind, Plan
from trioaudio.planning import make_plan, options_of
from trioaudio.players import play
from trioaudio.settings import Settings
from trioaudio.settings_loading import load_engines
from trioaudio.simulator_child import end_simulator, start_simulator


def say(given: argparse.Namespace, environ: Mapping[str, str], cwd: Path) -> int:
    """Say what the arguments ask for; return the exit code."""
    try:
        plan = make_plan(given, environ, cwd, _complain)
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
        own = plan.carrier_settings
        simulator = start_simulator(
            plan.carrier, plan.settings, own.lead_ms, plan.out, own.encoding
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


def _engines(
    given: argparse.Namespace, environ: Mapping[str, str], cwd: Path, settings: Settings
) -> tuple[ChosenEngine, ...]:
    return load_engines(settings, environ, cwd, options_of(given))


def _open_report(where: str | None, stack: ExitStack) -> PendingFile | None:
    if where is None or where == "-":
        return None
    return stack.enter_context(PendingFile(Path(where)))


def _complain(text: str, kind: str = "error") -> None:
    sys.stderr.write(f"trioaudio: {kind}: {text}\n")
    sys.stderr.flush()
