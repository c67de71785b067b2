"""When a carrier asks its sender to pause, and when to go on."""

from __future__ import annotations

import attrs

from trioaudio.simulators.dialect import Backlog


@attrs.define(eq=False)
class FlowControl:
    """Judges a queue's length; all lengths are in samples."""

    most: int | None = None
    """Beyond it audio is dropped; None if there is no bound."""
    pause_at: int | None = None
    """A pause is asked for then; None: never."""
    resume_at: int = 0
    paused: bool = False
    """Whether the sender was asked to pause."""
    pauses: int = 0

    def judge(self, waiting: int) -> bool | None:
        """Return True if a pause must be asked for now, False if it is over, None for no news."""
        if self.pause_at is None:
            return None
        if not self.paused and waiting >= self.pause_at:
            self.paused = True
            self.pauses += 1
            return True
        if self.paused and waiting <= self.resume_at:
            self.paused = False
            return False
        return None


def flow_control(backlog: Backlog | None, sample_rate: int) -> FlowControl:
    """Return the judgement of a carrier with this backlog, None if it holds any amount."""

    def samples(milliseconds: int | None) -> int | None:
        return None if milliseconds is None else milliseconds * sample_rate // 1000

    if backlog is None:
        return FlowControl()
    return FlowControl(
        samples(backlog.most_ms), samples(backlog.pause_at_ms), samples(backlog.resume_at_ms) or 0
    )
