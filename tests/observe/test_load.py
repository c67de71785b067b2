from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import attrs
import pytest
import trio
import trio.testing

from trioaudio.core.percentiles import Histogram
from trioaudio.observe.load import CALM_S, FEWEST_FRAMES, LoadLimits, LoadWatch


@attrs.define(eq=False)
class Machine:
    """A machine whose load is chosen; its CPU time grows with virtual time."""

    busy: float = 0.0
    late_s: float = 0.0
    frames_each_s: int = 500
    histograms: list[Histogram] = attrs.field(factory=lambda: [Histogram(), Histogram()])
    used: float = 0.0
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
    watch = LoadWatch(lambda: machine.histograms, limits, cpu_clock=machine.cpu)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(watch.run)
        nursery.start_soon(machine.send)
        await trio.sleep(0.01)  # between its measurements, not at them
        yield watch
        nursery.cancel_scope.cancel()


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
        assert watch.refusal() == "the CPU is 80% busy; 75% is the most"


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
        refusal = watch.refusal()
        assert refusal is not None
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
        assert watch.refusal() == "the CPU is 50% busy; 40% is the most"
    machine = Machine(late_s=0.002)
    async with watched(machine, LoadLimits(lateness_s=0.001)) as watch:
        await trio.sleep(2)
        assert "late (p99); 1 ms is the most" in str(watch.refusal())


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
