"""Work that comes in bulk is begun in portions, so that the pacer has its turn in between.

Trio runs everybody who is runnable before it looks at a timer again. Five hundred carriers that
arrive together, or five hundred texts said at one instant, would so be one step of half a second
for all frames that come due meanwhile; that each of them yields now and then is no help. So
whoever begins something costly (a connection accepted, a request for one heard, an utterance)
waits for its turn first. Three may pass at once; then one at a time, in the order they came, and
the next one only when the loop has got round within a millisecond: as many are under way as it can
carry.

It also gives every call a phase of its own. A talkspurt's epoch is the moment its first frame is
sent, so starts that are portioned are epochs that are spread: 500 utterances of one instant begin
over some hundred milliseconds, evenly over the 60 of a frame, and need no further stagger.
"""

from __future__ import annotations

from typing import Final

import trio

CALM_S: Final = 0.001
"""Once round the loop within this: it can take the next one on. A pacer's turn for fifty calls."""
AT_ONCE: Final = 3
"""Pass in any such time without waiting: a call that comes alone is accepted, heard, and speaks."""
PATIENCE_S: Final = 0.01
FEWEST_ROUNDS: Final = 4
"""However busy the loop is, the next one passes after both: nobody starves, and whoever passed
before has had his turns: he may be what the loop is busy with."""
URGENT_IN_A_ROW: Final = 4
"""Of those that must not wait behind a crowd so many pass before one of the crowd does."""


class Turnstile:
    """Lets one task pass at a time."""

    __slots__ = ("_crowd", "_in_a_row", "_passed", "_since", "_taken", "_urgent")

    def __init__(self) -> None:
        self._crowd = trio.lowlevel.ParkingLot()
        self._urgent = trio.lowlevel.ParkingLot()
        self._in_a_row = 0
        self._taken = False
        self._passed = 0
        self._since: float | None = None  # since when so many have passed

    @property
    def waiting(self) -> int:
        """How many wait, but for the one whose turn is next."""
        return len(self._crowd) + len(self._urgent)

    async def wait_turn(self, *, urgent: bool = False) -> None:
        """Wait until the loop has room for what the caller is about to begin.

        At once if few have passed within the last millisecond. `urgent`: what is delayed would be
        heard as a gap. Cancelled, it leaves its place to the next.
        """
        if self._taken:
            await (self._urgent if urgent else self._crowd).park()
            # Whoever woke us has left the turnstile to us: it is still taken.
        elif self._few_have_just_passed():
            return
        self._taken = True
        try:
            await _wait_calm()
        finally:
            self._passed, self._since = AT_ONCE, trio.current_time()
            self._taken = self._wake_next()

    def _few_have_just_passed(self) -> bool:
        """Say whether the caller may pass at once, and count it if so."""
        now = trio.current_time()
        if self._since is None or now - self._since >= CALM_S:
            self._passed, self._since = 0, now
        self._passed += 1
        return self._passed <= AT_ONCE

    def _wake_next(self) -> bool:
        """Leave the turnstile to the next one; False if nobody waits."""
        urgent_first = self._in_a_row < URGENT_IN_A_ROW or not self._crowd
        if self._urgent and urgent_first:
            self._in_a_row += 1
            self._urgent.unpark()
            return True
        self._in_a_row = 0
        return bool(self._crowd.unpark())


async def _wait_calm() -> None:
    """Wait until the loop gets round quickly; it goes round with each checkpoint."""
    began = before = trio.current_time()
    rounds = 0
    while rounds < FEWEST_ROUNDS or before - began < PATIENCE_S:
        await trio.lowlevel.checkpoint()
        now = trio.current_time()
        if now - before < CALM_S:
            return
        rounds, before = rounds + 1, now


_of_this_loop = trio.lowlevel.RunVar[Turnstile]("turnstile")


def turnstile() -> Turnstile:
    """Return the event loop's: it deals out the loop's time, so each loop has one."""
    try:
        return _of_this_loop.get()
    except LookupError:
        made = Turnstile()
        _of_this_loop.set(made)
        return made


async def wait_turn(*, urgent: bool = False) -> None:
    """Wait for a turn at the event loop's own turnstile; see `Turnstile.wait_turn`."""
    await turnstile().wait_turn(urgent=urgent)
