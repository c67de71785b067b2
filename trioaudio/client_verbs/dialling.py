"""`trioaudio dial` through the daemon that runs."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from trioaudio.api.commands import Say
from trioaudio.api.events import CallEnded
from trioaudio.api.requests import NewCall
from trioaudio.api.shapes import CallCause
from trioaudio.client import Call, Client, Stream
from trioaudio.client.options import SayOptions
from trioaudio.client_verbs.running import code_of_cause, complain, run_verb, until_signal
from trioaudio.client_verbs.saying import say_text
from trioaudio.core.errors import ConfigError
from trioaudio.core.exit_code import ExitCode
from trioaudio.pending_file import write_stdout

ALONE: Final = (
    "public_url",
    "answer_url",
    "answer_listen",
    "lead_ms",
    "transfer_to",
    "out",
    "no_out",
    "report",
    "play",
    "plain",
    "log_level",
)
"""Options of a call that is made without a daemon."""
_AS_MEANT: Final[frozenset[CallCause]] = frozenset(
    {"hung-up", "far-end", "transferred", "stream-ended"}
)


def dial_by_daemon(given: argparse.Namespace, environ: Mapping[str, str], cwd: Path) -> int:
    """Place a call and print its id; return the exit code."""

    async def work(client: Client) -> int:
        wanted = _wanted(given)
        async with client.stream() as stream:
            await stream.subscribe(events=["call.ended"])
            call = await stream.create(wanted)
            write_stdout(f"{call.id}\n")
            code = 0
            if given.text == "-":
                code = await say_text(call, "-", _options(given), wait=given.wait)
            if code or not given.wait:
                return code
            return await until_signal(lambda: _wait_over(stream, call))

    return run_verb(work, given, environ, cwd)


def _wanted(given: argparse.Namespace) -> NewCall:
    for name in ALONE:
        if getattr(given, name):
            option = f"--{name.replace('_', '-')}"
            raise ConfigError(f"{option} is for a call without a daemon: give --listen too")
    if given.rate is not None and not given.rate.isdecimal():
        raise ConfigError(f"--rate {given.rate!r} is no number of hertz")
    said = given.text not in {None, "-"}
    return NewCall(
        to=given.to,
        carrier=given.carrier,
        caller_id=given.caller_id,
        sample_rate=None if given.rate is None else int(given.rate),
        voice=given.voice,
        language=given.language,
        first=[Say(text=given.text, **_options(given))] if said else [],
    )


def _options(given: argparse.Namespace) -> SayOptions:
    options = SayOptions(voice=given.voice, language=given.language, then="hang-up")
    if given.engine:
        options["engines"] = [each for name in given.engine.split(",") if (each := name.strip())]
    return options


async def _wait_over(stream: Stream, call: Call) -> int:
    async for event in stream:
        if isinstance(event, CallEnded) and event.call == call.id:
            return await _judge(event, call)
    raise AssertionError("a stream's events end by an error only")


async def _judge(ended: CallEnded, call: Call) -> int:
    for each in await call.utterances():
        if each.cause is not None and (code := code_of_cause(each.cause)):
            complain(f"the call is over ({ended.cause}), but not all was heard: {each.cause}")
            return code
    if ended.cause in _AS_MEANT:
        return ExitCode.SAID
    complain(f"the call is over: {ended.cause}: {ended.reason}")
    return ExitCode.BUG if ended.cause == "bug" else ExitCode.CARRIER
