"""What the service manager is told, and when, on a clock that only tests have."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import attrs
import pytest
import trio
from trio.testing import MockClock

from daemon.service_manager import ServiceManager, service_manager
from trioaudio.daemon.admission import Admission, Stage
from trioaudio.daemon.notices import LOOKS_S, PINGS, Notices
from trioaudio.daemon.notify import Notifier
from trioaudio.observe.load_limits import Overload
from trioaudio.pacer import Pacer

WATCHDOG_S = 3.0


@attrs.define(eq=False)
class Rig:
    manager: ServiceManager
    calls: int = 0
    overload: Overload | None = None
    admission: Admission = attrs.field(init=False)
    notices: Notices = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.admission = Admission(lambda: self.calls, 100, lambda: self.overload)
        notifier = Notifier(self.manager.address, WATCHDOG_S)
        self.notices = Notices(notifier, self.admission, lambda: self.calls)

    def become_ready(self) -> None:
        self.admission.stage = Stage.READY
        self.notices.ready()


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with service_manager(str(tmp_path / "notify")) as manager:
        made = Rig(manager)
        yield made
        made.notices.notifier.close()


# --- That we are alive --------------------------------------------------------------------


async def test_an_idle_pacer_pings(
    autojump_clock: MockClock, rig: Rig, nursery: trio.Nursery
) -> None:
    pacer = Pacer(early=0.0)
    rig.notices.keep_alive(pacer)
    nursery.start_soon(pacer.run)
    nursery.start_soon(rig.manager.keep_hearing)
    await trio.sleep(600)
    assert rig.manager.pings() == pytest.approx(600 / WATCHDOG_S * PINGS, abs=2)


async def test_a_pacer_that_is_held_pings_no_more(
    autojump_clock: MockClock, rig: Rig, nursery: trio.Nursery
) -> None:
    nursery.start_soon(rig.manager.keep_hearing)
    nursery.start_soon(rig.notices.run)
    pacer = Pacer(early=0.0)
    rig.notices.keep_alive(pacer)
    async with trio.open_nursery() as pacing:
        pacing.start_soon(pacer.run)
        await trio.sleep(60)
        pacing.cancel_scope.cancel()
    before = rig.manager.pings()
    assert before > 50
    rig.become_ready()
    await trio.sleep(600)  # the rest of the program goes on, and tells so
    assert rig.manager.statuses()[-1] == "ready, 0 calls"
    assert rig.manager.pings() == before


def test_a_bug_in_pinging_is_not_hidden(rig: Rig) -> None:
    with pytest.raises(ZeroDivisionError):
        rig.notices.fail(ZeroDivisionError())


def test_nobody_wants_pings(rig: Rig) -> None:
    rig.notices.notifier.watchdog_s = None
    pacer = Pacer(early=0.0)
    rig.notices.keep_alive(pacer)
    assert pacer.statistics().waiting == 0


# --- How we are ---------------------------------------------------------------------------


async def test_the_status_follows_what_the_node_does(
    autojump_clock: MockClock, rig: Rig, nursery: trio.Nursery
) -> None:
    nursery.start_soon(rig.notices.run)
    await trio.sleep(10.5)
    rig.admission.no_engine = "it is mute"
    await trio.sleep(10)
    rig.become_ready()
    await trio.sleep(10)
    rig.calls = 1
    await trio.sleep(10)
    rig.calls = 7
    rig.overload = Overload("cpu", "the processor is busy")
    await trio.sleep(10)
    rig.overload = None
    rig.admission.stage = Stage.DRAINING
    rig.notices.stopping()
    await trio.sleep(10)
    rig.calls = 0
    await trio.sleep(10)
    assert rig.manager.statuses() == [
        "starting",
        "no engine speaks: it is mute",
        "ready, 0 calls",
        "ready, 1 call",
        "full, 7 calls: the processor is busy",
        "draining, 7 calls left",
        "draining, 0 calls left",
    ]


async def test_the_status_is_told_at_most_once_a_second(
    autojump_clock: MockClock, rig: Rig, nursery: trio.Nursery
) -> None:
    nursery.start_soon(rig.manager.keep_hearing)
    nursery.start_soon(rig.notices.run)
    rig.become_ready()
    seconds = 20
    for _ in range(seconds * 100):
        rig.calls += 1
        await trio.sleep(0.01)
    assert seconds - 2 <= len(rig.manager.statuses()) <= seconds / LOOKS_S + 1


async def test_it_is_ready_again_after_a_reload(rig: Rig) -> None:
    await trio.lowlevel.checkpoint()
    rig.become_ready()
    rig.notices.reloading()
    rig.notices.reloaded()
    first, then, last = rig.manager.hear()
    assert first["READY"] == "1"
    assert then["RELOADING"] == "1"
    assert int(then["MONOTONIC_USEC"]) > 0
    assert last == {"READY": "1"}


async def test_a_reload_before_it_is_ready_does_not_make_it_ready(rig: Rig) -> None:
    await trio.lowlevel.checkpoint()
    rig.notices.reloading()
    rig.notices.reloaded()
    assert rig.manager.hear() == []


async def test_who_leaves_is_not_ready_again(rig: Rig) -> None:
    await trio.lowlevel.checkpoint()
    rig.become_ready()
    rig.notices.stopping()
    rig.manager.hear()
    rig.notices.stopping()
    rig.notices.reloading()
    rig.notices.reloaded()
    rig.notices.ready()
    assert rig.manager.hear() == []


async def test_more_time_is_asked_for_while_it_leaves(
    autojump_clock: MockClock, rig: Rig, nursery: trio.Nursery
) -> None:
    nursery.start_soon(rig.notices.run)
    rig.become_ready()
    await trio.sleep(30)
    assert not any("EXTEND_TIMEOUT_USEC" in each for each in rig.manager.hear())
    rig.notices.stopping()
    told_at = []
    for second in range(60):
        if any("EXTEND_TIMEOUT_USEC" in each for each in rig.manager.hear()):
            told_at.append(second)
        await trio.sleep(1)
    gaps = [after - before for before, after in pairwise(told_at)]
    assert max(gaps) * 1_000_000 < int(
        next(
            each["EXTEND_TIMEOUT_USEC"]
            for each in rig.manager.told
            if "EXTEND_TIMEOUT_USEC" in each
        )
    )
    assert len(told_at) >= 10


async def test_what_could_not_be_sent_is_sent_later(
    autojump_clock: MockClock, tmp_path: Path, rig: Rig, nursery: trio.Nursery
) -> None:
    rig.notices.notifier.address = str(tmp_path / "later")
    nursery.start_soon(rig.notices.run)
    rig.become_ready()
    await trio.sleep(5)
    with service_manager(str(tmp_path / "later")) as later:
        await trio.sleep(2)
        assert later.hear() == [{"READY": "1", "STATUS": "ready, 0 calls"}]


async def test_without_a_service_manager_there_is_nothing_to_do() -> None:
    admission = Admission(lambda: 0, 1, lambda: None)
    notices = Notices(Notifier(), admission, lambda: 0)
    with trio.fail_after(5):
        await notices.run()
