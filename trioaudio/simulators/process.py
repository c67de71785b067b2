"""The simulated carrier's process: from the options to the report and the exit code."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import Sequence
from functools import partial
from typing import Any

import trio

from trioaudio.core.errors import ConfigError, OutputError, TrioaudioError
from trioaudio.simulators.answering import answer_calls
from trioaudio.simulators.call import SimulatedCall, Tell
from trioaudio.simulators.call_report import report, total
from trioaudio.simulators.dialling import dial_calls
from trioaudio.simulators.ending import (
    Ending,
    read_stdin_line,
    stdin_is_watchable,
    wait_signalled,
    wait_stdin_closed,
)
from trioaudio.simulators.groups import first_of
from trioaudio.simulators.metronome import Metronome
from trioaudio.simulators.options import Options
from trioaudio.simulators.place import Place, new_place
from trioaudio.wav_file import WavFile

NO_CONNECTION = 5
NOT_WRITTEN = 6
_WRONG_USAGE = 2


def run(options: Options) -> int:
    """Simulate a carrier until its calls are over; print the report; return the exit code."""
    ending = Ending()
    try:
        with contextlib.ExitStack() as stack:
            places = [_place(options, n + 1, stack) for n in range(options.calls)]
            trio.run(_take_calls, options, places, ending)
            for place in places:
                _finish(place)
    except TrioaudioError as exc:
        return _fail(exc)
    return _conclude(places, ending)


def _place(options: Options, number: int, stack: contextlib.ExitStack) -> Place:
    file = options.file(number)
    wav = None
    if file is not None:
        wav = stack.enter_context(WavFile(file, options.media.sample_rate))
    return new_place(options, number, wav, _tell(options, number))


def _finish(place: Place) -> None:
    """Play what is due still, and give the file its name, unless nobody was ever heard."""
    try:
        place.call.playout.finish(time.monotonic())
        if place.wav is not None and place.call.connections and not _not_written(place.call):
            place.wav.finish()
    except OutputError as exc:
        place.call.failure = exc


def _conclude(places: Sequence[Place], ending: Ending) -> int:
    """Print the report, where there is anything to report, and say what went wrong."""
    calls = [place.call for place in places]
    failures = [call.failure for call in calls if call.failure is not None]
    # One call alone has nothing to report when it was never connected, or lost its file.
    alone = len(calls) == 1
    if not (alone and failures and (not calls[0].connections or _not_written(calls[0]))):
        reports = [_report(place) for place in places]
        _print(reports[0] if alone else {"calls": reports, "total": total(calls, reports)})
    if failures:
        worst = next((each for each in failures if isinstance(each, OutputError)), failures[0])
        return _fail(worst)
    return 0 if ending.by_signal is None else 128 + ending.by_signal


def _report(place: Place) -> dict[str, Any]:
    heard = place.file is not None and place.call.connections and not _not_written(place.call)
    return {**report(place.call), "out": str(place.file) if heard else None}


def _not_written(call: SimulatedCall) -> bool:
    return isinstance(call.failure, OutputError)


def _fail(exc: TrioaudioError) -> int:
    sys.stderr.write(f"trioaudio simulate carrier: {exc}\n")
    match exc:
        case OutputError():
            return NOT_WRITTEN
        case ConfigError():
            return _WRONG_USAGE
        case _:
            return NO_CONNECTION


async def _take_calls(options: Options, places: Sequence[Place], ending: Ending) -> None:
    """Do what the role asks until the calls are over; what went wrong with one is in the call."""
    failures: list[TrioaudioError] = []
    signals = (signal.SIGTERM,) if options.child else (signal.SIGTERM, signal.SIGINT)
    metronome = Metronome()
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(wait_signalled, ending, signals)
            nursery.start_soon(metronome.run)
            if options.listen is not None:
                if options.watch_stdin:
                    nursery.start_soon(_leave_with_parent, nursery.cancel_scope)
                await answer_calls(places, partial(_tell_url, options), metronome, ending)
            else:
                await _dial_all(options, places, metronome, ending)
            nursery.cancel_scope.cancel()
    except* TrioaudioError as group:
        failures.append(first_of(group))
    if failures:
        raise failures[0]


async def _dial_all(
    options: Options, places: Sequence[Place], metronome: Metronome, ending: Ending
) -> None:
    """Begin every call at its time, and wait for all of them."""
    epoch = trio.current_time()
    async with trio.open_nursery() as leaving:
        if options.watch_stdin and not options.url_from_stdin:
            leaving.start_soon(_leave_with_parent, leaving.cancel_scope)
        async with trio.open_nursery() as calls:
            with ending.interrupted():
                for n, place in enumerate(places):
                    url = await _url(options, place)
                    if url is None:
                        leaving.cancel_scope.cancel()
                        break
                    await trio.sleep_until(epoch + n * options.call_every)
                    calls.start_soon(dial_calls, place, url, metronome, ending)
                if options.watch_stdin and options.url_from_stdin:
                    leaving.start_soon(_leave_with_parent, leaving.cancel_scope)
        leaving.cancel_scope.cancel()


async def _leave_with_parent(scope: trio.CancelScope) -> None:
    """Leave at once when stdin, if it is a pipe, is closed."""
    if stdin_is_watchable():
        await wait_stdin_closed()
        scope.cancel()


async def _url(options: Options, place: Place) -> str | None:
    """Return the URL a call dials; None when stdin ended before it, and so our parent has gone.

    ConfigError when nothing was ever said there.
    """
    if not options.url_from_stdin:
        return options.url(place.number)
    line = await read_stdin_line()
    if not line and place.number == 1:
        raise ConfigError("--url-from-stdin: stdin ended without a URL in its first line")
    return line


def _tell_url(options: Options, url: str) -> None:
    if options.events:
        _print({"event": "listening", "url": url})
    else:
        sys.stderr.write(f"{url}\n")
        sys.stderr.flush()


def _tell(options: Options, number: int) -> Tell:
    """Return what prints a call's events; several calls say which one it is."""
    which = {"call": number} if options.calls > 1 else {}

    def tell(name: str, more: dict[str, Any]) -> None:
        if options.events:
            _print({"event": name, **which, **more})

    return tell


def _print(value: dict[str, Any]) -> None:
    try:
        sys.stdout.write(json.dumps(value) + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        # The parent is gone, and there is nobody to tell. Python tries again at its exit, and
        # must not fail then.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
