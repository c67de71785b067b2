"""The text of an utterance that is still being written: appended here, taken by the engine's side.

What is not taken waits, in a bounded amount: beyond the first bound the author is told to
pause, beyond the second a further piece is refused. Nothing is dropped.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import attrs
import trio

from trioaudio.api.request_error import RequestError, RequestFault
from trioaudio.core.speech import FLUSH


@attrs.frozen
class TextLimits:
    """Characters of one open utterance that may wait."""

    pause_above: int = 2000
    refuse_above: int = 20_000

    @property
    def resume_below(self) -> int:
        """When the author, told to pause, is told to go on."""
        return self.pause_above // 2


def _ignore(_paused: bool) -> None:  # noqa: FBT001  its one argument
    """Take no interest."""


@attrs.define(eq=False)
class TextFeed:
    """An AsyncIterable of pieces; `on_paused` is told when the author should pause or may go on."""

    limits: TextLimits
    on_paused: Callable[[bool], None]
    waiting: int = 0
    """Characters not taken yet."""
    characters: int = 0
    """Accepted in all."""
    paused: bool = False
    closed: bool = False
    _pieces: deque[str] = attrs.field(factory=deque)
    _came: trio.Event = attrs.field(factory=trio.Event)

    def append(self, text: str) -> None:
        """Take more text. RequestError when it is closed, or too much waits."""
        if self.closed:
            raise RequestError(
                RequestFault.CONFLICT, "the utterance's text is closed; say another one"
            )
        if self.waiting and self.waiting + len(text) > self.limits.refuse_above:
            raise RequestError(
                RequestFault.FULL,
                f"{self.waiting} characters of this utterance wait to be said, and no more than"
                f" {self.limits.refuse_above} may; append the rest after text.resumed",
                retry_after_s=1.0,
            )
        if not text:
            return
        self._pieces.append(text)
        self.waiting += len(text)
        self.characters += len(text)
        self._came.set()
        if not self.paused and self.waiting > self.limits.pause_above:
            self.paused = True
            self.on_paused(True)  # noqa: FBT003  its one argument

    def flush(self) -> None:
        """Have what was appended so far spoken, though no sentence has ended."""
        if not self.closed and (not self._pieces or self._pieces[-1] is not FLUSH):
            self._pieces.append(FLUSH)
            self._came.set()

    def let_go(self) -> None:
        """Tell nobody any more: the utterance is complete."""
        self.close()
        self.on_paused = _ignore

    def close(self) -> None:
        """End the text."""
        self.closed = True
        self._came.set()

    def __aiter__(self) -> TextFeed:
        """Return itself."""
        return self

    async def __anext__(self) -> str:
        """Return the next piece, when there is one."""
        while not self._pieces:
            if self.closed:
                raise StopAsyncIteration
            self._came = trio.Event()
            await self._came.wait()
        piece = self._pieces.popleft()
        self.waiting -= len(piece)
        if self.paused and self.waiting < self.limits.resume_below:
            self.paused = False
            self.on_paused(False)  # noqa: FBT003  its one argument
        await trio.lowlevel.checkpoint_if_cancelled()
        return piece
