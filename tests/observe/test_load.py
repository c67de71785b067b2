from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import attrs
import pytest
import trio
import trio.testing

from trioaudio.core.percentiles import Histogram
from trioaudio.observe.load import CALM_S, FEWEST_FRAMES, IDLE_TIMERS, TIMER_S, LoadWatch
from trioaudio.observe.load_limits import LoadLimits


@attrs.define(eq=False)
class Machine:
    """A machine whose load is chosen; its CPU time grows with virtual time."""

    busy: float = 0.0
    late_s: float = 0.0
    frames_each_s: int = 500
    histograms: list[Histogram] = attrs.field(factory=lambda: [Histogram(), Histogram()])
    used: float = 0.0
    calls: int = 1
    _since: float = attrs.field(factory=trio.current_time)

    def cpu(self) -> float:
        now = trio.current_time()
        self.used += self.busy * (now - self._since)
        self._since = now
        return self.used

    def load(self, busy: float) -> None:
        self.cpu()
        self.busy = busy

    async def send(self) -> None:
        while True:
            await trio.sleep(0.1)
            for n in range(self.frames_each_s // 10):
                self.histograms[n % 2].add(self.late_s)


@asynccontextmanager
async def watched(machine: Machine, limits: LoadLimits | None = None) -> AsyncIterator[LoadWatch]:
    watch = LoadWatch(
        lambda: machine.histograms, limits, calls=lambda: machine.calls, cpu_clock=machine.cpu
    )
    async with trio.open_nursery() as nursery:
        nursery.start_soon(watch.run)
        nursery.start_soon(machine.send)
        await trio.sleep(0.01)  # between its measurements, not at them
        yield watch
        nursery.cancel_scope.cancel()


def told(watch: LoadWatch) -> str:
    overload = watch.refusal()
    assert overload is not None
    return overload.detail


async def test_an_idle_node_takes_calls(autojump_clock: trio.testing.MockClock) -> None:
    machine = Machine(busy=0.1, late_s=0.001)
    async with watched(machine) as watch:
        assert watch.refusal() is None
        await trio.sleep(10)
        assert watch.refusal() is None
        load = watch.statistics()
    assert load.cpu == pytest.approx(0.1)
    assert load.cpu_mean == pytest.approx(0.1)
    assert load.loop_lag_s == pytest.approx(0, abs=1e-6)
    assert load.lateness_p99_s == pytest.approx(0.001, rel=0.04)


async def test_the_mean_of_five_seconds_decides(autojump_clock: trio.testing.MockClock) -> None:
    machine = Machine(busy=0.5)
    async with watched(machine) as watch:
        await trio.sleep(10)
        machine.load(1.0)
        await trio.sleep(2)
        assert watch.refusal() is None  # a peak of two seconds: (3 · 0.5 + 2 · 1.0) / 5 = 0.7
        assert watch.statistics().cpu == pytest.approx(1.0, abs=0.02)
        await trio.sleep(1)
        assert told(watch) == "the CPU is 80% busy; 75% is the most"


async def test_it_takes_calls_again_when_it_has_been_calm(
    autojump_clock: trio.testing.MockClock,
) -> None:
    machine = Machine(busy=0.9)
    async with watched(machine) as watch:
        await trio.sleep(6)
        assert watch.refusal() is not None
        machine.load(0.7)  # below the limit, and not well below
        await trio.sleep(20)
        assert watch.refusal() is not None
        machine.load(0.5)
        # 0.66 after one second: calm, and then for so long.
        await trio.sleep(1 + CALM_S - 0.5)
        assert watch.refusal() is not None
        await trio.sleep(1)
        assert watch.refusal() is None


async def test_a_relapse_begins_the_calm_anew(autojump_clock: trio.testing.MockClock) -> None:
    machine = Machine(busy=0.9)
    async with watched(machine) as watch:
        await trio.sleep(6)
        machine.load(0.3)
        await trio.sleep(2.5)  # calm since a moment ago: a mean of 0.66
        machine.load(1.4)
        await trio.sleep(1.5)  # 0.75 again
        machine.load(0.1)
        # But for the relapse it would take calls after another second; it is calm then.
        await trio.sleep(CALM_S + 0.5)
        assert watch.refusal() is not None
        await trio.sleep(1)
        assert watch.refusal() is None


async def test_late_frames_refuse_calls(autojump_clock: trio.testing.MockClock) -> None:
    machine = Machine(late_s=0.001)
    async with watched(machine) as watch:
        await trio.sleep(10)
        machine.late_s = 0.05
        await trio.sleep(2)
        refusal = told(watch)
        assert refusal.startswith("frames are sent 5")
        assert refusal.endswith(" ms late (p99); 20 ms is the most")
        machine.late_s = 0.001
        # Five seconds until none of them is in the window, then three of calm.
        await trio.sleep(6)
        assert watch.refusal() is not None
        await trio.sleep(4)
        assert watch.refusal() is None


async def test_what_was_late_long_ago_does_not_count(
    autojump_clock: trio.testing.MockClock,
) -> None:
    machine = Machine(late_s=0.001)
    for _ in range(100_000):
        machine.histograms[0].add(0.5)
    async with watched(machine) as watch:
        await trio.sleep(3)
        assert watch.refusal() is None
        assert watch.statistics().lateness_p99_s == pytest.approx(0.001, rel=0.04)


async def test_of_few_frames_there_is_no_percentile(
    autojump_clock: trio.testing.MockClock,
) -> None:
    machine = Machine(late_s=0.5, frames_each_s=10)
    async with watched(machine) as watch:
        await trio.sleep(8)
        assert 5 * machine.frames_each_s < FEWEST_FRAMES
        assert (watch.statistics().lateness_p99_s, watch.refusal()) == (None, None)


async def test_no_histograms_yet_and_then_one(autojump_clock: trio.testing.MockClock) -> None:
    machine = Machine(late_s=0.5, histograms=[])
    machine.frames_each_s = 0
    async with watched(machine) as watch:
        await trio.sleep(3)
        assert watch.refusal() is None
        machine.histograms.append(Histogram())
        for _ in range(FEWEST_FRAMES):
            machine.histograms[0].add(0.5)
        await trio.sleep(2)
        assert watch.refusal() is not None


async def test_the_limits_are_settings(autojump_clock: trio.testing.MockClock) -> None:
    machine = Machine(busy=0.5)
    async with watched(machine, LoadLimits(cpu=0.4)) as watch:
        await trio.sleep(2)
        assert told(watch) == "the CPU is 50% busy; 40% is the most"
    machine = Machine(late_s=0.002)
    async with watched(machine, LoadLimits(lateness_s=0.001)) as watch:
        await trio.sleep(2)
        assert "late (p99); 1 ms is the most" in told(watch)


async def test_what_holds_the_loop_is_lag(mock_clock: trio.testing.MockClock) -> None:
    mock_clock.autojump_threshold = 0
    machine = Machine()
    async with watched(machine) as watch:
        await trio.sleep(2.51)
        mock_clock.jump(0.3)  # nobody ran meanwhile
        await trio.sleep(0.5)
        assert watch.statistics().loop_lag_s == pytest.approx(0.27, abs=0.011)
        await trio.sleep(1)
        assert watch.statistics().loop_lag_s == pytest.approx(0, abs=1e-6)


async def test_hours_of_suspension_are_one_measurement(
    mock_clock: trio.testing.MockClock,
) -> None:
    mock_clock.autojump_threshold = 0
    machine = Machine(busy=0.5)
    async with watched(machine) as watch:
        await trio.sleep(3)
        mock_clock.jump(7200)
        await trio.sleep(1.5)
        assert watch.statistics().cpu == pytest.approx(0.5)
        assert watch.refusal() is None


# --- The event loop ------------------------------------------------------------------------


async def hold(clock: trio.testing.MockClock, seconds: float, times: int, every_s: float) -> None:
    """Hold the loop again and again: the clock goes on, and nobody has run."""
    for _ in range(times):
        await trio.sleep(every_s)
        clock.jump(seconds)


LAG_ONLY = LoadLimits(cpu=None, lateness_s=None)
LOOP_LAG_S = 0.02


async def test_one_long_hold_is_not_a_busy_loop(autojump_clock: trio.testing.MockClock) -> None:
    machine = Machine()
    async with watched(machine, LAG_ONLY) as watch:
        await trio.sleep(6)
        await hold(autojump_clock, 3.0, times=1, every_s=0.1)
        for _ in range(10):
            await trio.sleep(1)
            assert watch.refusal() is None


async def test_a_machine_that_stops_while_it_starts(autojump_clock: trio.testing.MockClock) -> None:
    async with watched(Machine(), LAG_ONLY) as watch:
        await hold(autojump_clock, 2.0, times=1, every_s=0.3)
        for _ in range(10):
            await trio.sleep(0.5)
            assert watch.refusal() is None


@pytest.mark.parametrize(("held_s", "refused"), [(0.025, False), (0.032, True)])
async def test_the_lag_of_a_tenth_of_all_moments_decides(
    autojump_clock: trio.testing.MockClock, held_s: float, *, refused: bool
) -> None:
    machine = Machine()
    async with watched(machine, LAG_ONLY) as watch:
        assert watch.statistics().loop_lag_p90_s is None
        await trio.sleep(6)
        assert watch.statistics().loop_lag_p90_s == pytest.approx(0, abs=1e-6)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(partial(hold, autojump_clock, held_s, times=110, every_s=0.0499))
            await trio.sleep(6)
            lag = watch.statistics().loop_lag_p90_s
            assert lag is not None
            assert (watch.refusal() is not None) is refused is (lag > LOOP_LAG_S)
            nursery.cancel_scope.cancel()


async def test_a_loop_that_is_held_often_refuses_calls_until_it_has_been_calm(
    autojump_clock: trio.testing.MockClock,
) -> None:
    machine = Machine()
    async with watched(machine, LAG_ONLY) as watch:
        await trio.sleep(6)
        await hold(autojump_clock, 0.2, times=5, every_s=0.8)
        await trio.sleep(1)
        overload = watch.refusal()
        assert overload is not None
        assert (overload.measure, overload.retry_after_s) == ("loop-lag", 5.0)
        assert overload.detail.startswith("the event loop is ")
        assert overload.detail.endswith(" ms late (p90); 20 ms is the most")
        # Two of these holds alone are less than a tenth of the window.
        await trio.sleep(CALM_S)
        assert watch.refusal() is not None
        await trio.sleep(CALM_S + 1)
        assert watch.refusal() is None


async def test_without_a_limit_nothing_is_refused(autojump_clock: trio.testing.MockClock) -> None:
    machine = Machine(busy=1.0, late_s=0.5)
    limits = LoadLimits(cpu=None, lateness_s=None, loop_lag_s=None)
    async with watched(machine, limits) as watch:
        await trio.sleep(2)
        await hold(autojump_clock, 0.2, times=20, every_s=0.3)
        machine.calls = 100_000
        assert watch.refusal() is None


# --- Many calls at once --------------------------------------------------------------------


def admitted(watch: LoadWatch, machine: Machine, wanted: int) -> int:
    """Have calls come at this very moment; return how many were taken."""
    for taken in range(wanted):
        if watch.refusal() is not None:
            return taken
        machine.calls += 1
    return wanted


async def test_a_burst_that_fits_is_taken_and_no_more(
    autojump_clock: trio.testing.MockClock,
) -> None:
    machine = Machine(busy=0.3)
    async with watched(machine) as watch:
        await trio.sleep(6)
        assert admitted(watch, machine, 500) == 500
        assert admitted(watch, machine, 500) == 100, "0.3 + 600 · 0.00075 = 0.75"
        overload = watch.refusal()
        assert overload is not None
        assert (overload.measure, overload.retry_after_s) == ("newcomers", 1.0)
        assert overload.detail.startswith("600 calls have just come; with one more the CPU would")
        await trio.sleep(7)
        assert watch.refusal() is None, "it was measured, and they cost nothing"


async def test_calls_cost_what_they_have_cost(autojump_clock: trio.testing.MockClock) -> None:
    machine = Machine(busy=0.5, calls=100)
    async with watched(machine) as watch:
        await trio.sleep(6)
        assert admitted(watch, machine, 500) == 50, "0.005 each"


async def test_a_burst_of_real_calls_never_passes_the_limit(
    autojump_clock: trio.testing.MockClock,
) -> None:
    machine = Machine(busy=0.02)
    peak = 0.0
    async with watched(machine) as watch:
        await trio.sleep(6)
        for _ in range(200):  # 500 a second for twenty seconds; each costs what it is taken for
            await trio.sleep(0.1)
            admitted(watch, machine, 50)
            machine.load(0.02 + 0.00075 * machine.calls)
            peak = max(peak, watch.statistics().cpu)
    assert 0.7 < peak < 0.76


async def test_the_real_cpu_of_this_process() -> None:
    watch = LoadWatch(list)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(watch.run)
        with trio.fail_after(10):
            while not watch.statistics().cpu:
                sum(range(100_000))
                await trio.sleep(0.001)
        nursery.cancel_scope.cancel()
    assert 0 < watch.statistics().cpu < 4


async def test_a_node_without_calls_looks_less_often_and_knows_as_much(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    calls = 0
    watch = LoadWatch(list, calls=lambda: calls)
    woken = 0

    class Counting(trio.abc.Instrument):
        def before_task_step(self, task: trio.lowlevel.Task) -> None:
            nonlocal woken
            woken += task.name.endswith("LoadWatch.run")

    nursery.start_soon(watch.run)
    await trio.sleep(1)
    trio.lowlevel.add_instrument(Counting())
    await trio.sleep(10)
    idle, woken = woken, 0
    assert watch.statistics().loop_lag_p90_s is not None
    calls = 1
    await trio.sleep(10)
    assert idle <= 10 / (TIMER_S * IDLE_TIMERS) + 1
    assert woken >= 10 / TIMER_S - IDLE_TIMERS
