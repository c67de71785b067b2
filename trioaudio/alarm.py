"""Wake one task up at a time that changes all the while, and cheaply.

Trio's own timers are the deadlines of cancel scopes. A scope is made for each, an exception raised
and caught when it expires, and the time-out is rounded up to whole milliseconds. The pacer sleeps
some 650 times a second for about a millisecond, and such a wake-up costs 130 µs, as much as five
frames. On Linux it waits for a timer of the kernel as it would for a socket, which costs half to
two thirds of that and is exact to some ten microseconds. On other systems, and on a clock that is
not the kernel's, Trio's timers do.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Protocol

import trio

_CLOCK_MONOTONIC: Final = 1
_TFD_NONBLOCK: Final = os.O_NONBLOCK
_TFD_CLOEXEC: Final = os.O_CLOEXEC
_SOONEST_S: Final = 1e-9
"""Nought would stop the timer."""

_A_WHILE_S: Final = 10.0
_SAME: Final = 0.001


class Alarm(Protocol):
    """Has one sleeper; `open_alarm` makes it."""

    def set(self, at: float | None) -> None:
        """Go off at a time of Trio's clock, and at no other; None: not until it is set again."""
        ...

    async def wait(self) -> None:
        """Wait until it goes off, or until it is set anew; at least a checkpoint."""
        ...


@contextmanager
def open_alarm(early: float) -> Iterator[Alarm]:
    """Open the best one there is for this clock; it may go off half of `early` seconds too soon.

    OSError when the process has no descriptor left for it.
    """
    if not sys.platform.startswith("linux") or not _is_kernels(trio.lowlevel.current_clock()):
        yield ScopeAlarm(early)
        return
    alarm = KernelAlarm()
    try:
        yield alarm
    finally:
        alarm.close()


def _is_kernels(clock: trio.abc.Clock) -> bool:
    """Say whether a clock goes as the kernel's does; a test's may stand, or jump."""
    real = clock.deadline_to_sleep_time(clock.current_time() + _A_WHILE_S)
    return abs(real - _A_WHILE_S) < _SAME


class ScopeAlarm:
    """By Trio's timers, on any clock."""

    def __init__(self, early: float) -> None:
        self._early = early
        self._at: float | None = None
        self._kick = trio.Event()

    def set(self, at: float | None) -> None:
        """Have `wait` see what is new; see `Alarm`."""
        self._at = at
        self._kick.set()

    async def wait(self) -> None:
        """See `Alarm`."""
        kick = self._kick = trio.Event()
        if self._at is None:
            await kick.wait()
        else:
            # Half of `early` ahead: epoll's rounding then falls on both sides of the time.
            with trio.move_on_at(self._at - self._early / 2):
                await kick.wait()


class KernelAlarm:
    """By a timerfd (timerfd_create(2)), which Python itself has only from 3.13 on."""

    def __init__(self) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        self._descriptor = libc.timerfd_create(_CLOCK_MONOTONIC, _TFD_NONBLOCK | _TFD_CLOEXEC)
        if self._descriptor < 0:
            raise OSError(ctypes.get_errno(), "no timer: " + os.strerror(ctypes.get_errno()))
        self._settime = libc.timerfd_settime
        self._time = (ctypes.c_long * 4)()  # struct itimerspec: an interval of nought, and the time
        self._real_seconds_to = trio.lowlevel.current_clock().deadline_to_sleep_time

    def set(self, at: float | None) -> None:
        """Set the kernel's timer, which also makes it forget that it went off; see `Alarm`."""
        left = 0.0 if at is None else max(self._real_seconds_to(at), _SOONEST_S)
        whole = int(left)
        self._time[2], self._time[3] = whole, int((left - whole) * 1e9)
        self._settime(self._descriptor, 0, self._time, None)

    async def wait(self) -> None:
        """See `Alarm`."""
        await trio.lowlevel.wait_readable(self._descriptor)

    def close(self) -> None:
        """Give the descriptor back; nobody waits any more."""
        os.close(self._descriptor)
