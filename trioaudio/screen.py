"""What a person sees of a one-shot call: the live view on a terminal, plain lines elsewhere.

The live view is drawn by another process. Log lines go to it while it draws, else to standard
error.
"""

from __future__ import annotations

import sys
from bisect import bisect_right
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import ExitStack, asynccontextmanager
from typing import TYPE_CHECKING

import attrs
import trio

from trioaudio.core.carrier import CallerAudio, Event
from trioaudio.core.facts import Fact
from trioaudio.core.speech import SpokenWord
from trioaudio.observe.fact_log import log_event, log_fact
from trioaudio.observe.log_file import Rotation
from trioaudio.observe.logs import get_logger, open_logging
from trioaudio.observe.summary import summary_lines
from trioaudio.observe.view_process import LiveView, open_live_view, should_draw
from trioaudio.pending_file import write_stdout
from trioaudio.plan import Ended, Plan
from trioaudio.settings import secret_values

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger


@attrs.define(eq=False)
class TextProgress:
    """How far into the text the speech is, by the engine's word timings."""

    _at_ms: list[float] = attrs.field(factory=list)
    _ends: list[int] = attrs.field(factory=list)

    def add_word(self, word: SpokenWord) -> None:
        """Take a word; they come in order."""
        self._at_ms.append(word.at_ms)
        self._ends.append(word.start + word.length)

    def characters_at(self, played_ms: float) -> int:
        """Return how many characters were begun when so much audio has been played."""
        count = bisect_right(self._at_ms, played_ms)
        return self._ends[count - 1] if count and played_ms > 0 else 0


class Screen:
    """Tells a person what happens. Nothing here waits, except `conclude`."""

    def __init__(self, plan: Plan, view: LiveView | None, log: FilteringBoundLogger) -> None:
        self._plan = plan
        self._view = view
        self._log = log
        self.progress = TextProgress()

    @property
    def draws(self) -> bool:
        """Whether there is a live view to feed."""
        return self._view is not None and self._view.alive

    def show(self, snapshot: Mapping[str, object]) -> None:
        """Draw a snapshot when there is time."""
        if self._view is not None:
            self._view.show(snapshot)

    def warn(self, text: str) -> None:
        """Tell of something odd that was put up with."""
        self._log.warning(text)

    def tell(self, fact: Fact) -> None:
        """Tell of a rare occurrence."""
        log_fact(self._log, fact)

    def carrier_said(self, event: Event) -> None:
        """Tell of what the carrier reported, except its audio."""
        if not isinstance(event, CallerAudio):
            log_event(self._log, event)

    def announce(self, url: str, *, on_stdout: bool) -> None:
        """Print the URL a carrier has to dial on a line of its own. OutputError."""
        if on_stdout:
            write_stdout(f"{url}\n")
        else:
            sys.stderr.write(f"{url}\n")
            sys.stderr.flush()

    async def conclude(self, ended: Ended) -> None:
        """Put the figures on the screen: the live view's last picture, or plain lines.

        OutputError when standard output takes nothing.
        """
        if ended.report is None:
            return
        files = [("heard by the far end" if self._heard else "sent", str(ended.out))]
        drawn = False
        if self._view is not None:
            drawn = await self._view.finish(ended.report, files if ended.out else [])
        if not drawn:
            lines = summary_lines(ended.report)
            lines += [f"{label}: {path}" for label, path in files if ended.out]
            text = "\n".join(lines) + "\n"
            if self._plan.report_on_stdout:
                sys.stderr.write(text)
            else:
                write_stdout(text)

    @property
    def _heard(self) -> bool:
        return self._plan.settings.url is None and self._plan.settings.listen is None


@asynccontextmanager
async def open_screen(plan: Plan) -> AsyncIterator[Screen]:
    """Open the live view if there is a terminal for it, and logging either way."""
    settings = plan.settings
    secrets = secret_values(
        settings, plan.carrier_settings, *(each.settings for each in plan.engines)
    )
    rotation = Rotation(settings.log_file_mb * 1_000_000, settings.log_files)
    drawing = not plan.plain and should_draw(sys.stderr)
    if not drawing:
        with ExitStack() as stack:
            stack.enter_context(
                open_logging(
                    settings.log_level,
                    settings.log_format,
                    settings.log_file,
                    secrets=secrets,
                    rotation=rotation,
                )
            )
            yield Screen(plan, None, get_logger("trioaudio"))
        return
    async with open_live_view() as view:
        with open_logging(
            settings.log_level,
            settings.log_format,
            settings.log_file,
            console=_from_thread(view.log),
            secrets=secrets,
            rotation=rotation,
        ):
            yield Screen(plan, view, get_logger("trioaudio"))
    for line in [view.owed, *view.unshown()]:
        if line:
            sys.stderr.write(f"{line}\n")


def _from_thread(log: Callable[[str], None]) -> Callable[[str], None]:
    """Log lines are made by a thread; the view belongs to Trio's."""
    token = trio.lowlevel.current_trio_token()

    def console(line: str) -> None:
        try:
            token.run_sync_soon(log, line)
        except trio.RunFinishedError:
            sys.stderr.write(f"{line}\n")

    return console
