"""The simulated carrier's process: from the options to the report and the exit code."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import ssl
import sys
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import trio

from trioaudio.core.errors import (
    ConfigError,
    LegLostError,
    LegRefusedError,
    OutputError,
    TrioaudioError,
)
from trioaudio.simulators import dialect
from trioaudio.simulators.arrivals import Arrivals
from trioaudio.simulators.call import Closed, SimulatedCall
from trioaudio.simulators.callee import Callee
from trioaudio.simulators.caller import script
from trioaudio.simulators.connection import (
    Link,
    Target,
    converse,
    dial,
    hold,
    listen,
    shake_as_client,
    shake_as_server,
    url_of,
)
from trioaudio.simulators.ending import (
    Ending,
    read_stdin_line,
    stdin_is_watchable,
    wait_signalled,
    wait_stdin_closed,
)
from trioaudio.simulators.faults import Strikes
from trioaudio.simulators.groups import first_of
from trioaudio.simulators.options import Dialect, Options, PlayMode
from trioaudio.simulators.playout import Playout
from trioaudio.simulators.wire import Wire
from trioaudio.wav_file import WavFile

NO_CONNECTION = 5
NOT_WRITTEN = 6
_WRONG_USAGE = 2
_PATIENCE_SECONDS = 10


def run(options: Options) -> int:
    """Simulate a carrier until its call is over; print the report; return the exit code."""
    ending = Ending()
    try:
        with contextlib.ExitStack() as stack:
            wav = None
            if options.out is not None:
                wav = stack.enter_context(WavFile(options.out, options.pcm.sample_rate))
            call = _new_call(options, wav)
            failure = trio.run(_take_calls, options, call, ending)
            call.playout.finish(time.monotonic())
            if failure is not None and (not call.connections or isinstance(failure, OutputError)):
                raise failure
            if wav is not None and call.connections:
                wav.finish()
    except TrioaudioError as exc:
        return _fail(exc)
    heard = options.out is not None and call.connections
    _print({**call.report(), "out": str(options.out) if heard else None})
    if failure is not None:
        return _fail(failure)
    return 0 if ending.by_signal is None else 128 + ending.by_signal


def _fail(exc: TrioaudioError) -> int:
    sys.stderr.write(f"trioaudio simulate carrier: {exc}\n")
    match exc:
        case OutputError():
            return NOT_WRITTEN
        case ConfigError():
            return _WRONG_USAGE
        case _:
            return NO_CONNECTION


def _new_call(options: Options, wav: WavFile | None) -> SimulatedCall:
    rate = options.pcm.sample_rate
    callee = Callee(wav)
    cuts = options.play_mode is PlayMode.CUT
    if options.dialect is Dialect.TELECMI:
        read = dialect.telecmi(options.pcm)
    else:
        read = dialect.raw(options.pcm, options.clear_message, options.end_message)
    return SimulatedCall(
        dialect=options.dialect.value,
        pcm=options.pcm,
        read=read,
        arrivals=Arrivals(rate, options.lead_ms / 1000),
        callee=callee,
        playout=Playout(rate, callee, cuts, 0.0 if cuts else options.jitter_ms / 1000),
        tell=_print_event if options.events else _keep_quiet,
        plays=not options.faults.reject_silently,
    )


async def _take_calls(
    options: Options, call: SimulatedCall, ending: Ending
) -> TrioaudioError | None:
    """Do what the role asks until the call is over; return what went wrong."""
    failures: list[TrioaudioError] = []
    signals = (signal.SIGTERM,) if options.child else (signal.SIGTERM, signal.SIGINT)
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(wait_signalled, ending, signals)
            url = await _url(options, ending)
            if options.watch_stdin and stdin_is_watchable():
                nursery.start_soon(_leave_with_parent, call, nursery.cancel_scope)
            if options.listen is not None:
                await _answer(options, options.listen, call, ending)
            elif url is not None:
                await _dial(options, _target(options, url), call, ending)
            nursery.cancel_scope.cancel()
    except* TrioaudioError as group:
        failures.append(first_of(group))
    return failures[0] if failures else None


async def _leave_with_parent(call: SimulatedCall, scope: trio.CancelScope) -> None:
    await wait_stdin_closed()
    call.disconnected(time.monotonic(), Closed(1006, "stdin was closed", "carrier"))
    scope.cancel()


async def _url(options: Options, ending: Ending) -> str | None:
    """Return the URL to dial; None when listening, or told to end before it was known."""
    if not options.url_from_stdin:
        return options.dial
    with ending.interrupted():
        line = await read_stdin_line()
        if not line:
            raise ConfigError("--url-from-stdin: stdin ended without a URL in its first line")
        return line
    return None


def _target(options: Options, url: str) -> Target:
    try:
        tls = ssl.create_default_context(cafile=options.tls_ca) if options.tls_ca else None
    except OSError as exc:
        raise ConfigError(f"--tls-ca {options.tls_ca}: {exc.strerror or exc}") from exc
    return Target(url, options.headers, tls)


async def _dial(options: Options, target: Target, call: SimulatedCall, ending: Ending) -> None:
    """Dial, and dial again after a loss where that was asked for."""
    strikes = Strikes(options.faults)
    wait = options.faults.redial_after_seconds
    shake = partial(shake_as_client, target)
    while True:
        wire: Wire | None = None
        with ending.interrupted():
            wire = await (_dial_patiently(target) if options.patient else dial(target))
        if wire is None:
            return
        closed = await hold(wire, shake, _conversation(options, call, strikes, ending), ending)
        if closed is None or closed.in_order or wait is None:
            return
        with ending.interrupted():
            await trio.sleep(wait)


async def _dial_patiently(target: Target) -> Wire:
    give_up = trio.current_time() + _PATIENCE_SECONDS
    wait = 0.05
    while True:
        try:
            return await dial(target)
        except LegLostError:
            if trio.current_time() > give_up:
                raise
        await trio.sleep(wait)
        wait = min(0.5, 2 * wait)


async def _answer(
    options: Options, address: tuple[str, int], call: SimulatedCall, ending: Ending
) -> None:
    """Take one connection after the other until one ends in order."""
    strikes = Strikes(options.faults)
    shake = partial(shake_as_server, options.headers)
    async with await listen(address) as listener:
        _tell_url(options, call, url_of(listener))
        while True:
            wire: Wire | None = None
            with ending.interrupted():
                wire = Wire(await listener.accept())
            if wire is None:
                return
            conversation = _conversation(options, call, strikes, ending)
            try:
                closed = await hold(wire, shake, conversation, ending)
            except (LegLostError, LegRefusedError):
                continue  # somebody who does not want this call, such as a port scanner
            if closed is None or closed.in_order:
                return


def _conversation(
    options: Options, call: SimulatedCall, strikes: Strikes, ending: Ending
) -> Callable[[Link], Awaitable[Closed]]:
    async def conversation(link: Link) -> Closed:
        call.connected(time.monotonic(), link.wire.peer)
        return await converse(link, call, script(options), strikes, ending)

    return conversation


def _tell_url(options: Options, call: SimulatedCall, url: str) -> None:
    if options.events:
        call.tell("listening", {"url": url})
    else:
        sys.stderr.write(f"{url}\n")
        sys.stderr.flush()


def _print_event(name: str, more: dict[str, Any]) -> None:
    _print({"event": name, **more})


def _keep_quiet(name: str, more: dict[str, Any]) -> None:
    del name, more


def _print(value: dict[str, Any]) -> None:
    try:
        sys.stdout.write(json.dumps(value) + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        # The parent is gone, and there is nobody to tell. Python tries again at its exit, and
        # must not fail then.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
