"""The metrics of what is rare: each counted when it happens, all there from the start with 0.

An alert on a counter that is missing until its first event cannot fire on that event.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import permutations, product
from typing import Final, get_args

from trioaudio.api.shapes import CallCause, Cause, Certainty
from trioaudio.calls.stages import STAGES
from trioaudio.observe.tallies import Counts, Distributions

VERDICTS: Final = ("closed", "lost", "refused", "bug")
REFUSALS: Final = (
    "400",
    "401",
    "403",
    "404",
    "405",
    "409",
    "410",
    "411",
    "413",
    "426",
    "429",
    "500",
    "503",
)
UNTOLD: Final = "untold"
"""The status of refusals that are told by their number only."""

_FIRST_FRAME_S = (*(0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5), *(0.6, 0.8, 1.0, 1.5, 2.0, 3.0, 5.0))
_STAGE_S = (
    *(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2),
    *(0.3, 0.5, 0.8, 1.0, 2.0, 5.0, 10.0, 30.0),
)
_DURATION_S = (1, 5, 15, 30, 60, 120, 300, 600, 1800, 3600)
_BARGE_IN_S = (0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0)


class PushedMetrics:
    """All of them; `families` gives them in the order they are written."""

    def __init__(self, carriers: Sequence[str], engines: Sequence[str]) -> None:
        self.families: list[Counts | Distributions] = []
        self._carriers = [(each,) for each in carriers]
        self._engines = [(each,) for each in engines]
        self._about_calls()
        self._about_legs()
        self._about_speech()
        self._about_engines()
        self._about_the_node()

    def _about_calls(self) -> None:
        self.calls = self._counter(
            *("calls", "Calls that ended, by cause.", ("carrier", "result")),
            product(self._carrier_names, get_args(CallCause)),
        )
        self.call_duration = self._histogram(
            *("call_duration_seconds", "From answered to ended.", ("carrier",)),
            *(_DURATION_S, self._carriers),
        )
        self.barge_in = self._histogram(
            "barge_in_seconds",
            "From a barge-in's cause until the carrier was told to forget.",
            *(("carrier",), _BARGE_IN_S, self._carriers),
        )
        self.control_failures = self._counter(
            "control_failures", "Carriers did not do what was asked.", ("carrier",), self._carriers
        )

    def _about_legs(self) -> None:
        carriers = self._carriers
        self.underruns = self._counter(
            "underruns", "Gaps because an engine was too slow.", ("carrier",), carriers
        )
        self.underrun_seconds = self._counter(
            "underrun_seconds", "Sum of these gaps.", ("carrier",), carriers
        )
        self.resyncs = self._counter(
            "resyncs", "Schedules moved because we were too late.", ("carrier",), carriers
        )
        self.stalls = self._counter(
            "ws_send_stalls", "Times a socket took no more.", ("carrier",), carriers
        )
        self.legs_ended = self._counter(
            *("legs_ended", "Connections that ended, by verdict.", ("carrier", "verdict")),
            product(self._carrier_names, VERDICTS),
        )
        self.reconnects = self._counter(
            *("ws_reconnects", "Connections tried again.", ("carrier", "result")),
            product(self._carrier_names, ("tried", "connected")),
        )

    def _about_speech(self) -> None:
        self.utterances = self._counter(
            *("utterances", "Utterances complete, by cause.", ("cause",)),
            ((cause,) for cause in get_args(Cause)),
        )
        self.certainty = self._counter(
            *("playout_certainty", "How it is known what was heard.", ("how",)),
            ((how,) for how in get_args(Certainty)),
        )
        self.first_frame = self._histogram(
            *(
                "first_frame_seconds",
                "From accepted to the first frame, what is said while it rings included.",
                ("engine", "cache"),
            ),
            *(_FIRST_FRAME_S, product(self._engine_names, ("hit", "miss"))),
        )
        self.stages = self._histogram(
            *("stage_seconds", "What an utterance waited for before its first frame.", ("stage",)),
            *(_STAGE_S, ((each,) for each in STAGES)),
        )
        self.prompts_not_kept = self._counter("prompts_not_kept", "Prompts not written.", (), [])

    def _about_engines(self) -> None:
        engines = self._engines
        self.engine_requests = self._counter(
            *("engine_requests", "Utterances given to an engine.", ("engine", "result")),
            product(self._engine_names, ("spoken", "failed")),
        )
        self.failovers = self._counter(
            *("engine_failovers", "One engine went on for another.", ("from", "to")),
            permutations(self._engine_names, 2),
        )
        self.rests = self._counter("engine_rests", "Not asked for a while.", ("engine",), engines)
        self.restarts = self._counter(
            "engine_restarts", "Its process was started again.", ("engine",), engines
        )
        self.characters = self._counter(
            "engine_characters", "Characters spoken, the cache's apart.", ("engine",), engines
        )
        self.unheard_seconds = self._counter(
            "unheard_seconds", "Made, and never played.", ("engine",), engines
        )

    def _about_the_node(self) -> None:
        self.door_refusals = self._counter(
            *("door_refusals", "Connections not let in, by HTTP status.", ("status",)),
            ((status,) for status in (*REFUSALS, UNTOLD)),
        )
        self.webhook_failures = self._counter(
            "webhook_failures", "Times it was told that events could not be posted.", (), []
        )
        self.webhook_events_lost = self._counter("webhook_events_lost", "Events given up.", (), [])
        self.auth_failures = self._counter("auth_failures", "Control requests refused.", (), [])
        self.drain_forced = self._counter("drain_forced", "Calls cut by a drain's end.", (), [])
        self.build = Counts("trioaudio_build_info", "What runs.", ("version",), kind="gauge")
        self.families.append(self.build)

    @property
    def _carrier_names(self) -> list[str]:
        return [name for (name,) in self._carriers]

    @property
    def _engine_names(self) -> list[str]:
        return [name for (name,) in self._engines]

    def _counter(
        self, name: str, meaning: str, labels: Sequence[str], known: Iterable[Sequence[str]]
    ) -> Counts:
        counts = Counts(f"trioaudio_{name}", meaning, labels, known)
        self.families.append(counts)
        return counts

    def _histogram(
        self,
        name: str,
        meaning: str,
        labels: Sequence[str],
        bounds: Sequence[float],
        known: Iterable[Sequence[str]],
    ) -> Distributions:
        distributions = Distributions(f"trioaudio_{name}", meaning, labels, bounds, known)
        self.families.append(distributions)
        return distributions
