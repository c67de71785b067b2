"""Read what carriers send, in the pacer's turns: one system call takes what came since the last.

A carrier sends the caller's audio 50 times a second whether anybody listens or not, and hangs up on
whoever does not read it. A task of each leg that waits for each message costs four times what
speaking does. So every leg is read every 60 ms, speaking or silent, and every 20 ms while somebody
waits for what is said: the caller's audio is listened to, a mark is to come back, the stream has
not started yet or is about to end.

Legs are read in *rounds* of some thirty, which have their turns one after the other, so that a
thousand legs never come at one instant. Before a round the kernel is asked, once for all, which of
them have anything to read: legs nobody says anything on cost nothing.
"""

from __future__ import annotations

import select
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, Protocol

import attrs
import trio

from trioaudio.core.connection import Inlet
from trioaudio.core.errors import TrioaudioError

READ_S: Final = 0.06
READ_SOON_S: Final = 0.02
"""Where somebody waits for what is said: as often as carriers send audio."""

LEGS_A_ROUND: Final = 32
"""Some 0.4 ms of work when all of them have something to read."""

_SPREAD: Final = 0.618034
"""Of the time between two rounds, how much later the next one begins: multiples of the golden
ratio's fraction lie apart from each other, however many there are."""


class TurnGiver(Protocol):
    """The pacer, as its rounds know it."""

    def wake(self, leg: Any, at: float) -> None:
        """Give `leg` its next turn at `at`."""
        ...

    def forget(self, leg: Any) -> None:
        """Give `leg` no more turns."""
        ...

    def post(self, leg: Any, *, last: bool) -> None:
        """Have `leg` make its system call beside the others', or behind them."""
        ...


@attrs.define(eq=False)
class Reading:
    """Has one connection read; a `pacer.Posting`.

    `is_awaited` says whether somebody waits, at a time, for what is said.
    """

    inlet: Inlet
    rounds: Rounds
    is_awaited: Callable[[float], bool]
    fail: Callable[[Exception], None]
    turn: int = 0
    _fetched: bytes | None = None
    _round: Round | None = None
    _descriptor: int = -1

    def start(self) -> None:
        """Read from now on."""
        if not self.inlet.ended:
            now = trio.current_time()
            self._descriptor = self.inlet.fileno()
            self._round = self.rounds.join(self, self._descriptor, soon=self.is_awaited(now))
            # What came with the handshake is not in the kernel any more.
            self.rounds.pacer.wake(self, now)

    def stop(self) -> None:
        """Read no more, and refer to the call no more."""
        self.rounds.pacer.forget(self)
        self._leave()
        self.is_awaited, self.fail = _is_over, _ignore

    def hurry(self) -> None:
        """Read soon from now on, until nobody waits any more."""
        if self._round is not None and not self._round.soon:
            self._move(soon=True)

    def relax(self) -> None:
        """Read every 60 ms from now on."""
        if self._round is not None and self._round.soon:
            self._move(soon=False)

    def catch_up(self) -> None:
        """Read now, out of turn, for somebody to whom the order of things matters."""
        if self._round is None:
            return
        self.act()
        try:
            self.acted(trio.current_time())
        except TrioaudioError as exc:
            self.fail(exc)

    def _move(self, *, soon: bool) -> None:
        self._leave()
        if not self.inlet.ended:
            self._round = self.rounds.join(self, self._descriptor, soon=soon)

    def _leave(self) -> None:
        if self._round is not None:
            self.rounds.leave(self._round, self, self._descriptor)
            self._round = None

    # --- The pacer's turn ------------------------------------------------------------

    def tick(self, now: float) -> float | None:
        """Be about to read; see `pacer.Paced`."""
        del now
        self.rounds.pacer.post(self, last=True)
        return None

    def act(self) -> None:
        """Read; see `pacer.Posting`."""
        # Else it was posted twice, or stopped after it was posted.
        if self._fetched is None and self._round is not None:
            self._fetched = self.inlet.fetch()

    def acted(self, at: float) -> float | None:
        """Hand on what was read; see `pacer.Posting`."""
        del at
        fetched, self._fetched = self._fetched, None
        if fetched is not None:
            self.inlet.push(fetched)
        if self.inlet.ended:
            self._leave()
        return None


@attrs.define(eq=False)
class Round:
    """Some legs that are read one after the other; has turns of the pacer."""

    pacer: TurnGiver
    soon: bool
    next_at: float
    turn: int = 0
    readings: dict[int, Reading] = attrs.field(factory=dict)
    """By descriptor."""
    poll: select.epoll = attrs.field(factory=select.epoll)

    @property
    def every_s(self) -> float:
        """Seconds from one turn to the next."""
        return READ_SOON_S if self.soon else READ_S

    def tick(self, now: float) -> float | None:
        """Have those read that have something to read; see `pacer.Paced`."""
        for descriptor, _ in self.poll.poll(0, LEGS_A_ROUND):
            reading = self.readings.get(descriptor)
            if reading is not None:
                self.pacer.post(reading, last=True)
        if self.soon:
            for reading in list(self.readings.values()):
                if not reading.is_awaited(now):
                    reading.relax()
        # Not when it should have been: a round that is late is not made up for.
        self.next_at = max(self.next_at + self.every_s, now)
        return self.next_at if self.readings else None

    def fail(self, exc: Exception) -> None:
        """Take what its own turn raised, which is no leg's: nobody of it would be read any more."""
        for reading in list(self.readings.values()):
            reading.fail(exc)


@attrs.define(eq=False)
class Rounds:
    """All rounds of one pacer."""

    pacer: TurnGiver
    _rounds: dict[bool, list[Round]] = attrs.field(factory=lambda: {True: [], False: []})
    _begun: int = 0

    def join(self, reading: Reading, descriptor: int, *, soon: bool) -> Round:
        """Have a connection read in a round that has room."""
        rounds = self._rounds[soon]
        chosen = next((each for each in rounds if len(each.readings) < LEGS_A_ROUND), None)
        if chosen is None:
            chosen = self._begin(soon=soon)
            rounds.append(chosen)
        chosen.readings[descriptor] = reading
        chosen.poll.register(descriptor, select.EPOLLIN)
        return chosen

    def _begin(self, *, soon: bool) -> Round:
        made = Round(self.pacer, soon, 0.0)
        self._begun += 1
        made.next_at = trio.current_time() + self._begun * _SPREAD % 1.0 * made.every_s
        self.pacer.wake(made, made.next_at)
        return made

    def leave(self, chosen: Round, reading: Reading, descriptor: int) -> None:
        """Have a connection read no more."""
        if chosen.readings.get(descriptor) is not reading:
            return  # its descriptor was closed, and is another's by now
        del chosen.readings[descriptor]
        with suppress(OSError):  # closed, so the kernel has forgotten it
            chosen.poll.unregister(descriptor)
        if not chosen.readings:
            self._rounds[chosen.soon].remove(chosen)
            self.pacer.forget(chosen)
            chosen.poll.close()


def _is_over(_at: float) -> bool:
    return False


def _ignore(_exc: Exception) -> None:
    """Take no interest."""
