"""What the service manager is told, and when: our states, how many calls, and that we are alive.

The pings are turns of the pacer. So they come from an idle daemon too, and not from one whose
pacer does not run: that one is of no use to any call, and is better started anew.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

import attrs
import trio

from trioaudio.daemon.admission import Admission, Stage
from trioaudio.daemon.notify import Notifier
from trioaudio.pacer import Pacer

LOOKS_S: Final = 1.0
"""How often it is looked whether there is news; the status is told no more often."""
PINGS: Final = 3
"""Within the time after which we would be killed."""
EXTENSION_S: Final = 15.0
"""While we leave, how long the service manager shall wait from each time we say so."""
_EXTENDS_S: Final = 5.0


@attrs.define(eq=False)
class Notices:
    """Tells `notifier`; a paced one of the pacer, see `pacer.Paced`. `run` is the task."""

    notifier: Notifier
    admission: Admission
    calls: Callable[[], int]
    turn: int = 0
    _is_ready: bool = False
    _is_stopping: bool = False
    _owed: dict[str, str | int] = attrs.field(factory=dict)
    """What could not be sent yet."""
    _status: str = ""
    _status_at: float = -LOOKS_S
    _extended_at: float = -_EXTENDS_S

    # --- That we are alive ---------------------------------------------------------------

    def keep_alive(self, pacer: Pacer) -> None:
        """Ping from now on, as long as the pacer runs, if that is wanted."""
        if self.notifier.watchdog_s is not None:
            pacer.wake(self, trio.current_time())

    def tick(self, now: float) -> float | None:
        """Ping."""
        assert self.notifier.watchdog_s is not None
        self.notifier.tell(WATCHDOG=1)
        return now + self.notifier.watchdog_s / PINGS

    def fail(self, exc: Exception) -> None:
        """Hand on a bug: without pings we are started anew."""
        raise exc

    # --- How we are ------------------------------------------------------------------------

    def ready(self) -> None:
        """Tell that calls are taken; also that a reload is over."""
        if not self._is_stopping:
            self._is_ready = True
            self._owed["READY"] = 1
            self._tell()

    def reloading(self) -> None:
        """Tell that the configuration is read anew; `reloaded` must follow."""
        if self._is_ready and not self._is_stopping:
            self._owed.pop("READY", None)
            now = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
            self._owed |= {"RELOADING": 1, "MONOTONIC_USEC": now // 1000}
            self._tell()

    def reloaded(self) -> None:
        """Tell that this is over, whatever came of it."""
        if self._is_ready:
            self.ready()

    def stopping(self) -> None:
        """Tell that we leave; only once."""
        if not self._is_stopping:
            self._is_stopping = True
            self._owed.clear()
            self._owed["STOPPING"] = 1
            self._tell()

    async def run(self) -> None:
        """Tell how many calls there are, and while we leave, that it takes its time; for ever."""
        while self.notifier.address is not None:
            self._tell()
            await trio.sleep(LOOKS_S)

    def _tell(self) -> None:
        now = trio.current_time()
        news: dict[str, str | int] = dict(self._owed)
        status = self._say()
        if status != self._status and now >= self._status_at + LOOKS_S:
            news["STATUS"] = status
        if self._is_stopping and now >= self._extended_at + _EXTENDS_S:
            news["EXTEND_TIMEOUT_USEC"] = round(EXTENSION_S * 1_000_000)
        if not news or not self.notifier.tell(**news):
            return
        self._owed.clear()
        if "STATUS" in news:
            self._status, self._status_at = status, now
        if "EXTEND_TIMEOUT_USEC" in news:
            self._extended_at = now

    def _say(self) -> str:
        """Return what `systemctl status` shows."""
        calls, why = _count(self.calls()), self.admission.readiness()
        if self._is_stopping or self.admission.stage is Stage.DRAINING:
            return f"draining, {calls} left"
        if why.ready:
            return f"ready, {calls}"
        if self.admission.stage is Stage.READY:
            return f"full, {calls}: {why.detail}"
        return "starting" if self.admission.no_engine is None else f"no engine speaks: {why.detail}"


def _count(calls: int) -> str:
    return "1 call" if calls == 1 else f"{calls} calls"
