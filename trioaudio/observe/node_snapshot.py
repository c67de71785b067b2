"""What a node counts by itself, as it stands at one moment: nothing runs per frame for it."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import attrs

from trioaudio.core.engine import EngineLoad
from trioaudio.core.percentiles import Histogram
from trioaudio.observe.load_limits import Measured
from trioaudio.pacer import PacerStatistics

_NO_TURNS = PacerStatistics(turns=0, wakeups=0, failures=0, waiting=0)


@attrs.frozen(kw_only=True)
class NodeSnapshot:
    """Counts since the start, and states. A carrier that is not there counts as 0."""

    calls: Mapping[str, int]
    """Calls that are not over, by carrier."""
    capacity: int
    """Calls taken at most."""
    ready: bool
    draining: bool
    refusing: Mapping[str, bool] = attrs.field(factory=dict)
    """Whether calls are refused now, by reason."""
    refused: Mapping[str, int] = attrs.field(factory=dict)
    """Calls that were, by reason."""
    load: Mapping[Measured, float] = attrs.field(factory=dict)
    """What admission goes by, by measure: a part of a core, or seconds."""
    load_limits: Mapping[Measured, float] = attrs.field(factory=dict)
    """Above which no calls are taken, by measure; one that is not there has no limit."""
    speech_frames: Mapping[str, int]
    """Sent, by carrier."""
    idle_frames: Mapping[str, int]
    """Filler sent while nobody spoke, by carrier."""
    lateness: Mapping[str, Histogram]
    """By carrier; may be those in use, they are only read."""
    flushed_frames: int = 0
    """Dropped unsent; those that expired are not among them."""
    expired_frames: int = 0
    """Dropped unsent, because they were too old after a lost connection."""
    pacer: PacerStatistics = _NO_TURNS
    cache_hits: int = 0
    cache_misses: int = 0
    engines_resting: Collection[str] = ()
    engine_loads: Mapping[str, EngineLoad] = attrs.field(factory=dict)
    """What engines that can tell hold of their services."""
    lead_s: Mapping[str, float] = attrs.field(factory=dict)
    """The most speech the carrier of any call holds, by carrier."""
    channels: Mapping[str, int] = attrs.field(factory=dict)
    """What waits, by the name of its queue."""
    cpu: float = 0.0
    """Of one core, over the last seconds."""
    loop_lag_s: float = 0.0
    """The event loop's longest delay in the last second."""
    certificate_expiries: Mapping[str, float] = attrs.field(factory=dict)
    """When listeners' own certificates expire, in seconds since 1970, by listener."""
    slow_steps: int = 0
    """Steps of tasks that held the event loop too long."""
    subscribers_cut: int = 0
    """Readers of events that were too slow."""
    records_lost: int = 0
    """Call records the disk did not take."""
    log_lines_lost: int = 0
