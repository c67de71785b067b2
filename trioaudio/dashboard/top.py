"""`trioaudio top`: which daemons, which kind of terminal, and how it ends."""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path

import trio

from trioaudio.client import Client
from trioaudio.client_verbs.running import code_of, complain, until_signal
from trioaudio.client_verbs.surroundings import new_client
from trioaudio.core.errors import ConfigError, TrioaudioError
from trioaudio.core.exit_code import ExitCode
from trioaudio.dashboard.link import Link
from trioaudio.dashboard.live import LiveView
from trioaudio.dashboard.nodes import Fleet, Node
from trioaudio.dashboard.palette import palette_of
from trioaudio.dashboard.plain import print_again, print_once
from trioaudio.dashboard.terminal import Terminal
from trioaudio.dashboard.view_state import ViewState
from trioaudio.lone_error import lone_error
from trioaudio.observe.live_picture import ASCII, UNICODE, Glyphs


def top(given: argparse.Namespace, environ: Mapping[str, str], cwd: Path) -> int:
    """Show it until the person quits, or once; return the exit code."""
    try:
        with lone_error():
            return trio.run(_run, given, environ, cwd)
    except ConfigError as exc:
        for problem in exc.problems:
            complain(problem)
        return ExitCode.USAGE
    except TrioaudioError as exc:
        complain(str(exc))
        return code_of(exc)


async def _run(given: argparse.Namespace, environ: Mapping[str, str], cwd: Path) -> int:
    glyphs = glyphs_for(environ)
    state = ViewState(sort=given.sort, reverse=given.reverse, needle=given.filter)
    async with AsyncExitStack() as stack:
        clients: dict[str, Client] = {}
        for client in _new_clients(given, environ, cwd):
            clients[client.link.endpoint.shown] = await stack.enter_async_context(client)
        fleet = Fleet([Node(name) for name in clients])
        on_terminal = sys.stdout.isatty()
        dumb = environ.get("TERM", "") in {"", "dumb", "unknown"}
        if given.once or not (on_terminal or given.plain):
            return await print_once(fleet, clients, state, glyphs, wall)
        if given.plain or dumb:
            code: int = await until_signal(
                lambda: print_again(fleet, clients, state, glyphs, wall, given.interval)
            )
            return code
        return await _show(fleet, clients, state, glyphs, environ, given.interval)
    raise AssertionError("a view returns or raises")


async def _show(
    fleet: Fleet,
    clients: Mapping[str, Client],
    state: ViewState,
    glyphs: Glyphs,
    environ: Mapping[str, str],
    interval_s: float,
) -> int:
    keyboard = sys.stdin.fileno() if sys.stdin.isatty() else None
    view = LiveView(
        fleet=fleet,
        clients=clients,
        state=state,
        terminal=Terminal(sys.stdout.fileno(), keyboard),
        palette=palette_of(environ),
        glyphs=glyphs,
        wall=wall,
    )
    for node in fleet.nodes:
        view.links.append(
            Link(
                node=node,
                fleet=fleet,
                client=clients[node.name],
                interval_s=interval_s,
                in_sight=view.in_sight_of,
                wall=wall,
                draw=random.random,  # noqa: TID251  the edge is here
                on_change=view.note_change,
            )
        )
    return await _until_ended(view.run)


async def _until_ended(run: Callable[[Callable[[int], None]], Awaitable[None]]) -> int:
    """Run the view; return 0, or 128 and the number of the signal that ended it."""
    code = 0

    def end(number: int) -> None:
        nonlocal code
        code = 128 + number

    await run(end)
    return code


def _new_clients(
    given: argparse.Namespace, environ: Mapping[str, str], cwd: Path
) -> Sequence[Client]:
    urls: list[str | None] = list(dict.fromkeys(given.control or ())) or [None]
    files: list[Path | None] = given.token_file or [None]
    if len(files) == 1:
        files = files * len(urls)
    if len(files) != len(urls):
        raise ConfigError(
            f"{len(files)} --token-file for {len(urls)} daemons: give one for all, or one for each"
        )
    return [
        new_client(argparse.Namespace(control=url, token_file=file), environ, cwd)
        for url, file in zip(urls, files, strict=True)
    ]


def glyphs_for(environ: Mapping[str, str]) -> Glyphs:
    """Return the marks that can be written to standard output."""
    encoding = (sys.stdout.encoding or "").lower()
    plain = not encoding.startswith("utf") or environ.get("LC_ALL") in {"C", "POSIX"}
    return ASCII if plain else UNICODE


def wall() -> float:
    """Return the time in seconds since 1970."""
    return datetime.now(tz=UTC).timestamp()
