"""How calls come about: expected, walked in, dialled, or placed by a carrier's REST interface.

Each call is one task; its door, its placement and its use of a configuration end with it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from http import HTTPStatus

import attrs
import msgspec
import trio

from trioaudio.answering import Answering
from trioaudio.api.commands import Play, Say
from trioaudio.api.events import CallStarted
from trioaudio.api.request_error import RequestError, RequestFault
from trioaudio.api.requests import NewCall
from trioaudio.api.shapes import CallState
from trioaudio.calls.live_call import LiveCall
from trioaudio.calls.roll import Roll
from trioaudio.calls.shared import Shared
from trioaudio.calls.sound_orders import check_voice, play_speaker, say
from trioaudio.configuration import EnabledCarrier
from trioaudio.core.carrier import Recovery, Role, Transport
from trioaudio.core.connection import Connect
from trioaudio.core.errors import ConfigError, TrioaudioError
from trioaudio.core.utterance import Cause
from trioaudio.core.webhook import CallStage, IncomingCall
from trioaudio.daemon.call_limits import CallLimits
from trioaudio.daemon.placing import PlacingOrder, place_call
from trioaudio.daemon.works import Works
from trioaudio.far_end import door_key
from trioaudio.net.dialler import Dialler, parse_url
from trioaudio.net.door import Door, DoorPlan
from trioaudio.net.listener import Listener
from trioaudio.net.refusal import Refusal
from trioaudio.net.rest_link import RestLink
from trioaudio.net.walk_in import WalkIn
from trioaudio.observe.log_context import about_call
from trioaudio.turnstile import wait_turn
from trioaudio.url_allow import is_allowed

Ends = Callable[[], AbstractAsyncContextManager[Connect]]
"""Opens a call's far end for as long as the call lives."""


@attrs.define(eq=False)
class Switchboard:
    """Makes calls and runs them in `nursery`, until that is cancelled."""

    roll: Roll
    listener: Listener
    nursery: trio.Nursery
    works: Works
    """For new calls."""
    share: Callable[[Works, EnabledCarrier], Shared]
    """Returns what a carrier's calls share."""
    admit: Callable[[], None]
    """Raises RequestError when no new call is taken."""
    on_begin: Callable[[LiveCall], None]
    """Is given each call when it begins, after what it says first was queued."""
    on_end: Callable[[LiveCall], None]
    """Is given each call that is over."""
    answering: Answering = attrs.field(init=False)
    _waiting: dict[tuple[str, str], LiveCall] = attrs.field(factory=dict)
    """Calls by carrier and the carrier's id, while they are not over."""

    # --- How they come about -----------------------------------------------------------

    async def create(self, wanted: NewCall, traceparent: str | None) -> LiveCall:
        """Dial, place or expect a call. RequestError."""
        await wait_turn()  # first: between the admission and the call nobody comes
        self.admit()
        enabled = self._enabled(wanted.carrier)
        if wanted.to is not None and wanted.url is not None:
            raise RequestError(RequestFault.INVALID, "give one of to and url, or none")
        if wanted.to is not None:
            return self._place(wanted, enabled, traceparent)
        if wanted.url is not None:
            return self._dial(wanted, wanted.url, enabled, traceparent)
        return self._expect(wanted, enabled, traceparent)

    def _expect(
        self, wanted: NewCall, enabled: EnabledCarrier, traceparent: str | None
    ) -> LiveCall:
        carrier = enabled.carrier
        if Role.ANSWER not in carrier.roles:
            raise RequestError(
                RequestFault.UNSUPPORTED, f"{carrier.name} does not dial in; give the url to dial"
            )
        wait = wanted.wait_ms / 1000 or None
        recovery = _at_a_door(carrier.recovery)
        live = self._make(wanted, enabled, recovery, wait, traceparent, "expected")
        key, door = self._open_door(enabled, lives_s=wait)
        live.media_url = self.listener.url(key, carrier.transport)
        self._begin(live, partial(self._behind_door, key, door, carrier.transport))
        return live

    def walk_in(self, visitor: WalkIn) -> Door | Refusal:
        """Make a call for a carrier nobody waits for."""
        try:
            self.admit()
            enabled = self._enabled_for(visitor)
            # It has no URL of its own to come back to.
            live = self._make(NewCall(), enabled, Recovery.END, None, None, "expected")
        except RequestError as exc:
            return _refusal(exc)
        key, door = self._open_door(enabled, lives_s=None, checked=False)
        self._begin(live, partial(self._behind_door, key, door, enabled.carrier.transport))
        return door

    def _enabled_for(self, visitor: WalkIn) -> EnabledCarrier:
        name = visitor.carrier or self._audiosocket()
        enabled = self._enabled(name)
        if enabled.carrier.transport is not visitor.transport or enabled.door is None:
            raise RequestError(RequestFault.NOT_FOUND, f"{name} does not come this way")
        return enabled

    async def expect_incoming(self, name: str, incoming: IncomingCall) -> str:
        """Make a call that a carrier's webhook asks about; return its media URL. RequestError."""
        await wait_turn()
        self.admit()
        enabled = self._enabled(name)
        wanted = NewCall(carrier=name, to=None, labels=_labels(incoming))
        live = self._expect(wanted, enabled, None)
        live.caller, live.called = incoming.caller, incoming.called
        live.incoming_id = incoming.call_id
        self._waiting[name, incoming.call_id] = live
        assert live.media_url is not None
        return live.media_url

    def told(self, name: str, incoming: IncomingCall) -> None:
        """Take what a carrier's webhook tells: a call that is over needs nobody to wait for it."""
        if incoming.stage is not CallStage.OVER:
            return
        live = self._waiting.get((name, incoming.call_id)) or self._of(name, incoming.call_id)
        if live is not None and live.state in ("expected", "placing", "lost"):
            status = incoming.status or "it is over"
            live.end("not-answered", f"{name} says: {status}", as_cause=Cause.CARRIER_LOST)

    def _of(self, name: str, call_id: str) -> LiveCall | None:
        return next(
            (each for each in self.roll if each.carrier == name and call_id in _ids_of(each)), None
        )

    def _dial(
        self, wanted: NewCall, url: str, enabled: EnabledCarrier, traceparent: str | None
    ) -> LiveCall:
        if Role.DIAL not in enabled.carrier.roles:
            raise RequestError(
                RequestFault.UNSUPPORTED,
                f"{enabled.carrier.name} dials us and cannot be dialled; leave url out",
            )
        self._check_url(url)
        live = self._make(wanted, enabled, Recovery.REDIAL, None, traceparent, "placing")
        self._begin(live, partial(self._dialled, url, enabled, live))
        return live

    def _check_url(self, url: str) -> None:
        allowed = self.works.configuration.serve.url_allow
        if not is_allowed(url, allowed):
            raise RequestError(
                RequestFault.FORBIDDEN,
                "url: not among those TRIOAUDIO_URL_ALLOW lets be dialled",
            )

    def _place(self, wanted: NewCall, enabled: EnabledCarrier, traceparent: str | None) -> LiveCall:
        carrier = enabled.carrier
        rest = self.works.rests.get(carrier.name)
        if rest is None or rest.control.place is None:
            raise RequestError(
                RequestFault.UNSUPPORTED,
                f"{carrier.name} places no calls for this node; its credentials may be missing",
            )
        caller_id = wanted.caller_id or self.works.configuration.settings.caller_id
        if caller_id is None:
            raise RequestError(
                RequestFault.INVALID, "caller_id is missing: as which number shall it be placed?"
            )
        wanted = msgspec.structs.replace(wanted, caller_id=caller_id)
        recovery = _at_a_door(carrier.recovery)
        live = self._make(wanted, enabled, recovery, None, traceparent, "placing")
        key, door = self._open_door(enabled, lives_s=None)
        order = PlacingOrder(rest, caller_id, self.works.configuration.settings.rest_timeout_s)
        self._begin(live, partial(self._placed, live, order, key, door))
        return live

    # --- Their far ends ----------------------------------------------------------------

    def _open_door(
        self, enabled: EnabledCarrier, *, lives_s: float | None, checked: bool = True
    ) -> tuple[str, Door]:
        carrier = enabled.carrier
        key = door_key(carrier)
        policy = enabled.door if checked else None
        plan = DoorPlan(
            subprotocols=carrier.subprotocols,
            transport=carrier.transport,
            check=None if policy is None else policy.check,
            lives_s=lives_s,
            probe_s=self.works.configuration.settings.door_probe_s,
        )
        return key, self.listener.open_door(key, plan)

    @asynccontextmanager
    async def _behind_door(
        self, key: str, door: Door, transport: Transport
    ) -> AsyncIterator[Connect]:
        try:
            yield door.connect
        finally:
            self.listener.close_door(key, transport)

    @asynccontextmanager
    async def _dialled(
        self, url: str, enabled: EnabledCarrier, live: LiveCall
    ) -> AsyncIterator[Connect]:
        settings = self.works.configuration.settings
        endpoint = parse_url(url)
        headers = [(each.name.encode(), each.value.get().encode()) for each in settings.headers]
        if live.traceparent is not None:
            headers.append((b"traceparent", live.traceparent.encode()))
        dialler = Dialler(
            endpoint=endpoint,
            headers=headers,
            subprotocols=enabled.carrier.subprotocols,
            tls_context=self.works.tls if endpoint.tls else None,
            handshake_s=settings.dial_timeout_s,
            largest_message=settings.max_message_bytes,
        )
        yield dialler.connect

    @asynccontextmanager
    async def _placed(
        self, live: LiveCall, order: PlacingOrder, key: str, door: Door
    ) -> AsyncIterator[Connect]:
        async with (
            self._behind_door(key, door, live.line.carrier.transport),
            place_call(live, order, self.listener, self.answering, key, door) as connect,
        ):
            yield connect

    # --- Their lives -------------------------------------------------------------------

    def _enabled(self, name: str | None) -> EnabledCarrier:
        try:
            return self.works.enabled(name)
        except ConfigError as exc:
            raise RequestError(RequestFault.INVALID, str(exc)) from exc

    def _audiosocket(self) -> str:
        for name, each in self.works.configuration.carriers.items():
            if each.carrier.transport is Transport.AUDIOSOCKET:
                return name
        raise RequestError(RequestFault.NOT_FOUND, "AudioSocket is not enabled here")

    def _make(
        self,
        wanted: NewCall,
        enabled: EnabledCarrier,
        recovery: Recovery,
        first_wait: float | None,
        traceparent: str | None,
        state: CallState,
    ) -> LiveCall:
        try:
            line = self.works.line(
                enabled,
                sample_rate=wanted.sample_rate,
                recovery=recovery,
                first_wait=first_wait,
                start_gate=wanted.start_gate_ms / 1000 or None,
            )
        except ConfigError as exc:
            raise RequestError(RequestFault.INVALID, str(exc)) from exc
        shared = self.share(self.works, enabled)
        check_voice(shared, wanted)
        rest = self.works.rests.get(enabled.carrier.name)
        link = None
        if rest is not None and (rest.control.hang_up or rest.control.transfer):
            link = RestLink(rest, over=wanted.to is not None)
        live = LiveCall(
            wanted=wanted,
            line=line,
            shared=shared,
            control=link,
            traceparent=traceparent,
            state=state,
        )
        if wanted.record and live.shared.open_recording is not None:
            live.audio.begin_recording()
        self._say_first(live)
        return live

    def _say_first(self, live: LiveCall) -> None:
        """Queue what is said first: it is spoken ahead, while nobody is there yet."""
        greeting = self.works.greeting if live.wanted.greeting else None
        if isinstance(greeting, str):
            say(live, Say(text=greeting))
        elif greeting is not None:
            play_speaker(live, Play(), greeting)
        for each in live.wanted.first:
            say(live, each)

    def _begin(self, live: LiveCall, ends: Ends) -> None:
        self.roll.add(live)
        live.tell(
            CallStarted(
                call=live.id,
                at=live.shared.clock.now(),
                carrier=live.carrier,
                to=live.wanted.to,
                media_url=live.media_url,
                labels=live.wanted.labels,
            )
        )
        self.works.begin()
        with about_call(live.id):  # whatever is logged in its tasks
            self.nursery.start_soon(self._live, live, ends, self.works)

    async def _live(self, live: LiveCall, ends: Ends, works: Works) -> None:
        most = live.wanted.most_s or works.configuration.serve.call_most_s
        begin = works.configuration.settings.dial_timeout_s
        limits = CallLimits(live, begin, most, live.wanted.no_media_ms / 1000)
        try:
            async with ends() as connect:
                limits.watch(live.shared.pacer)
                self.on_begin(live)
                await live.run(connect)
        except TrioaudioError as exc:
            live.fail("carrier-refused", str(exc))
        except Exception as exc:  # noqa: BLE001  a bug beside a call ends that call, and no other
            live.shared.watcher.bug(live.carrier, live.id, exc)
            live.fail("bug", f"internal error: {type(exc).__name__}")
        finally:
            live.shared.pacer.forget(limits)
            self.roll.leave(live)
            self.on_end(live)
            if live.incoming_id is not None:
                self._waiting.pop((live.carrier, live.incoming_id), None)
                self.answering.forget(live.carrier, live.incoming_id)
            works.end()


def _at_a_door(recovery: Recovery) -> Recovery:
    """Return what is done about a lost leg whose carrier dials us: we cannot dial it again."""
    return Recovery.WAIT if recovery is Recovery.REDIAL else recovery


def _ids_of(live: LiveCall) -> tuple[str | None, ...]:
    """Return what its carrier calls it: on the stream, and in the answer to its placement."""
    placed = live.control.call_id if isinstance(live.control, RestLink) else None
    return live.call.call_id, placed


def _labels(incoming: IncomingCall) -> dict[str, str]:
    return {
        name: value[:256]
        for name, value in (("caller", incoming.caller), ("called", incoming.called))
        if value
    }


def _refusal(exc: RequestError) -> Refusal:
    status = {
        RequestFault.BUSY: HTTPStatus.SERVICE_UNAVAILABLE,
        RequestFault.FULL: HTTPStatus.SERVICE_UNAVAILABLE,
    }.get(exc.fault, HTTPStatus.NOT_FOUND)
    headers = {}
    if exc.retry_after_s is not None:
        headers["Retry-After"] = str(max(1, round(exc.retry_after_s)))
    return Refusal(status, str(exc), headers)
