"""What metrics show of a daemon, counted at the moment somebody asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trioaudio.daemon.admission import REFUSALS, Stage
from trioaudio.observe.node_snapshot import NodeSnapshot

if TYPE_CHECKING:
    from trioaudio.daemon.tree import Daemon


async def picture_of(daemon: Daemon) -> NodeSnapshot:
    """Count what a daemon has done, and what it does."""
    works = None if daemon.switchboard is None else daemon.switchboard.works
    counts = await daemon.counts.with_live(daemon.roll)
    if works is not None:  # those from before the wait: what a reload retired is not counted yet
        counts.add_works(works)
    load, admission = daemon.load.statistics(), daemon.admission
    refusing = admission.refusing()
    records = daemon.watch.records
    return NodeSnapshot(
        calls=counts.calls,
        capacity=admission.calls_most,
        ready=admission.readiness().ready,
        draining=admission.stage is Stage.DRAINING,
        refusing={each: each == refusing for each in REFUSALS},
        refused=admission.refused(),
        load=load.by_measure(),
        load_limits=daemon.load.limits.by_measure(),
        speech_frames=counts.speech_frames,
        idle_frames=counts.idle_frames,
        lateness=daemon.lateness,
        flushed_frames=counts.flushed,
        expired_frames=counts.expired,
        pacer=daemon.pacer.statistics(),
        engines_resting=[]
        if works is None
        else [each.engine for each in works.speech.engines() if each.resting],
        cache_hits=counts.cache_hits,
        cache_misses=counts.cache_misses,
        engine_loads={} if works is None else works.engine_loads(),
        lead_s=counts.lead_s,
        channels={"playout": counts.queued, "events": daemon.hub.waiting},
        cpu=load.cpu_mean,
        loop_lag_s=load.loop_lag_s,
        certificate_expiries=daemon.certificates.expiries(),
        slow_steps=daemon.loop_watch.statistics().slow_steps,
        subscribers_cut=daemon.hub.cut,
        records_lost=0 if records is None else records.statistics().lost,
        log_lines_lost=daemon.log_counts.dropped + daemon.log_counts.failed,
    )
