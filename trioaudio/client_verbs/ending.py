"""`trioaudio stop` and `trioaudio hangup`."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

from trioaudio.client import Client
from trioaudio.client_verbs.running import run_verb
from trioaudio.core.exit_code import ExitCode
from trioaudio.pending_file import write_stdout


def stop(given: argparse.Namespace, environ: Mapping[str, str], cwd: Path) -> int:
    """Drop utterances and print their numbers; return the exit code."""

    async def work(client: Client) -> int:
        dropped = await client.call(given.call).stop(*given.utterances)
        write_stdout("".join(f"{each}\n" for each in dropped.utterances))
        return ExitCode.SAID

    return run_verb(work, given, environ, cwd)


def hang_up(given: argparse.Namespace, environ: Mapping[str, str], cwd: Path) -> int:
    """End a call; return the exit code."""

    async def work(client: Client) -> int:
        await client.call(given.call).hang_up("after-played" if given.after_played else "now")
        return ExitCode.SAID

    return run_verb(work, given, environ, cwd)
