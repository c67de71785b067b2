"""What the control API can ask of the daemon: `control.desk.Desk`, over its calls and works."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Literal

import attrs

from trioaudio import __version__
from trioaudio.api.commands import CallCommand, Play
from trioaudio.api.request_error import RequestError, RequestFault
from trioaudio.api.requests import NewCall, Precache
from trioaudio.api.views import (
    Accepted,
    CallView,
    CarrierView,
    EngineView,
    NodeView,
    Prepared,
    Reply,
    SayingView,
    UtteranceView,
    VoiceView,
)
from trioaudio.call_control import find_call_control
from trioaudio.calls.call_view import call_view
from trioaudio.calls.hub import EventHub, Inbox
from trioaudio.calls.orders import carry_out
from trioaudio.calls.prompts import make_prompts
from trioaudio.calls.roll import Roll
from trioaudio.calls.sound_orders import play_speaker, recorded
from trioaudio.configuration import EnabledCarrier
from trioaudio.control.desk import Readiness, Upload
from trioaudio.core.carrier import Acknowledges, Role, Transport
from trioaudio.core.engine import VoiceChoice
from trioaudio.core.errors import ConfigError, TrioaudioError
from trioaudio.daemon.admission import Admission, Stage
from trioaudio.daemon.switchboard import Switchboard
from trioaudio.daemon.works import Works
from trioaudio.observe.load import LoadWatch
from trioaudio.observe.logs import get_logger
from trioaudio.observe.metrics import NodeMetrics


@attrs.define(eq=False)
class FrontDesk:
    """Answers for the node; everything it needs is given."""

    hub: EventHub
    roll: Roll
    switchboard: Switchboard
    admission: Admission
    load: LoadWatch
    node_metrics: NodeMetrics
    started_at: float
    on_drain: Callable[[], None]
    on_reload: Callable[[], Awaitable[list[str]]]

    @property
    def works(self) -> Works:
        """The configuration in force."""
        return self.switchboard.works

    # --- The node --------------------------------------------------------------------

    def node(self) -> NodeView:
        """Describe the process."""
        ready = self.readiness()
        carriers = self.works.configuration.carriers
        load = self.load.statistics()
        p99 = load.lateness_p99_s
        return NodeView(
            version=__version__,
            state=self._state(ready),
            reason=None if ready.ready else ready.detail,
            started_at=self.started_at,
            calls=len(self.roll),
            calls_most=self.admission.calls_most,
            calls_total=self.roll.total,
            cpu=round(load.cpu_mean, 3),
            lateness_p99_ms=None if p99 is None else round(p99 * 1000, 3),
            carriers=list(carriers),
            engines=[each.name for each in self.works.speech.members],
            media_urls=[
                self.switchboard.listener.url(f"/media/{name}")
                for name, each in carriers.items()
                if Role.ANSWER in each.carrier.roles
                and each.carrier.transport is Transport.WEBSOCKET
            ],
        )

    def _state(self, ready: Readiness) -> Literal["starting", "ready", "full", "draining"]:
        if ready.ready:
            return "ready"
        if self.admission.stage is Stage.READY:
            return "full"
        return "draining" if self.admission.stage is Stage.DRAINING else "starting"

    def readiness(self) -> Readiness:
        """Say whether new calls are taken."""
        return self.admission.readiness()

    async def metrics(self) -> tuple[bytes, str]:
        """Return the metrics in Prometheus' text format, and its content type."""
        return await self.node_metrics.render_in_steps()

    def drain(self) -> None:
        """Take no new calls, and leave once those there are have ended."""
        self.on_drain()

    async def reload(self) -> list[str]:
        """Read the configuration anew; return what was wrong, if it was refused."""
        return await self.on_reload()

    def audit(self, who: str, verb: str, call: str | None, status: int) -> None:
        """Log who asked for what."""
        get_logger("trioaudio.audit").info("control", who=who, verb=verb, call=call, status=status)

    # --- Calls -----------------------------------------------------------------------

    async def create_call(self, wanted: NewCall, traceparent: str | None) -> CallView:
        """Dial, or expect, a call."""
        return call_view(await self.switchboard.create(wanted, traceparent))

    def call_ids(self) -> list[str]:
        """Return all calls, oldest first."""
        return self.roll.ids()

    def call(self, call: str) -> CallView:
        """Return one call."""
        return self.roll.view(call)

    def utterances(self, call: str) -> list[UtteranceView]:
        """Return a call's utterances, oldest first."""
        return self.roll.utterances(call)

    def utterance(self, call: str, utterance: int) -> UtteranceView:
        """Return one utterance."""
        return self.roll.utterance(call, utterance)

    def saying(self, call: str) -> SayingView | None:
        """Return what is being heard on a call."""
        return self.roll.saying(call)

    async def command(self, call: str, command: CallCommand) -> Reply:
        """Tell a call something."""
        return await carry_out(self.roll.find_live(call), command)

    async def play_upload(self, call: str, upload: Upload) -> Accepted:
        """Play a recording on a call."""
        live = self.roll.find_live(call)
        speaker = recorded(upload.audio, upload.sample_rate)
        play = Play(
            interruptible=upload.interruptible,
            priority=upload.priority,
            then=upload.then,
            tail_ms=upload.tail_ms,
        )
        return play_speaker(live, play, speaker)

    @contextmanager
    def listening(self, call: str, side: str, sample_rate: int) -> Iterator[Inbox[bytes]]:
        """Have a call's audio decoded while the block runs."""
        live = self.roll.find_live(call)
        try:
            listening = live.audio.listening(side, sample_rate)
            with listening as inbox:
                yield inbox
        except ConfigError as exc:
            raise RequestError(RequestFault.INVALID, str(exc)) from exc

    # --- Speech ----------------------------------------------------------------------

    async def precache(self, wanted: Precache) -> Prepared:
        """Make prompts and keep them."""
        usual = self.works.choice
        choice = VoiceChoice(wanted.voice or usual.voice, wanted.language or usual.language)
        rate = wanted.sample_rate or self.works.configuration.first_carrier.sample_rate
        return await make_prompts(self.works.speech, wanted.texts, choice, rate)

    async def voices(self, engine: str | None) -> list[VoiceView]:
        """List the voices of an engine, or of all of the chain."""
        speech = self.works.speech
        names = [engine] if engine is not None else [each.name for each in speech.members]
        found = []
        for name in names:
            try:
                voices = await speech.voices(name)
            except ConfigError as exc:
                raise RequestError(RequestFault.NOT_FOUND, str(exc)) from exc
            except TrioaudioError as exc:
                if engine is not None:
                    raise RequestError(RequestFault.ENGINE, str(exc)) from exc
                continue  # the others can be listed all the same
            found += [
                VoiceView(
                    engine=name,
                    voice=each.name,
                    languages=list(each.languages),
                    gender=each.gender,
                    description=each.description,
                )
                for each in voices
            ]
        return found

    def engines(self) -> list[EngineView]:
        """List the engines of the chain."""
        return [
            EngineView(
                engine=each.engine,
                position=each.position,
                embedded=each.embedded,
                resting=each.resting,
            )
            for each in self.works.speech.engines()
        ]

    def carriers(self) -> list[CarrierView]:
        """List the carriers whose calls are taken."""
        return [
            self._carrier_view(name, each)
            for name, each in self.works.configuration.carriers.items()
        ]

    def _carrier_view(self, name: str, enabled: EnabledCarrier) -> CarrierView:
        carrier, rest = enabled.carrier, self.works.rests.get(name)
        control = find_call_control(name)
        return CarrierView(
            carrier=name,
            media_path=f"/media/{name}",
            sample_rates=list(carrier.sample_rates),
            encodings=[each.value for each in carrier.encodings],
            dials_us=Role.ANSWER in carrier.roles,
            is_dialled=Role.DIAL in carrier.roles,
            clears=carrier.clears,
            marks=carrier.acknowledges is Acknowledges.MARKS,
            hangs_up=carrier.hangs_up or bool(rest and rest.control.hang_up),
            transfers=carrier.transfers or bool(rest and rest.control.transfer),
            places=bool(rest and rest.control.place),
            answers=control is not None and control.answer_document is not None,
        )
