"""The drawing process: JSON lines on standard input, a picture on the terminal (standard error).

Drawing blocks, for ten milliseconds on a good terminal and for ever on a stopped one; so it is
done here and not where audio is paced. `view_process` starts this program and feeds it.

A line is a `snapshot` (the newest counts; older ones are skipped), a `log` (one line, printed above
the picture) or the `final` report (takes the picture's place and ends the program). The end of
input without a report leaves the screen clean.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import select
import signal
import sys
import time
from types import FrameType
from typing import TYPE_CHECKING

import attrs

from trioaudio.observe.figures import Values, part, printable, words

if TYPE_CHECKING:
    from rich.console import Console
    from rich.live import Live

    from trioaudio.observe.live_picture import Glyphs

_REDRAW_SECONDS = 0.1
_NICE = 10  # the pacer and the engine go first
_READ_BYTES = 1 << 16


@attrs.define(eq=False)
class Feed:
    """The lines of a file descriptor, as they come."""

    source: int
    rest: bytes = b""
    ended: bool = False

    def wait(self, seconds: float | None) -> list[Values]:
        """Return what has come; nothing after `seconds`, or at the end of input."""
        if not select.select([self.source], [], [], seconds)[0]:
            return []
        data = os.read(self.source, _READ_BYTES)
        self.ended = not data
        *lines, self.rest = (self.rest + data).split(b"\n")
        return [message for line in lines if (message := _parse(line)) is not None]


def _parse(line: bytes) -> Values | None:
    try:
        message = json.loads(line)
    except ValueError:
        return None
    return message if isinstance(message, dict) else None


@attrs.define(eq=False)
class Screen:
    """The terminal: the newest snapshot below, log lines above it."""

    console: Console
    live: Live
    snapshot: Values | None = None
    drawn: Values | None = None
    drawn_at: float = 0.0

    def redraw_in(self) -> float | None:
        """Return the seconds until a redraw is due; None if nothing changed."""
        if self.snapshot is None or self.snapshot == self.drawn:
            return None
        return max(0.0, self.drawn_at + _REDRAW_SECONDS - time.monotonic())

    def redraw(self) -> None:
        """Draw the newest snapshot."""
        from rich.console import Group  # noqa: PLC0415

        from trioaudio.observe.live_picture import picture  # noqa: PLC0415

        if self.snapshot is None:
            return
        width, height = self.console.size
        # the last column and the last row stay free: writing there scrolls or wraps some terminals
        lines = picture(self.snapshot, max(1, width - 1), max(1, height - 1), _glyphs(self.console))
        self.live.update(Group(*lines), refresh=True)
        self.drawn, self.drawn_at = self.snapshot, time.monotonic()

    def take(self, messages: list[Values]) -> Values | None:
        """Keep the newest snapshot, print log lines; return the final report if it came."""
        logged: list[str] = []
        final = None
        for message in messages:
            match message.get("type"):
                case "snapshot":
                    self.snapshot = message
                case "log":
                    logged += str(message.get("line", "")).splitlines()
                case "final":
                    final = message
        if logged:
            self._print(logged)
        return final

    def _print(self, lines: list[str]) -> None:
        from rich.text import Text  # noqa: PLC0415

        texts = [Text.from_ansi(line) for line in lines]
        for text in texts:
            text.plain = printable(text.plain)
        self.console.print(*texts, sep="\n", soft_wrap=True)  # one redraw below them, not many


def _glyphs(console: Console) -> Glyphs:
    from trioaudio.observe.live_picture import ASCII, UNICODE  # noqa: PLC0415

    plain = not console.encoding.lower().startswith("utf") or os.environ.get("LC_ALL") in {
        "C",
        "POSIX",
    }
    return ASCII if plain else UNICODE


def watch(console: Console, feed: Feed) -> Values | None:
    """Draw until the final report comes, and return it; None if input ends without one."""
    from rich.live import Live  # noqa: PLC0415

    with Live(
        console=console,
        auto_refresh=False,
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
    ) as live:
        screen = Screen(console, live)
        while not feed.ended:
            final = screen.take(feed.wait(screen.redraw_in()))
            if final is not None:
                return final
            if screen.redraw_in() == 0.0:
                screen.redraw()
    return None


def conclude(console: Console, final: Values) -> None:
    """Print the final table, the files written and the problem, if there was one."""
    from rich.text import Text  # noqa: PLC0415

    from trioaudio.observe.summary import summary_table  # noqa: PLC0415

    console.print(summary_table(part(final, "report"), console.width))
    files = _files(final)
    width = max((len(label) for label, _ in files), default=0)
    for label, path in files:
        line = Text.assemble((f"{label:{width}}  ", "dim"), path)
        console.print(line, soft_wrap=True)  # unbroken, to be copied
    if problem := words(final, "problem"):
        console.print(Text(problem, style="bold red"), soft_wrap=True)


def _files(final: Values) -> list[tuple[str, str]]:
    files = final.get("files")
    pairs = files if isinstance(files, list) else []
    return [
        (printable(str(pair[0])), printable(str(pair[1])))
        for pair in pairs
        if isinstance(pair, list) and len(pair) == 2
    ]


def _leave(_signal: int, _frame: FrameType | None) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # once: the way out restores the terminal
    raise SystemExit(0)


def _trust_the_terminal() -> None:
    """Forget the size a shell exported once, if the terminal knows its own."""
    with contextlib.suppress(OSError):
        if all(os.get_terminal_size(sys.stderr.fileno())):
            os.environ.pop("COLUMNS", None)
            os.environ.pop("LINES", None)


def main() -> int:
    """Draw what comes on standard input."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides and closes our input
    signal.signal(signal.SIGTERM, _leave)
    os.nice(_NICE)
    _trust_the_terminal()
    from rich.console import Console  # noqa: PLC0415  # after the signals: it takes a while

    if isinstance(sys.stderr, io.TextIOWrapper):
        sys.stderr.reconfigure(errors="replace")
    console = Console(stderr=True, highlight=False, markup=False)
    try:
        final = watch(console, Feed(sys.stdin.fileno()))
        if final is not None:
            conclude(console, final)
    except OSError:
        return 1  # the terminal went away: nobody is there to be told
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
