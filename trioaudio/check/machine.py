"""The machine: clocks, descriptors, processors."""

from __future__ import annotations

import ctypes
import os
import resource
import time
from collections.abc import Callable
from functools import partial
from typing import Final

import trio

from trioaudio.check.row import Check, Row, in_thread
from trioaudio.configuration import Configuration
from trioaudio.net.listening_socket import DESCRIPTORS
from trioaudio.settings import variable

WAKES: Final = 25
WAKE_S: Final = 0.02
LATE_S: Final = 0.02
"""A frame that is sent so late counts as late: see `observe.call_record.LATE_S`."""
STEP_S: Final = 0.05
"""How far the two clocks may part while we look: more is somebody setting one of them."""
_OF_THE_PROGRAM: Final = 200
"""Descriptors of engines, listeners, logs and control connections."""
_OF_A_CALL: Final = 1.25
"""Its socket, and one call in four being placed, recorded or lost and dialled anew."""
_TIME_ERROR: Final = 5
"""adjtimex(2): the clock is not synchronised."""
_TIMEX_BYTES: Final = 512  # struct timex is smaller everywhere


def clock_check() -> Check:
    """Return the check of the clocks; nothing else should run meanwhile."""
    return Check("machine", "clocks", _look_at_clocks)


def machine_checks(configuration: Configuration) -> list[Check]:
    """Return the others."""
    most = configuration.serve.calls_most
    return [
        Check("machine", "time", in_thread(lambda: [synchronised(_adjtimex)])),
        Check("machine", "descriptors", in_thread(lambda: [_descriptors(most)])),
        Check("machine", "processors", in_thread(lambda: [_processors()])),
    ]


async def _look_at_clocks() -> list[Row]:
    """Wake up at times that are products, as the pacer does, and see how late that is."""
    began, wall = time.monotonic(), _wall()
    late = []
    for number in range(1, WAKES + 1):
        due = began + number * WAKE_S
        await trio.sleep(max(0.0, due - time.monotonic()))
        late.append(time.monotonic() - due)
    return [judge_clocks(max(late), (_wall() - wall) - (time.monotonic() - began))]


def judge_clocks(late_s: float, parted_s: float) -> Row:
    """Say whether wake-ups are in time, and both clocks run alike."""
    row = partial(Row, "machine", "clocks")
    if abs(parted_s) > STEP_S:
        return row(
            "warning",
            f"the wall clock moved by {parted_s * 1000:.0f} ms while we looked",
            "somebody sets it: times in records are wrong then; the audio is not",
        )
    detail = f"woken {late_s * 1000:.1f} ms late at worst, of {WAKES} times"
    if late_s > LATE_S:
        return row(
            "warning",
            detail,
            "frames would be late: another program, or the host of a virtual machine, takes the"
            " processor away",
        )
    return row("ok", detail)


def _wall() -> float:
    return time.clock_gettime(time.CLOCK_REALTIME)


def synchronised(adjtimex: Callable[[], int]) -> Row:
    """Say whether something keeps the wall clock right: signatures hold the time, records too."""
    row = partial(Row, "machine", "time")
    state = adjtimex()
    if state < 0:
        return row("ok", "whether it is kept right is not known here")
    if state == _TIME_ERROR:
        return row(
            "warning",
            "the kernel says that nothing keeps the wall clock right",
            "run chrony or systemd-timesyncd: carriers refuse signatures with a wrong time",
        )
    return row("ok", "the wall clock is kept right")


def _adjtimex() -> int:
    """Return the state of the clock as adjtimex(2) does, without changing it; -1 if it fails."""
    timex = ctypes.create_string_buffer(_TIMEX_BYTES)
    try:
        return int(ctypes.CDLL(None, use_errno=True).adjtimex(timex))
    except (OSError, AttributeError):  # no such library, or no such function in it
        return -1


def _descriptors(calls_most: int) -> Row:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    unlimited = resource.RLIM_INFINITY
    may = DESCRIPTORS if hard == unlimited else min(DESCRIPTORS, hard)
    return judge_descriptors(calls_most, max(may, 1 << 30 if soft == unlimited else soft))


def judge_descriptors(calls_most: int, may: int) -> Row:
    """Say whether so many descriptors are enough for so many calls."""
    wanted = round(calls_most * _OF_A_CALL) + _OF_THE_PROGRAM
    name = variable("calls_most")
    detail = f"{name}={calls_most} wants some {wanted}, and there may be {may}"
    if may >= wanted:
        return Row("machine", "descriptors", "ok", detail)
    return Row(
        "machine",
        "descriptors",
        "warning",
        detail,
        f"raise the hard limit (LimitNOFILE= in the unit, ulimit -n), or lower {name}",
    )


def _processors() -> Row:
    return judge_processors(len(os.sched_getaffinity(0)))


def judge_processors(count: int) -> Row:
    """Say whether engines' processes have a processor beside the one that paces."""
    if count > 1:
        return Row("machine", "processors", "ok", f"{count} may be used")
    return Row(
        "machine",
        "processors",
        "warning",
        "only one may be used: engines' processes take it from the audio",
        "give it two",
    )
