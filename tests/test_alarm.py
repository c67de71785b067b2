"""What the pacer sleeps by: the kernel's timer on the real clock, Trio's on any other."""

from __future__ import annotations

import errno
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from trioaudio.alarm import Alarm, KernelAlarm, ScopeAlarm, open_alarm

EARLY = 0.004
LONG = 30.0
"""What a test fails after that waits for something that never comes."""


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@contextmanager
def no_more_descriptors() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = os.dup(0)  # the lowest number that is not taken
    os.close(free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_on_a_virtual_clock_it_is_trios(autojump_clock: MockClock) -> None:
    with open_alarm(EARLY) as alarm:
        assert isinstance(alarm, ScopeAlarm)
        for at in (1.0, 1.5, 7.0):
            alarm.set(at)
            await alarm.wait()
            # Half of `early` before: the other half is for the rounding behind it.
            assert trio.current_time() == pytest.approx(at - EARLY / 2)


async def test_on_the_real_clock_it_is_the_kernels() -> None:
    await trio.lowlevel.checkpoint()
    with open_alarm(EARLY) as alarm:
        assert isinstance(alarm, KernelAlarm)


async def test_a_test_that_goes_faster_than_the_kernel_has_trios() -> None:
    assert not isinstance(trio.lowlevel.current_clock(), MockClock)
    kinds: list[type[Alarm]] = []

    async def look() -> None:
        await trio.lowlevel.checkpoint()
        with open_alarm(EARLY) as alarm:
            kinds.append(type(alarm))

    for rate in (0.0, 10.0, 1.0):
        await trio.to_thread.run_sync(partial(trio.run, look, clock=MockClock(rate)))
    assert kinds == [ScopeAlarm, ScopeAlarm, KernelAlarm]


async def test_other_systems_have_trios(monkeypatch: pytest.MonkeyPatch) -> None:
    await trio.lowlevel.checkpoint()
    monkeypatch.setattr("sys.platform", "darwin")
    with open_alarm(EARLY) as alarm:
        assert isinstance(alarm, ScopeAlarm)


async def test_it_never_goes_off_too_soon() -> None:
    late = []
    with open_alarm(EARLY) as alarm, trio.fail_after(LONG):
        for number in range(200):
            at = trio.current_time() + number * 1e-5
            alarm.set(at)
            await alarm.wait()
            late.append(trio.current_time() - at)
    assert min(late) >= 0.0
    # Not rounded up to whole milliseconds: that alone would be 0.5 in the middle.
    assert sorted(late)[len(late) // 4] < 0.0005


async def test_a_time_that_is_past_is_a_checkpoint() -> None:
    with open_alarm(EARLY) as alarm, trio.fail_after(LONG):
        alarm.set(trio.current_time() - 5)
        with trio.testing.assert_checkpoints():
            await alarm.wait()


@pytest.mark.parametrize("kind", [KernelAlarm, ScopeAlarm])
async def test_who_sleeps_is_woken_when_it_is_set_anew(
    kind: type[Alarm], nursery: trio.Nursery
) -> None:
    alarm: Alarm = KernelAlarm() if kind is KernelAlarm else ScopeAlarm(EARLY)
    woken = trio.Event()

    async def sleep() -> None:
        await alarm.wait()
        woken.set()

    alarm.set(None)
    nursery.start_soon(sleep)
    await wait_all_tasks_blocked()
    assert not woken.is_set()
    alarm.set(trio.current_time())
    with trio.fail_after(LONG):
        await woken.wait()
    if isinstance(alarm, KernelAlarm):
        alarm.close()


async def test_it_forgets_the_time_it_had() -> None:
    with open_alarm(EARLY) as alarm:
        alarm.set(trio.current_time())  # it goes off, and nobody looks
        alarm.set(None)
        with trio.move_on_after(0.02) as scope:
            await alarm.wait()
        assert scope.cancelled_caught


async def test_a_long_time_is_no_overflow() -> None:
    with open_alarm(EARLY) as alarm:
        alarm.set(trio.current_time() + 1e9)
        with trio.move_on_after(0.02) as scope:
            await alarm.wait()
        assert scope.cancelled_caught


async def test_it_gives_its_descriptor_back() -> None:
    before = descriptors()
    with open_alarm(EARLY) as alarm:
        alarm.set(trio.current_time())
        await alarm.wait()
        assert descriptors() == before + 1
    assert descriptors() == before


async def test_a_process_without_descriptors_is_told_so() -> None:
    await trio.lowlevel.checkpoint()
    with no_more_descriptors(), pytest.raises(OSError, match="no timer") as told:
        KernelAlarm()
    assert told.value.errno == errno.EMFILE
