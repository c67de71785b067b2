"""The same picture as bare lines: once, for a program or a file, or again and again."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping

import trio

from trioaudio.client import Client, ClientError
from trioaudio.client_verbs.running import code_of, complain
from trioaudio.core.exit_code import ExitCode
from trioaudio.dashboard.cells import text_of
from trioaudio.dashboard.columns import Sight
from trioaudio.dashboard.link import look_once
from trioaudio.dashboard.nodes import Fleet, Node
from trioaudio.dashboard.picture import draw_list
from trioaudio.dashboard.terminal import size_of
from trioaudio.dashboard.view_state import ViewState
from trioaudio.observe.live_picture import Glyphs
from trioaudio.pending_file import write_stdout

WIDE = 200
"""Columns of what is no terminal."""


async def print_once(
    fleet: Fleet,
    clients: Mapping[str, Client],
    state: ViewState,
    glyphs: Glyphs,
    wall: Callable[[], float],
) -> int:
    """Print all calls; return the exit code, that of a daemon which did not answer if one did not.

    OutputError when nobody takes what is printed.
    """
    codes = await _look_at_each(fleet, clients, wall)
    write_stdout(_page(fleet, state, glyphs, wall()))
    return max(codes, default=ExitCode.SAID)


async def print_again(
    fleet: Fleet,
    clients: Mapping[str, Client],
    state: ViewState,
    glyphs: Glyphs,
    wall: Callable[[], float],
    interval_s: float,
) -> int:
    """Print all calls, again and again, until cancelled."""
    while True:
        await _look_at_each(fleet, clients, wall)
        write_stdout(_page(fleet, state, glyphs, wall()) + "\n")
        await trio.sleep(interval_s)


async def _look_at_each(
    fleet: Fleet, clients: Mapping[str, Client], wall: Callable[[], float]
) -> list[int]:
    codes = []

    async def look(node: Node) -> None:
        try:
            await look_once(node, clients[node.name], wall())
        except ClientError as exc:
            node.fall_silent(str(exc))
            complain(f"{node.name}: {exc}")
            codes.append(int(code_of(exc)))

    async with trio.open_nursery() as nursery:
        for node in fleet.nodes:
            nursery.start_soon(look, node)
    return codes


def _page(fleet: Fleet, state: ViewState, glyphs: Glyphs, wall: float) -> str:
    width = size_of(sys.stdout.fileno())[0] if sys.stdout.isatty() else _told_width()
    shown = draw_list(fleet, state, width, Sight(trio.current_time(), wall, glyphs))
    lines = [text_of(line).rstrip() for line in shown]
    return "".join(f"{line}\n" for line in lines)


def _told_width() -> int:
    told = os.environ.get("COLUMNS", "")
    return int(told) if told.isascii() and told.isdigit() and 20 <= int(told) <= 1000 else WIDE
