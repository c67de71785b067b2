"""The daemon's task tree: what is opened in which order, and how it all comes to an end.

engines → listener → control server → calls
SIGTERM, SIGINT: refuse new calls → calls end, or the drain's deadline comes → goodbye
a second signal: goodbye at once. SIGHUP: the configuration is read anew
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
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
from trioaudio.control.options import ControlOptions
from trioaudio.control.server import open_control_server
from trioaudio.control.tokens import TOKENS_FILE, TokenBook, ensure_first_token
from trioaudio.core.exit_code import ExitCode
from trioaudio.core.percentiles import Histogram
from trioaudio.daemon.admission import Admission, Stage
from trioaudio.daemon.call_facts import call_facts
from trioaudio.daemon.counting import NodeCounts
from trioaudio.daemon.cut_calls import keep_cut_calls, read_cut_calls
from trioaudio.daemon.event_posts import posting_events
from trioaudio.daemon.front_desk import FrontDesk
from trioaudio.daemon.leaving import Leaving
from trioaudio.daemon.listening import hold_newcomers, open_media
from trioaudio.daemon.notices import Notices
from trioaudio.daemon.notify import Notifier
from trioaudio.daemon.passed_sockets import PassedSockets
from trioaudio.daemon.recordings import Recorder
from trioaudio.daemon.reloading import Reloading
from trioaudio.daemon.switchboard import Switchboard
from trioaudio.daemon.trial import Trial, wait_until_spoken
from trioaudio.daemon.watch import Watch
from trioaudio.daemon.webhooks import answered_carriers
from trioaudio.daemon.works import Works, keep_works
from trioaudio.engines import engine_names
from trioaudio.garbage import collect_steadily
from trioaudio.net.listener import Listener
from trioaudio.observe.call_record import call_record
from trioaudio.observe.load import LoadLimits, LoadWatch
from trioaudio.observe.log_context import describing_calls
from trioaudio.observe.log_sinks import LogCounts
from trioaudio.observe.logs import get_logger
from trioaudio.observe.loop_watch import LoopWatch
from trioaudio.observe.metrics import NodeMetrics
from trioaudio.observe.node_snapshot import NodeSnapshot
from trioaudio.observe.record_file import open_record_file
from trioaudio.pacer import Pacer
from trioaudio.relay.runner import run_relay
from trioaudio.relay.terms import RelayTerms

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

_NO_LIMIT = 1e9


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
    alone: bool = False
    """Whether the process is this daemon's: signals that come when it is over mean nothing."""
    log_counts: LogCounts = attrs.field(factory=LogCounts)
    notifier: Notifier = attrs.field(factory=Notifier)
    passed: PassedSockets = attrs.field(factory=PassedSockets)
    hub: EventHub = attrs.field(factory=EventHub)
    roll: Roll = attrs.field(factory=Roll)
    clock: WallClock = attrs.field(factory=WallClock.start)
    counts: NodeCounts = attrs.field(factory=NodeCounts)
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
    _lateness: dict[str, Histogram] = attrs.field(factory=dict)

    def __attrs_post_init__(self) -> None:
        serve = self.configuration.serve
        self.pacer = Pacer(early=self.configuration.settings.early_ms / 1000)
        self.load = LoadWatch(
            self._lateness.values,
            LoadLimits(
                cpu=serve.cpu_most or _NO_LIMIT,
                lateness_s=serve.lateness_most_ms / 1000 or _NO_LIMIT,
            ),
        )
        self.admission = Admission(self.roll.__len__, serve.calls_most, self.load.refusal)
        metrics = NodeMetrics(carrier_names(), engine_names(), __version__, self._snapshot)
        self.watch = Watch(metrics, None, serve.log_text)
        self.loop_watch = LoopWatch(self.watch.slow_step)
        self.recorder = Recorder(self.configuration.places.recordings)
        metrics.drain_forced(read_cut_calls(self.configuration.places.state))
        self.leaving = Leaving(self.admission, self.roll, metrics.drain_forced)
        self.notices = Notices(self.notifier, self.admission, self.roll.__len__)
        self.reloading = Reloading(
            self.read_again,
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
                nursery.start_soon(self._watch_signals, nursery)
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
            board = self.switchboard = self._open_switchboard(works, listener, calls)
            if self.passed.media is not None:
                self.leaving.on_begin = partial(hold_newcomers, listener, self.roll)
            desk = self.desk_of(board)
            options, given = self._control_options(), self.passed.control
            async with open_control_server(desk, options, given) as control:
                log = get_logger("trioaudio.daemon")
                addresses = self.addresses = Addresses(listener.url(""), control.address)
                log.info("listening", media=addresses.media, control=addresses.control)
                self.listening.set()
                # Only now: what held the loop before held nobody's audio.
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._try_engines, board, log)
                    nursery.start_soon(self.reloading.follow, board, engines, self._follow)
                    # Only now: what held the loop before held nobody's audio.
                    with self.loop_watch.watching():
                        await self.leaving.begun.wait()
                        self.notices.stopping()
                        serve = board.works.configuration.serve
                        await self.leaving.drain(serve.drain_timeout_s)
                        keep_cut_calls(self.configuration.places.state, self.leaving.cut)
                        await listener.finish()
                    nursery.cancel_scope.cancel()
            calls.cancel_scope.cancel()

    def _open_switchboard(
        self, works: Works, listener: Listener, calls: trio.Nursery
    ) -> Switchboard:
        board = Switchboard(
            roll=self.roll,
            listener=listener,
            nursery=calls,
            works=works,
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

    def _control_options(self) -> ControlOptions:
        serve, places = self.configuration.serve, self.configuration.places
        return ControlOptions(
            listen=serve.control_listen,
            tokens=TokenBook(places.state / TOKENS_FILE, on_damage=self.watch.tokens_damaged),
            on_wrong_token=self.watch.metrics.auth_failed,
            tls_certificate=serve.control_tls_cert_file,
            tls_key=serve.control_tls_key_file,
            body_bytes=serve.body_bytes,
            requests_per_s=serve.requests_per_s,
            request_burst=max(1, round(2 * serve.requests_per_s)),
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
            lateness=self._lateness.setdefault(name, Histogram()),
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
            board.nursery.start_soon(self._relay, live.id, board)

    async def _relay(self, call: str, board: Switchboard) -> None:
        """Have an application conduct a call, and log how that ended."""
        works = board.works
        url = works.configuration.serve.relay_url
        assert url is not None
        terms = RelayTerms(tls=works.tls)
        try:
            ended = await run_relay(self.desk_of(board), call, url, terms=terms)
        except Exception as exc:  # noqa: BLE001  a bug in one application's relay ends that one
            self.watch.bug("", call, exc)
            return
        get_logger("trioaudio.relay").info(
            "relay.end", call=call, status=ended.status, detail=ended.detail
        )

    def _follow(self, old: Works, works: Works) -> None:
        """Heed what of a configuration is not asked for with each call."""
        self.counts.add_works(old)
        self.admission.calls_most = works.configuration.serve.calls_most

    async def _try_engines(self, board: Switchboard, log: FilteringBoundLogger) -> None:
        """Become ready once an engine has spoken."""

        def failed(reason: str) -> None:
            self.admission.no_engine = reason
            log.error("no engine speaks", reason=reason)

        await wait_until_spoken(partial(_trial_of, board), failed)
        self.admission.no_engine = None
        if self.admission.stage is Stage.STARTING:
            self.admission.stage = Stage.READY
            log.info("ready")
            self.notices.ready()

    # --- Signals ---------------------------------------------------------------------

    async def _watch_signals(self, nursery: trio.Nursery) -> None:
        if self.alone:
            # What the receiver puts back in the end.
            for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(each, signal.SIG_IGN)
        with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM, signal.SIGHUP) as signals:
            async for number in signals:
                if number == signal.SIGHUP:
                    self.log_counts.reopen()
                    if not self.leaving.begun.is_set():
                        # Not here: its files may be slow, and the next signal may be the last.
                        nursery.start_soon(self.reloading.ask)
                elif self.leaving.hurried and self.alone:
                    os._exit(128 + number)  # told three times: without a goodbye
                else:
                    self.leaving.begin()

    # --- Metrics ---------------------------------------------------------------------

    async def _snapshot(self) -> NodeSnapshot:
        works = None if self.switchboard is None else self.switchboard.works
        counts = await self.counts.with_live(self.roll)
        if (
            works is not None
        ):  # those from before the wait: what a reload retired is not counted yet
            counts.add_works(works)
        load = self.load.statistics()
        records = self.watch.records
        return NodeSnapshot(
            calls=counts.calls,
            capacity=self.admission.calls_most,
            ready=self.admission.readiness().ready,
            draining=self.admission.stage is Stage.DRAINING,
            speech_frames=counts.speech_frames,
            idle_frames=counts.idle_frames,
            lateness=self._lateness,
            flushed_frames=counts.flushed,
            expired_frames=counts.expired,
            pacer=self.pacer.statistics(),
            engines_resting=[]
            if works is None
            else [each.engine for each in works.speech.engines() if each.resting],
            cache_hits=counts.cache_hits,
            cache_misses=counts.cache_misses,
            engine_loads={} if works is None else works.engine_loads(),
            lead_s=counts.lead_s,
            channels={"playout": counts.queued, "events": self.hub.waiting},
            cpu=load.cpu_mean,
            loop_lag_s=load.loop_lag_s,
            slow_steps=self.loop_watch.statistics().slow_steps,
            subscribers_cut=self.hub.cut,
            records_lost=0 if records is None else records.statistics().lost,
            log_lines_lost=self.log_counts.dropped + self.log_counts.failed,
        )


@contextmanager
def _trial_of(board: Switchboard) -> Iterator[Trial]:
    """Give what new calls are made with, which stays open while the block runs."""
    works = board.works
    works.begin()
    try:
        yield Trial(works.speech, works.choice, works.configuration.first_carrier.sample_rate)
    finally:
        works.end()


async def _cancel_when(event: trio.Event, scope: trio.CancelScope) -> None:
    await event.wait()
    scope.cancel()
