"""Recordings played over and over: the next time is asked for when the one before it has begun.

All at once would be a thousand utterances that wait. A repetition goes before what else waits, by
its priority, so that what the application said after the recording is heard after all of it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from typing import Final

import attrs
from msgspec.structs import replace

from trioaudio.api.commands import Play
from trioaudio.relay.messages import LOOPED_WITHOUT_END

_BEFORE_WHAT_WAITS: Final = 1
_REMEMBERED: Final = 64


@attrs.define(eq=False)
class Loop:
    """One recording that is to be played `left` more times."""

    play: Play
    preemptible: bool
    left: int
    utterances: list[int] = attrs.field(factory=list)
    """Those not over; the last one is the newest."""

    @property
    def repetition(self) -> Play:
        """Return the command for the next time."""
        return replace(self.play, priority=_BEFORE_WHAT_WAITS)


def times(loop: int | None) -> int:
    """Return how often a recording is played whose `loop` is this."""
    return 1 if loop is None else loop or LOOPED_WITHOUT_END


@attrs.define(eq=False)
class Loops:
    """The loops of a call. Each method returns the loop whose next time is to be asked for.

    The call may tell of an utterance before it has answered with its number.
    """

    _going: list[Loop] = attrs.field(factory=list)
    _begun: deque[int] = attrs.field(factory=lambda: deque[int](maxlen=_REMEMBERED))
    _over: deque[int] = attrs.field(factory=lambda: deque[int](maxlen=_REMEMBERED))

    def __len__(self) -> int:
        """Count those that go on."""
        return len(self._going)

    def accepted(self, loop: Loop, number: int) -> Loop | None:
        """Note the number of a loop's newest utterance."""
        if number in self._over:
            self._remove(loop)
            return None
        if not loop.utterances and loop not in self._going:
            self._going.append(loop)
        loop.utterances.append(number)
        return self._next(loop) if number in self._begun else None

    def started(self, number: int) -> Loop | None:
        """Note that an utterance is heard."""
        self._begun.append(number)
        loop = self._of(number)
        return None if loop is None or loop.utterances[-1] != number else self._next(loop)

    def completed(self, number: int, *, normally: bool) -> None:
        """Note that an utterance is over; cut or failed, it ends its loop."""
        loop = self._of(number)
        if not normally:
            self._over.append(number)
            self._remove(loop)
        elif loop is not None and number in loop.utterances:
            loop.utterances.remove(number)

    def forget(self, numbers: Collection[int]) -> None:
        """End the loops of these utterances."""
        for number in numbers:
            self._remove(self._of(number))

    def forget_all(self) -> None:
        """End all loops."""
        self._going.clear()

    def _of(self, number: int) -> Loop | None:
        return next((each for each in self._going if number in each.utterances), None)

    def _next(self, loop: Loop) -> Loop | None:
        if not loop.left or loop not in self._going:
            self._remove(loop)
            return None
        loop.left -= 1
        return loop

    def _remove(self, loop: Loop | None) -> None:
        if loop in self._going:
            self._going.remove(loop)
