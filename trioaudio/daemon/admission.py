"""Whether a new call is taken: what the node is doing, how many it has, and how busy it is."""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Final

import attrs

from trioaudio.api.request_error import RequestError, RequestFault
from trioaudio.control.desk import Readiness
from trioaudio.observe.load_limits import MEASURES, Overload

RETRY_AFTER_S = 5.0
REFUSALS: Final = ("no-engine", "full", *MEASURES, "draining")
"""Why no calls are taken, as metrics name it: overload by what it is measured by."""


def _nobody() -> bool:
    return False


class Stage(enum.Enum):
    """What the node is doing."""

    STARTING = "starting"
    """No engine has spoken yet."""
    READY = "ready"
    DRAINING = "draining"


@attrs.define(eq=False)
class Admission:
    """Says yes or no, and why."""

    calls: Callable[[], int]
    calls_most: int
    overload: Callable[[], Overload | None]
    """Returns why the process can take no more, if it cannot."""
    stage: Stage = Stage.STARTING
    no_engine: str | None = None
    """Why no engine has spoken, once that was tried."""
    latecomers: Callable[[], bool] = _nobody
    """Says whether some are still in handshake who came before the node was told to leave."""
    _refused: Counter[str] = attrs.field(factory=Counter)

    def readiness(self) -> Readiness:
        """Return what `/readyz` says."""
        if self.stage is Stage.DRAINING:
            return Readiness(
                ready=False,
                reason="draining",
                detail="the node is leaving",
                retry_after_s=RETRY_AFTER_S,
            )
        if self.stage is Stage.STARTING:
            if self.no_engine is not None:
                return Readiness(
                    ready=False,
                    reason="no-engine",
                    detail=self.no_engine,
                    retry_after_s=RETRY_AFTER_S,
                )
            return Readiness(
                ready=False, reason="starting", detail="no engine has spoken yet", retry_after_s=1.0
            )
        if self.calls() >= self.calls_most:
            return Readiness(
                ready=False,
                reason="full",
                detail=f"{self.calls_most} calls are up, and no more are taken",
                retry_after_s=RETRY_AFTER_S,
            )
        if (overload := self.overload()) is not None:
            return Readiness(
                ready=False,
                reason="overloaded",
                detail=overload.detail,
                retry_after_s=overload.retry_after_s,
            )
        return Readiness(ready=True, reason="ready")

    def check(self) -> None:
        """Raise RequestError BUSY if no new call is taken. While starting, calls are."""
        why = self.readiness()
        if why.ready or why.reason == "starting":
            return
        if why.reason == "draining" and self.latecomers():
            return
        self._refused[self._named(why)] += 1
        raise RequestError(
            RequestFault.BUSY,
            f"no new calls are taken: {why.detail}",
            retry_after_s=why.retry_after_s,
        )

    def refused(self) -> Mapping[str, int]:
        """Return how many calls were refused, by each of `REFUSALS`."""
        return {each: self._refused[each] for each in REFUSALS}

    def refusing(self) -> str | None:
        """Return which of `REFUSALS` holds now; None when calls are taken."""
        why = self.readiness()
        return None if why.ready or why.reason == "starting" else self._named(why)

    def _named(self, why: Readiness) -> str:
        overload = self.overload() if why.reason == "overloaded" else None
        return why.reason if overload is None else overload.measure
