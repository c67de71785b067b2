"""One utterance, and one whose text is still being written."""

from __future__ import annotations

from types import TracebackType
from typing import Final, Self, TypeVar

import anyio

from trioaudio.api.commands import Append, CallCommand, Close, Flush, Say, Stop
from trioaudio.api.events import UtteranceCompleted
from trioaudio.api.shapes import LONGEST_TEXT
from trioaudio.api.views import Accepted, Done, Dropped, Prepared, Reply, TextTaken
from trioaudio.client.call_wire import CallWire
from trioaudio.client.errors import ClientError, ProblemError, UnreachableError
from trioaudio.client.http_link import CLOSE_S

_OVER: Final = frozenset({"ended", "conflict", "not-found"})

R = TypeVar("R", Done, Accepted, TextTaken, Dropped, Prepared)


def expect(reply: Reply, wanted: type[R]) -> R:
    """Return a reply that is of the kind it has to be."""
    if not isinstance(reply, wanted):
        raise UnreachableError(
            f"the daemon answered {reply.__struct_config__.tag} where {wanted.__name__.lower()}"
            " belongs; bring daemon and client to one version"
        )
    return reply


class Utterance:
    """Something that was accepted to be said or played; `number` is its name in its call."""

    def __init__(self, call: str, accepted: Accepted, wire: CallWire) -> None:
        self.call = call
        self.number = accepted.utterance
        self.position = accepted.position
        self.eta_ms = accepted.eta_ms
        self._wire = wire

    async def wait(self) -> UtteranceCompleted:
        """Wait until it was played, cut, or failed; return what of it was heard."""
        return await self._wire.wait_completed(self.call, self.number)

    async def stop(self) -> Dropped:
        """Drop it, whatever it says about interruptions."""
        reply = await self._wire.command(self.call, Stop(utterances=[self.number]))
        return expect(reply, Dropped)


class OpenUtterance:
    """`async with call.open() as utterance:`; leaving the block ends the text.

    `append` waits while the daemon has enough text; it raises ProblemError when the utterance is
    over (`utterance.over` is true then), such as after a barge-in.
    """

    def __init__(self, call: str, say: Say, wire: CallWire) -> None:
        self.over = False
        """Whether it takes no more text: it was closed, cut, or its call has ended."""
        self._call = call
        self._say = say
        self._wire = wire
        self._utterance: Utterance | None = None

    @property
    def utterance(self) -> Utterance:
        """The utterance itself, once the block was entered."""
        if self._utterance is None:
            raise RuntimeError("an open utterance begins with `async with`")
        return self._utterance

    @property
    def number(self) -> int:
        """Its name in its call."""
        return self.utterance.number

    async def __aenter__(self) -> Self:
        """Begin it."""
        return await self.begin()

    async def begin(self) -> Self:
        """Begin it without `async with`, where its end is elsewhere: `close` it there."""
        reply = await self._wire.command(self._call, self._say)
        self._utterance = Utterance(self._call, expect(reply, Accepted), self._wire)
        return self

    async def append(self, text: str) -> None:
        """Add text, and wait while enough of it waits to be spoken."""
        for start in range(0, len(text), LONGEST_TEXT):
            piece = text[start : start + LONGEST_TEXT]
            taken = await self._add(piece)
            while taken.paused:
                await self._wire.wait_text_room(self._call, self.number)
                taken = await self._add("")

    async def _add(self, text: str) -> TextTaken:
        return expect(await self._tell(Append(utterance=self.number, text=text)), TextTaken)

    async def flush(self) -> None:
        """Have spoken what there is, though no sentence has ended."""
        await self._tell(Flush(utterance=self.number))

    async def close(self) -> None:
        """End the text; of one that is over already, that is no error."""
        if not self.over:
            try:
                await self._tell(Close(utterance=self.number))
            except ProblemError as exc:
                if exc.kind not in _OVER:
                    raise
            self.over = True

    async def wait(self) -> UtteranceCompleted:
        """Wait until it was played, cut, or failed; close it before, or leave the block."""
        return await self.utterance.wait()

    async def _tell(self, command: CallCommand) -> Reply:
        while True:
            try:
                return await self._wire.command(self._call, command)
            except ProblemError as exc:
                self.over = self.over or exc.kind in _OVER
                if exc.kind != "rate":
                    raise
                wait_s = exc.problem.retry_after_s or 1.0
            await anyio.sleep(wait_s)  # too many tokens a second; nothing was done

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End the text; after an error too, for an open utterance would hold up the next one."""
        with anyio.move_on_after(CLOSE_S, shield=True):
            try:
                await self.close()
            except ClientError:
                if exc is None:  # else the error that led here is the one to be told
                    raise
        if exc is None and not self.over:
            raise UnreachableError("the daemon did not answer in time to the end of a text")
