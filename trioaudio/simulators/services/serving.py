"""A simulated service's process: from the options to the summary and the exit code."""

from __future__ import annotations

import json
import os
import signal
import sys

import attrs
import trio

from trioaudio.core.errors import TrioaudioError
from trioaudio.core.exit_code import exit_code_for
from trioaudio.simulators.ending import (
    Ending,
    stdin_is_watchable,
    wait_signalled,
    wait_stdin_closed,
)
from trioaudio.simulators.groups import first_of
from trioaudio.simulators.services.options import ServeOptions
from trioaudio.simulators.services.service import open_service
from trioaudio.simulators.services.studio import ServiceStatistics


def run(options: ServeOptions) -> int:
    """Serve until told to end; print the summary; return the exit code."""
    failure: TrioaudioError | None = None
    try:
        statistics = trio.run(_serve, options)
        _print(attrs.asdict(statistics))
    except* TrioaudioError as group:
        failure = first_of(group)
    if failure is None:
        return 0
    sys.stderr.write(f"trioaudio simulate {options.kind.name}: {failure}\n")
    return exit_code_for(failure)


async def _serve(options: ServeOptions) -> ServiceStatistics:
    ending = Ending()
    signals = (signal.SIGTERM,) if options.child else (signal.SIGTERM, signal.SIGINT)
    opening = open_service(options.kind.name, options.service, host=options.host, port=options.port)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait_signalled, ending, signals)
        async with opening as service:
            _print({"event": "listening", "service": options.kind.name, **service.urls})
            with ending.interrupted():
                if options.watch_stdin and stdin_is_watchable():
                    await wait_stdin_closed()
                else:
                    await trio.sleep_forever()
            statistics = service.statistics()
        nursery.cancel_scope.cancel()
    return statistics


def _print(value: object) -> None:
    try:
        sys.stdout.write(json.dumps(value) + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        # The parent is gone, and there is nobody to tell. Python tries again at its exit, and
        # must not fail then.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
