"""The node's metrics in Prometheus' text format: rare facts pushed, everything else pulled.

No metric has a label that grows with the calls: call ids are in logs and records. Metric names and
label values are listed in docs/metrics.md.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import TypeAlias, assert_never

import trio

from trioaudio.api.shapes import CallCause, Cause, Certainty
from trioaudio.core.facts import (
    CallControlFailed,
    CallPlaced,
    DoorRefused,
    EngineRestarted,
    EngineRested,
    EngineReturned,
    EngineSwitched,
    Fact,
    FirstFrameSent,
    FramesExpired,
    LegConnected,
    LegEnded,
    MoreDoorRefusals,
    PromptNotKept,
    RecoveryBegan,
    Resynced,
    Stalled,
    Underrun,
    UtteranceSent,
    WebhookFailed,
)
from trioaudio.observe.exposition import CONTENT_TYPE, write_family
from trioaudio.observe.node_collector import NodeCollector
from trioaudio.observe.node_snapshot import NodeSnapshot
from trioaudio.observe.pushed_metrics import UNTOLD, PushedMetrics

_NOTHING: Mapping[str, int] = MappingProxyType({})
_OfNoCarrier: TypeAlias = (
    EngineSwitched
    | EngineRested
    | EngineReturned
    | EngineRestarted
    | PromptNotKept
    | DoorRefused
    | MoreDoorRefusals
    | WebhookFailed
)


class NodeMetrics:
    """All metrics of one node; two in one process know nothing of each other."""

    def __init__(
        self,
        carriers: Sequence[str],
        engines: Sequence[str],
        version: str,
        snapshot: Callable[[], Awaitable[NodeSnapshot]],
    ) -> None:
        """Have those names there from the start; `snapshot` counts what is pulled."""
        self._pushed = PushedMetrics(carriers, engines)
        self._pushed.build.labels(version).inc()
        self._collector = NodeCollector(carriers, engines)
        self._snapshot = snapshot
        self._engines = frozenset(engines)

    # --- Rare facts ------------------------------------------------------------------

    def tell(self, carrier: str, fact: Fact) -> None:  # noqa: C901  a line a fact
        """Count a fact of a call with `carrier`; of facts about no call any name will do."""
        pushed = self._pushed
        match fact:
            case Underrun(seconds=seconds):
                pushed.underruns.labels(carrier).inc()
                pushed.underrun_seconds.labels(carrier).inc(seconds)
            case Resynced():
                pushed.resyncs.labels(carrier).inc()
            case Stalled():
                pushed.stalls.labels(carrier).inc()
            case LegEnded(verdict=verdict):
                pushed.legs_ended.labels(carrier, verdict or "closed").inc()
            case LegConnected(attempt=attempt):
                if attempt > 1:
                    pushed.reconnects.labels(carrier, "connected").inc()
            case RecoveryBegan():
                pushed.reconnects.labels(carrier, "tried").inc()
            case CallControlFailed():
                pushed.control_failures.labels(carrier).inc()
            case CallPlaced() | FirstFrameSent() | FramesExpired() | UtteranceSent():
                pass  # pulled, or counted by what it leads to
            case _:
                self._tell_of_no_carrier(fact)

    def _tell_of_no_carrier(self, fact: _OfNoCarrier) -> None:  # noqa: C901  a line a fact
        pushed = self._pushed
        match fact:
            case EngineSwitched(failed=failed, takes_over=takes_over):
                pushed.failovers.labels(failed, takes_over).inc()
                pushed.engine_requests.labels(failed, "failed").inc()
            case EngineRested(engine=engine):
                pushed.rests.labels(engine).inc()
            case EngineRestarted(engine=engine):
                pushed.restarts.labels(engine).inc()
            case PromptNotKept():
                pushed.prompts_not_kept.inc()
            case DoorRefused(status=status):
                pushed.door_refusals.labels(str(status)).inc()
            case MoreDoorRefusals(count=count):
                pushed.door_refusals.labels(UNTOLD).inc(count)
            case WebhookFailed(lost=lost):
                pushed.webhook_failures.inc()
                pushed.webhook_events_lost.inc(lost)
            case EngineReturned():
                pass  # pulled: an engine rests or does not
            case _:
                assert_never(fact)

    def utterance_completed(  # noqa: PLR0913  each by name
        self,
        engine: str | None,
        cause: Cause,
        certainty: Certainty | None,
        first_frame_s: float | None,
        *,
        cached: bool,
        characters: Mapping[str, int] = _NOTHING,
        unheard_s: float = 0.0,
        stages: Iterable[tuple[str, float]] | None = None,
    ) -> None:
        """Count an utterance.

        `engine` spoke it, the last one if several did; None if none was asked. `characters` are
        what each engine made, `unheard_s` what of all that was never played. `stages` are named in
        `calls.stages`, with their seconds.
        """
        pushed = self._pushed
        for stage, seconds in stages or ():
            pushed.stages.labels(stage).observe(seconds)
        pushed.utterances.labels(cause).inc()
        if certainty is not None:
            pushed.certainty.labels(certainty).inc()
        for each, spoken in characters.items():
            if each in self._engines:
                pushed.characters.labels(each).inc(spoken)
        if engine is None or engine not in self._engines:  # a recording is no engine
            return
        if first_frame_s is not None:
            pushed.first_frame.labels(engine, "hit" if cached else "miss").observe(first_frame_s)
        pushed.unheard_seconds.labels(engine).inc(unheard_s)
        if not cached:
            failed = cause in _ENGINE_FAILED
            pushed.engine_requests.labels(engine, "failed" if failed else "spoken").inc()

    def call_ended(self, carrier: str, cause: CallCause, duration_s: float | None) -> None:
        """Count a call; `duration_s` None if it was never answered."""
        self._pushed.calls.labels(carrier, cause).inc()
        if duration_s is not None:
            self._pushed.call_duration.labels(carrier).observe(duration_s)

    def barged_in(self, carrier: str, seconds: float) -> None:
        """Count a barge-in, and how long it took until the carrier was told."""
        self._pushed.barge_in.labels(carrier).observe(seconds)

    def auth_failed(self) -> None:
        """Count a control request that was refused."""
        self._pushed.auth_failures.inc()

    def drain_forced(self, calls: int = 1) -> None:
        """Count a call that was cut because the drain took too long."""
        self._pushed.drain_forced.inc(calls)

    # --- Rendering -------------------------------------------------------------------

    async def render_in_steps(self) -> tuple[bytes, str]:
        """Return all of them as text, and its content type, giving other tasks their turn."""
        text = []
        for part in self.slices(await self._snapshot()):
            text.append(part)
            await trio.lowlevel.checkpoint()
        return b"".join(text), CONTENT_TYPE

    def slices(self, node: NodeSnapshot) -> Iterator[bytes]:
        """Return the text in slices that each take much less than a millisecond."""
        for tallies in self._pushed.families:
            yield from tallies.slices()
        for family in self._collector.collect(node):
            yield from write_family(family)


_ENGINE_FAILED: tuple[Cause, ...] = ("error", "parse-failure", "language-unsupported")
