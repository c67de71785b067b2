"""Whether a new call is taken: what the node is doing, how many it has, and how busy it is."""

from __future__ import annotations

import enum
from collections.abc import Callable

import attrs

from trioaudio.api.request_error import RequestError, RequestFault
from trioaudio.control.desk import Readiness

RETRY_AFTER_S = 5.0


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
    overload: Callable[[], str | None]
    """Returns why the process can take no more, if it cannot."""
    stage: Stage = Stage.STARTING
    no_engine: str | None = None
    """Why no engine has spoken, once that was tried."""

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
                ready=False, reason="overloaded", detail=overload, retry_after_s=RETRY_AFTER_S
            )
        return Readiness(ready=True, reason="ready")

    def check(self) -> None:
        """Raise RequestError BUSY if no new call is taken. While starting, calls are."""
        why = self.readiness()
        if not why.ready and why.reason != "starting":
            raise RequestError(
                RequestFault.BUSY,
                f"no new calls are taken: {why.detail}",
                retry_after_s=why.retry_after_s,
            )
