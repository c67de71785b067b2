"""`trioaudio say CALL TEXT|-`: something said on a call of the daemon."""

from __future__ import annotations

import argparse
import codecs
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Self

import trio

from trioaudio.api.events import UtteranceCompleted
from trioaudio.client import Call, Client, OpenUtterance, ProblemError, Utterance
from trioaudio.client.options import SayOptions
from trioaudio.client_verbs.running import code_of_cause, complain, run_verb, until_signal
from trioaudio.core.errors import TextError
from trioaudio.core.exit_code import ExitCode
from trioaudio.pending_file import write_stdout

STDIN: Final = 0
_READ_BYTES: Final = 64 * 1024
_STOP_S: Final = 2.0


class StdinText:
    """Iterates over standard input as it comes, however it is cut; TextError."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._ended = False

    def __aiter__(self) -> Self:
        """Return itself."""
        return self

    async def __anext__(self) -> str:
        """Return the next piece."""
        while not self._ended:
            try:
                # It may be a file, which epoll refuses; the thread only waits.
                data = await trio.to_thread.run_sync(
                    os.read, STDIN, _READ_BYTES, abandon_on_cancel=True
                )
            except OSError as exc:
                raise TextError(f"standard input cannot be read: {exc.strerror or exc}") from exc
            self._ended = not data
            piece = self._decoder.decode(data, final=self._ended)
            if piece:
                return piece
        raise StopAsyncIteration


def say_on_call(given: argparse.Namespace, environ: Mapping[str, str], cwd: Path) -> int:
    """Say the text; return the exit code."""
    options = SayOptions(
        voice=given.voice,
        language=given.language,
        priority=given.priority,
        interruptible=given.interruptible,
        then=given.then,
    )
    if given.engine:
        options["engines"] = [each for name in given.engine.split(",") if (each := name.strip())]

    async def work(client: Client) -> int:
        async with client.stream() as stream:
            return await say_text(stream.call(given.call), given.text, options, wait=given.wait)

    return run_verb(work, given, environ, cwd)


async def say_text(call: Call, text: str, options: SayOptions, *, wait: bool) -> int:
    """Say a text, or standard input for -, and print the utterance's number."""
    if text == "-":
        return await _say_stdin(call, options, wait=wait)
    utterance = await call.say(text, **options)
    write_stdout(f"{utterance.number}\n")
    return await until_signal(lambda: _wait(utterance)) if wait else ExitCode.SAID


async def _say_stdin(call: Call, options: SayOptions, *, wait: bool) -> int:
    opened = call.open(**options)

    async def work() -> int:
        async with opened:
            write_stdout(f"{opened.number}\n")
            await _feed(opened)
        return await _wait(opened.utterance) if wait or opened.over else ExitCode.SAID

    code = await until_signal(work)
    if code > 128:  # by a signal: nobody wants to hear the rest
        with trio.move_on_after(_STOP_S):
            await opened.utterance.stop()
    return code


async def _feed(opened: OpenUtterance) -> None:
    try:
        async for piece in StdinText():
            await opened.append(piece)
    except ProblemError:
        if not opened.over:
            raise


async def _wait(utterance: Utterance) -> int:
    return tell_end(await utterance.wait())


def tell_end(done: UtteranceCompleted) -> int:
    """Complain if an utterance was not heard to its end; return the exit code."""
    code = code_of_cause(done.cause)
    if code:
        of = len(done.text_heard) + len(done.text_unheard)
        why = f"{done.cause}: {done.error}" if done.error else done.cause
        complain(
            f"utterance {done.utterance}: {len(done.text_heard)} of {of} characters heard; {why}"
        )
    return code
