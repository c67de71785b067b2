"""The daemon's task tree: what is opened in which order, and how it all comes to an end.

engines → listener → control server → calls
SIGTERM, SIGINT: refuse new calls → calls end, or the drain's deadline comes → goodbye
a second signal: goodbye at once. SIGHUP: the configuration is read anew
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack
from functools import partial
from typing import TYPE_CHECKING

import attrs
import trio

from trioaudio import __version__
from trioaudio.answering import Answering
from trioaudio.calls.hub import EventHub
from trioaudio.calls.live_call import LiveCall
from trioaudio.calls.roll import Roll
from trioaudio.calls.shared import Shared
from trioaudio.calls.text_feed import TextLimits
from trioaudio.calls.wall_clock import WallClock
from trioaudio.carriers import carrier_names
from trioaudio.configuration import Configuration, EnabledCarrier
from trioaudio.control.server import open_control_server
from trioaudio.control.tokens import ensure_first_token
from trioaudio.core.exit_code import ExitCode
from trioaudio.core.percentiles import Histogram
from trioaudio.daemon.admission import Admission, Stage
from trioaudio.daemon.call_facts import call_facts
from trioaudio.daemon.certificates import Certificates
from trioaudio.daemon.counting import NodeCounts
from trioaudio.daemon.cut_calls import keep_cut_calls, read_cut_calls
from trioaudio.daemon.event_posts import posting_events
from trioaudio.daemon.front_desk import FrontDesk
from trioaudio.daemon.leaving import Leaving
from trioaudio.daemon.listening import (
    control_options,
    hold_newcomers,
    leave_to_others,
    open_media,
    own_certificates,
)
from trioaudio.daemon.notices import Notices
from trioaudio.daemon.notify import Notifier
from trioaudio.daemon.passed_sockets import PassedSockets
from trioaudio.daemon.picture import picture_of
from trioaudio.daemon.recordings import Recorder
from trioaudio.daemon.relaying import relay
from trioaudio.daemon.reloading import Reloading
from trioaudio.daemon.signals import Signals
from trioaudio.daemon.switchboard import Switchboard
from trioaudio.daemon.trial import trial_of, wait_until_spoken
from trioaudio.daemon.watch import Watch
from trioaudio.daemon.webhooks import answered_carriers
from trioaudio.daemon.works import Works, keep_works
from trioaudio.engines import engine_names
from trioaudio.garbage import collect_steadily
from trioaudio.net.listener import Listener
from trioaudio.observe.call_record import call_record
from trioaudio.observe.load import LoadWatch
from trioaudio.observe.load_limits import LoadLimits, limits_of
from trioaudio.observe.log_context import describing_calls
from trioaudio.observe.log_sinks import LogCounts
from trioaudio.observe.logs import get_logger
from trioaudio.observe.loop_watch import LoopWatch
from trioaudio.observe.metrics import NodeMetrics
from trioaudio.observe.record_file import open_record_file
from trioaudio.pacer import Pacer
from trioaudio.serve_settings import ServeSettings

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger


@attrs.frozen
class Addresses:
    """Where it listens: the media listener's URL, the control server's or its socket's path."""

    media: str
    control: str


@attrs.define(eq=False)
class Daemon:
    """One process of `trioaudio serve`; `read_again` reads its configuration anew."""

    configuration: Configuration
    read_again: Callable[[], Configuration]
    alone: bool = False  # in its process
    log_counts: LogCounts = attrs.field(factory=LogCounts)
    notifier: Notifier = attrs.field(factory=Notifier)
    passed: PassedSockets = attrs.field(factory=PassedSockets)
    hub: EventHub = attrs.field(factory=EventHub)
    roll: Roll = attrs.field(factory=Roll)
    clock: WallClock = attrs.field(factory=WallClock.start)
    counts: NodeCounts = attrs.field(factory=NodeCounts)
    certificates: Certificates = attrs.field(factory=Certificates)
    pacer: Pacer = attrs.field(init=False)
    load: LoadWatch = attrs.field(init=False)
    admission: Admission = attrs.field(init=False)
    watch: Watch = attrs.field(init=False)
    recorder: Recorder = attrs.field(init=False)
    loop_watch: LoopWatch = attrs.field(init=False)
    leaving: Leaving = attrs.field(init=False)
    reloading: Reloading = attrs.field(init=False)
    notices: Notices = attrs.field(init=False)
    switchboard: Switchboard | None = None
    addresses: Addresses | None = None
    """Known once `listening` is set."""
    listening: trio.Event = attrs.field(factory=trio.Event)
    lateness: dict[str, Histogram] = attrs.field(factory=dict)

    def __attrs_post_init__(self) -> None:
        serve = self.configuration.serve
        self.pacer = Pacer(early=self.configuration.settings.early_ms / 1000)
        calls = self.roll.__len__
        self.load = LoadWatch(self.lateness.values, _limits_of(serve), calls=calls)
        self.admission = Admission(calls, serve.calls_most, self.load.refusal)
        snapshot = partial(picture_of, self)
        metrics = NodeMetrics(carrier_names(), engine_names(), __version__, snapshot)
        self.watch = Watch(metrics, None, serve.log_text)
        self.loop_watch = LoopWatch(self.watch.slow_step)
        self.recorder = Recorder(self.configuration.places.recordings)
        metrics.drain_forced(read_cut_calls(self.configuration.places.state))
        self.leaving = Leaving(self.admission, self.roll, metrics.drain_forced)
        self.notices = Notices(self.notifier, self.admission, calls)
        self.reloading = Reloading(
            self.read_again,
            self.certificates,
            self.watch.node_fact,
            self.log_counts.hide,
            self.notices.reloading,
            self.notices.reloaded,
        )

    # --- The tree --------------------------------------------------------------------

    async def run(self) -> int:
        """Serve until told to stop; return the exit code."""
        places = self.configuration.places
        ensure_first_token(places.state)
        records = places.records
        async with AsyncExitStack() as stack:
            stack.callback(self.notifier.close)
            stack.callback(self.passed.close)
            stack.enter_context(describing_calls(partial(call_facts, self.roll)))
            if records is not None:
                self.watch.records = stack.enter_context(open_record_file(records))
            async with trio.open_nursery() as engines, trio.open_nursery() as nursery:
                signals = Signals(self.leaving, self.reloading, self.log_counts, self.alone)
                nursery.start_soon(signals.watch, nursery)
                nursery.start_soon(self.pacer.run)
                nursery.start_soon(self.load.run)
                nursery.start_soon(self.notices.run)
                self.notices.keep_alive(self.pacer)
                nursery.start_soon(collect_steadily, self.roll.__len__)
                works = await self._open_works(engines)
                if works is not None:
                    await self._serve(works, engines)
                self.notices.stopping()
                engines.cancel_scope.cancel()
                nursery.cancel_scope.cancel()
        return ExitCode.SAID

    async def _open_works(self, engines: trio.Nursery) -> Works | None:
        """Open engines and the like; None when we are told to leave before that is done."""
        works: Works | None = None
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_cancel_when, self.leaving.begun, nursery.cancel_scope)
            works = await engines.start(keep_works, self.configuration, self.watch.node_fact)
            nursery.cancel_scope.cancel()
        return works

    async def _serve(self, works: Works, engines: trio.Nursery) -> None:
        """Listen, and take calls until that is over."""
        media = open_media(self.configuration, self.passed.media, self.watch.node_fact)
        async with (
            posting_events(self.configuration, self.hub, self.watch.node_fact, self.clock),
            media as listener,
            trio.open_nursery() as calls,
        ):
            board = self.switchboard = self._open_board(works, listener, calls)
            self.leaving.on_begin = partial(
                leave_to_others, self.configuration, listener, self.roll, self.admission
            )
            if self.passed.media is not None:
                self.leaving.on_begin = partial(hold_newcomers, listener, self.roll)
            desk = self.desk_of(board)
            options, given = control_options(self.configuration, self.watch), self.passed.control
            async with open_control_server(desk, options, given) as control:
                self.certificates.add(own_certificates(self.configuration, listener, control))
                log = get_logger("trioaudio.daemon")
                addresses = self.addresses = Addresses(listener.url(""), control.address)
                log.info("listening", media=addresses.media, control=addresses.control)
                self.listening.set()
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._try_engines, board, log)
                    nursery.start_soon(self.reloading.follow, board, engines, self._follow)
                    # Only now: what held the loop before held nobody's audio.
                    with self.loop_watch.watching():
                        await self.leaving.begun.wait()
                        self.notices.stopping()
                        if self.admission.latecomers():
                            await listener.finish()
                        await self.leaving.drain(board.works.configuration.serve.drain_timeout_s)
                        keep_cut_calls(self.configuration.places.state, self.leaving.cut)
                        await listener.finish()
                    nursery.cancel_scope.cancel()
            calls.cancel_scope.cancel()

    def _open_board(self, works: Works, listener: Listener, calls: trio.Nursery) -> Switchboard:
        board = Switchboard(
            self.roll,
            listener,
            calls,
            works,
            share=self._share,
            admit=self.admission.check,
            on_begin=self._begin_call,
            on_end=self.counts.add,
        )
        board.answering = Answering(answered_carriers(works), board.expect_incoming, board.told)
        listener.answer_with(board.answering.answer)
        if works.configuration.serve.media_auth != "tokens":
            listener.walk_in(board.walk_in)
        return board

    def desk_of(self, board: Switchboard) -> FrontDesk:
        """Return who answers for the node."""
        return FrontDesk(
            hub=self.hub,
            roll=self.roll,
            switchboard=board,
            admission=self.admission,
            load=self.load,
            node_metrics=self.watch.metrics,
            started_at=self.clock.now(),
            on_drain=self.leaving.begin,
            on_reload=self.reloading.ask,
        )

    # --- Calls -----------------------------------------------------------------------

    def _share(self, works: Works, enabled: EnabledCarrier) -> Shared:
        name, serve = enabled.carrier.name, works.configuration.serve
        return Shared(
            pacer=self.pacer,
            clock=self.clock,
            hub=self.hub,
            watcher=self.watch,
            speech=works.speech,
            choice=works.choice,
            lateness=self.lateness.setdefault(name, Histogram()),
            make_record=call_record,
            text_limits=TextLimits(serve.text_ahead, serve.text_ahead_most),
            text_most=works.configuration.settings.text_limit,
            fetch=None if works.fetch is None else works.fetch.fetch,
            open_recording=self.recorder.open,
        )

    def _begin_call(self, live: LiveCall) -> None:
        board = self.switchboard
        assert board is not None
        if board.works.configuration.serve.relay_url is not None:
            desk = self.desk_of(board)
            board.nursery.start_soon(relay, live.id, board.works, desk, self.watch.bug)

    def _follow(self, old: Works, works: Works) -> None:
        """Heed what of a configuration is not asked for with each call."""
        self.counts.add_works(old)
        serve = works.configuration.serve
        self.admission.calls_most = serve.calls_most
        self.load.limits = _limits_of(serve)

    async def _try_engines(self, board: Switchboard, log: FilteringBoundLogger) -> None:
        """Become ready once an engine has spoken."""

        def failed(reason: str) -> None:
            self.admission.no_engine = reason
            log.error("no engine speaks", reason=reason)

        await wait_until_spoken(partial(trial_of, lambda: board.works), failed)
        self.admission.no_engine = None
        if self.admission.stage is Stage.STARTING:
            self.admission.stage = Stage.READY
            log.info("ready")
            self.notices.ready()


def _limits_of(serve: ServeSettings) -> LoadLimits:
    return limits_of(serve.cpu_most, serve.lateness_most_ms, serve.loop_lag_most_ms)


async def _cancel_when(event: trio.Event, scope: trio.CancelScope) -> None:
    await event.wait()
    scope.cancel()
