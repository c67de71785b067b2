"""Make one call and see it through: engine, far end, pacer, call, view, and the signals.

    open engine → open far end → (call.run ∥ author: wait for the carrier, say, hang up)
    → collect the far end's report → ours beside it

The first SIGINT or SIGTERM stops the speech, tells the carrier and closes, all within the
shutdown time; the second ends the process at once.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterable, AsyncIterator, Iterator
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    asynccontextmanager,
    contextmanager,
)
from typing import Any

import attrs
import trio

from trioaudio import unfinished
from trioaudio.call import Call, Hooks
from trioaudio.call_control import load_call_control
from trioaudio.call_link import open_call_link
from trioaudio.core.carrier import Recovery
from trioaudio.core.connection import CallControlLink, Closing
from trioaudio.core.engine import VoiceChoice
from trioaudio.core.errors import OutputError, TextError, TrioaudioError
from trioaudio.core.exit_code import ExitCode, exit_code_for
from trioaudio.core.facts import EngineSwitched, Fact, LegConnected, Tell
from trioaudio.core.pcm import PTIME_MS, PcmFormat
from trioaudio.core.percentiles import Histogram
from trioaudio.core.playout_item import Audio
from trioaudio.core.speech import Speaker
from trioaudio.core.utterance import Cause, Utterance, UtteranceState
from trioaudio.core.verdict import Verdict, known_error
from trioaudio.far_end import FarEnd, awaited, dialled, simulated
from trioaudio.garbage import settle
from trioaudio.leg import Leg, SentHook
from trioaudio.line import Line
from trioaudio.line_setup import make_line
from trioaudio.observe.call_report import CallFigures, call_report
from trioaudio.observe.send_log import SendLog
from trioaudio.observe.wire_recording import WireRecording, open_recording
from trioaudio.pacer import Pacer
from trioaudio.plan import Ended, FarEndKind, Plan
from trioaudio.screen import Screen, open_screen
from trioaudio.speech.opening import open_chain
from trioaudio.speech_setup import chain_setup
from trioaudio.steering import CONTROL_S
from trioaudio.supervise import LegFailure
from trioaudio.text_source import TextSource
from trioaudio.utterances import Say

SNAPSHOT_S = 0.1

TRANSFERRED_S = CONTROL_S + 5.0
"""How long a transfer may take, and the carrier may leave the stream open; then we close it."""

COLLECT_S = 0.8
"""After a signal, how long the files and the far end's report may take once the call is over."""


def make_the_call(plan: Plan, simulator: subprocess.Popen[bytes] | None) -> Ended:
    """Run the whole call; return how it ended. TrioaudioError when there was none to speak of."""
    settle()
    sys.setswitchinterval(0.0005)
    try:
        return trio.run(_OneCall(plan, simulator).run)
    except BaseExceptionGroup as group:
        raise known_error(group) from None


@attrs.define(eq=False)
class _OneCall:
    """The state of the one call there is."""

    plan: Plan
    simulator: subprocess.Popen[bytes] | None
    log: SendLog = attrs.field(factory=SendLog)
    _lateness: Histogram = attrs.field(factory=Histogram)
    screen: Screen = attrs.field(init=False)
    call: Call | None = None
    said: Say | None = None
    source: TextSource | None = None
    far_end: FarEnd | None = None
    takes_over: str = ""
    """The engine that went on when another had failed."""
    connections: int = 0
    peer: str = ""
    signal_number: int | None = None
    _unreadable: TextError | None = None
    started_at: float = 0.0
    _connected: trio.Event = attrs.field(factory=trio.Event)
    _body: trio.CancelScope = attrs.field(factory=trio.CancelScope)
    _calling: trio.CancelScope = attrs.field(factory=trio.CancelScope)

    async def run(self) -> Ended:
        """Do it all; every resource is closed on the way out."""
        plan = self.plan
        self.started_at = trio.current_time()
        ended = Ended(ExitCode.SAID)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._watch_signals)
            async with open_screen(plan) as self.screen:
                with self._body, self._errors_after_a_signal():
                    ended = await self._call_and_report()
                if self.signal_number is not None:
                    ended = attrs.evolve(
                        ended, exit_code=128 + self.signal_number, problem=None, by_signal=True
                    )
                try:
                    await self.screen.conclude(ended)
                except OutputError as exc:
                    # The report may still get through.
                    code = ended.exit_code or ExitCode.OUTPUT
                    problem = ended.problem or str(exc)
                    ended = attrs.evolve(ended, exit_code=code, problem=problem)
            nursery.cancel_scope.cancel()
        return ended

    @contextmanager
    def _errors_after_a_signal(self) -> Iterator[None]:
        """Drop errors that only come of being told to stop: parts end in no order then."""
        try:
            yield
        except* TrioaudioError:
            if self.signal_number is None:
                raise

    async def _watch_signals(self) -> None:
        with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
            async for number in signals:
                if self.signal_number is not None:
                    unfinished.remove_all()
                    os._exit(128 + number)
                self.signal_number = number
                self._stop()

    def _stop(self) -> None:
        """End politely: cut the speech, tell the carrier, close; by force after a while."""
        if self.call is None:
            self._body.cancel()
            return
        self._end_call(Cause.CANCELLED)
        # What was said is told even if the goodbye had to be given up.
        self._body.deadline = self._calling.deadline + COLLECT_S

    def _end_call(self, cause: Cause) -> None:
        """Cut the speech, tell the carrier, close: within the shutdown time, at once if alone."""
        assert self.call is not None
        self._calling.deadline = trio.current_time() + self.plan.settings.shutdown_s
        self.call.stop(cause)
        if self.call.leg is None and self.far_end is not None and not self.connections:
            self.far_end.give_up()

    async def _call_and_report(self) -> Ended:
        plan, settings = self.plan, self.plan.settings
        choice = VoiceChoice(settings.voice, settings.language)
        async with AsyncExitStack() as stack:
            speaker = await stack.enter_async_context(open_chain(chain_setup(plan, self._tell)))
            speaker.check(choice)
            self.source = TextSource(settings.text_limit, speaker, choice, self.screen.warn)
            recording = await stack.enter_async_context(_recording(plan))
            far_end = await stack.enter_async_context(_far_end(plan, self.simulator, self._tell))
            control = far_end.control
            if plan.far_end is FarEndKind.AWAITED:
                control = await stack.enter_async_context(
                    open_call_link(settings, plan.carrier, plan.carrier_settings)
                )
            # A text that is all there is checked before anybody's telephone rings.
            pieces = self.source if plan.text is None else self.source.whole(plan.text)
            if plan.far_end is FarEndKind.AWAITED and far_end.url is not None:
                self.screen.announce(far_end.url, on_stdout=not plan.report_on_stdout)
            outcome, figures = await self._make(speaker, pieces, far_end, control, recording)
            await far_end.wait_report()
            written, unwritten = True, None
            if recording is not None:
                try:
                    await recording.finish()
                except OutputError as exc:
                    written, unwritten = False, exc
            elif plan.far_end is FarEndKind.SIMULATED:
                written = bool(far_end.report and far_end.report["out"])
            figures = attrs.evolve(figures, far_report=far_end.report, now=trio.current_time())
        ended = self._judge(outcome, figures, written=written)
        if unwritten is not None and ended.exit_code is ExitCode.SAID:
            return attrs.evolve(ended, exit_code=ExitCode.OUTPUT, problem=str(unwritten))
        return ended

    async def _make(
        self,
        speaker: Speaker,
        pieces: AsyncIterable[str],
        far_end: FarEnd,
        control: CallControlLink | None,
        recording: WireRecording | None,
    ) -> tuple[Closing | LegFailure, CallFigures]:
        pacer = Pacer(early=self.plan.settings.early_ms / 1000)
        call = Call(
            line=_line(self.plan),
            speaker=speaker,
            pacer=pacer,
            lateness=self._lateness,
            hooks=Hooks(
                tell=self._tell,
                on_event=self.screen.carrier_said,
                on_sent=self.log if recording is None else _both(self.log, recording),
            ),
            control=control,
        )
        async with trio.open_nursery() as nursery:
            nursery.start_soon(pacer.run)
            nursery.start_soon(self._author, call, pieces)
            nursery.start_soon(self._show, call)
            self.call, self.far_end = call, far_end
            outcome: Closing | LegFailure = Closing(reason="told to stop")
            with self._calling:
                outcome = await call.run(far_end.connect)
            nursery.cancel_scope.cancel()
        return outcome, self._figures(call, speaker)

    async def _author(self, call: Call, pieces: AsyncIterable[str]) -> None:
        """Say the text once somebody is there to hear it, then hang up."""
        settings = self.plan.settings
        choice = VoiceChoice(settings.voice, settings.language)
        async with trio.open_nursery() as nursery:
            if isinstance(pieces, TextSource):
                nursery.start_soon(self._read_stdin, pieces)
            await self._connected.wait()
            self.said = await call.say(pieces, choice, self.screen.progress.add_word)
            if self.plan.transfer is None:
                await call.hang_up()
            else:
                await call.transfer(self.plan.transfer)
                await self.said.done.wait()
                # The carrier ends the stream of a callee who is somewhere else now.
                await trio.sleep(TRANSFERRED_S)
                if call.handed_over:
                    await call.end_stream()
                else:
                    await call.hang_up()  # nobody took the callee

    async def _read_stdin(self, source: TextSource) -> None:
        try:
            await source.read_stdin()
        except TextError as exc:
            self._unreadable = exc
            self._end_call(Cause.ERROR)

    async def _show(self, call: Call) -> None:
        """Draw what can be seen ten times a second, in another process."""
        while self.screen.draws:
            self.screen.show(self._snapshot(call))
            await trio.sleep(SNAPSHOT_S)

    def _tell(self, fact: Fact) -> None:
        if isinstance(fact, LegConnected):
            self.connections += 1
            self.peer = fact.peer
            self._connected.set()
        if isinstance(fact, EngineSwitched):
            self.takes_over = fact.takes_over
        self.screen.tell(fact)

    def _snapshot(self, call: Call) -> dict[str, Any]:
        plan, leg = self.plan, call.leg
        said = self.said.utterance if self.said else None
        first = said.first_frame_at if said else None
        now = trio.current_time()
        sent_ms = self.log.frames * PTIME_MS
        unheard_ms = max(0.0, leg.heard_until - now) * 1000 if leg else 0.0
        clock = leg.clock if leg else None
        return {
            "state": self._state(leg, said),
            "text": self.source.text if self.source else "",
            "spoken": self.screen.progress.characters_at(sent_ms - unheard_ms),
            "engine": self._speaking_engine(),
            "voice": plan.settings.voice,
            "carrier": plan.carrier.name,
            "peer": self.peer,
            "frames": self.log.frames,
            "frame_bytes": PcmFormat(plan.settings.sample_rate).frame_bytes,
            "bytes": leg.statistics().wire_bytes if leg else None,
            "elapsed_s": round(now - (first or now), 2),
            "lateness_ms": self._lateness.statistics().asdict(),
            "history": self.log.recent_ms(),
            "queue": call.queue.depth,
            "queue_bound": call.queue.bound,
            "underruns": clock.underruns if clock else 0,
            "resyncs": clock.resyncs if clock else 0,
            "first_frame_ms": (
                (first - said.accepted_at) * 1000 if first and said and said.accepted_at else None
            ),
        }

    def _speaking_engine(self) -> str:
        """Return the engine that is speaking: the one that took over last, or the first."""
        return self.takes_over or self.plan.engines[0].kind.name

    def _state(self, leg: Leg | None, said: Utterance | None) -> str:
        if self.signal_number is not None or (said and said.state.final):
            return "closing"
        if leg is None:
            return "lost" if self.connections else "waiting"
        return "playing" if said and said.state is UtteranceState.SENT else "speaking"

    def _figures(self, call: Call, speaker: Speaker) -> CallFigures:
        said = self.said.utterance if self.said else None
        if said is not None and self.source is not None:
            said.characters = self.source.characters
        totals = call.totals
        return CallFigures(
            pcm=PcmFormat(self.plan.settings.sample_rate),
            log=self.log,
            ledger=call.queue.ledger.statistics(),
            totals=totals,
            reconnects=max(0, self.connections - 1),
            utterance=said,
            engine=speaker.name,
            stretches=tuple(self.said.stretches) if self.said else (),
            voice=self.plan.settings.voice or self.plan.settings.language,
            carrier=self.plan.carrier.name,
            far_report=None,
            now=trio.current_time(),
        )

    def _judge(
        self, outcome: Closing | LegFailure, figures: CallFigures, *, written: bool
    ) -> Ended:
        """Turn what happened into an exit code, and into one line if it was not what was asked."""
        report = call_report(figures)
        out = self.plan.out if written else None
        utterance = figures.utterance
        error = self._unreadable or (self.said.error if self.said else None)
        if error is not None:
            return Ended(exit_code_for(error), report, str(error), out)
        if isinstance(outcome, LegFailure):
            code = ExitCode.BUG if outcome.verdict is Verdict.BUG else ExitCode.CARRIER
            return Ended(code, report, outcome.reason, out)
        if utterance is None or utterance.cause is not Cause.NORMAL:
            problem = f"the far end closed the connection ({outcome}) before all was said"
            return Ended(ExitCode.CARRIER, report, problem, out)
        if self.plan.transfer is not None and self.call is not None and not self.call.handed_over:
            return Ended(ExitCode.CARRIER, report, "the callee could not be transferred", out)
        if not figures.ledger.framed:
            return Ended(ExitCode.TEXT, report, "the voice has no sound for this text", out)
        return Ended(ExitCode.SAID, report, None, out)


def _both(first: SentHook, second: SentHook) -> SentHook:
    def hook(item: Audio, sent_at: float, lateness: float, due: float) -> None:
        first(item, sent_at, lateness, due)
        second(item, sent_at, lateness, due)

    return hook


def _recovery(plan: Plan) -> Recovery:
    """Return what a lost connection can be met with: who opened it decides, if anything can."""
    if plan.carrier.recovery is Recovery.END:
        return Recovery.END
    return Recovery.REDIAL if plan.far_end is FarEndKind.DIALLED else Recovery.WAIT


def _line(plan: Plan) -> Line:
    return make_line(
        plan.settings,
        plan.carrier,
        plan.carrier_settings,
        sample_rate=plan.settings.sample_rate,
        recovery=_recovery(plan),
        first_wait=plan.settings.answer_timeout_s or None,
    )


def _far_end(
    plan: Plan, simulator: subprocess.Popen[bytes] | None, tell: Tell
) -> AbstractAsyncContextManager[FarEnd]:
    if simulator is not None:
        return simulated(plan.settings, plan.carrier, simulator)
    if plan.settings.listen is not None:
        host, port = plan.settings.listen
        settings = plan.settings
        if plan.order is not None:
            # The call is still to be placed, and its URL must not grow old meanwhile.
            settings = attrs.evolve(settings, answer_timeout_s=0.0)
        awaiting = awaited(
            settings, plan.carrier, host, port, carrier_settings=plan.carrier_settings, tell=tell
        )
        if plan.order is None:
            return awaiting
        # httpx takes longer to import than many a text to say.
        from trioaudio.placed_call import WantedCall, placed  # noqa: PLC0415

        control, media = load_call_control(plan.carrier.name), _line(plan).shape.media
        wanted = WantedCall(
            plan.order, control, plan.carrier_settings, media, plan.carrier.hangs_up
        )
        return placed(plan.settings, wanted, awaiting, tell)
    return dialled(plan.settings, plan.carrier)


@asynccontextmanager
async def _recording(plan: Plan) -> AsyncIterator[WireRecording | None]:
    """Record what we send, where nobody at the far end does it for us."""
    if plan.out is None or plan.far_end is FarEndKind.SIMULATED:
        yield None
        return
    shape = _line(plan).shape
    async with open_recording(
        plan.out, shape.pcm, shape.media.encoding, plan.carrier.form
    ) as recording:
        yield recording
