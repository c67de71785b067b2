"""One call's relay: its application is dialled when it is answered, and obeyed until either ends.

Documented at https://www.twilio.com/docs/voice/conversationrelay/websocket-messages: a connection
that is lost is not dialled again, the call ends; so it does after ten messages in a row that make
no sense, with close code 1007. An application's mistake ends no call but its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import trio

from trioaudio.api.commands import HangUp
from trioaudio.api.events import CallAnswered, CallEnded, Event
from trioaudio.api.request_error import RequestError
from trioaudio.calls.hub import Inbox, SubscriptionCutError
from trioaudio.core.errors import ConfigError, TrioaudioError
from trioaudio.core.secret import Secret
from trioaudio.relay.app_address import AppAddress
from trioaudio.relay.app_socket import AppLostError, open_app_socket
from trioaudio.relay.connected import Connected
from trioaudio.relay.desk import RelayDesk
from trioaudio.relay.feed import Feed
from trioaudio.relay.messages import encode_message
from trioaudio.relay.reports import new_session, setup_message
from trioaudio.relay.terms import RelayEnded, RelayTerms

EVENTS: Final = (
    "call.answered",
    "call.ended",
    "utterance.accepted",
    "utterance.started",
    "utterance.completed",
    "text.resumed",
    "dtmf",
    "control.failed",
)
"""What a relay has told."""
_HANG_UP_S: Final = 15.0
_STANDARD: Final = RelayTerms()


async def run_relay(
    desk: RelayDesk,
    call: str,
    url: str,
    *,
    headers: Sequence[tuple[str, str]] = (),
    auth_token: Secret | None = None,
    terms: RelayTerms = _STANDARD,
) -> RelayEnded:
    """Have an application conduct a call; returns how that ended, and the call with it.

    Raises nothing of its own: an application that cannot be reached ends its call, and no other.
    Cancelled, it closes the connection as going away and leaves the call as it is.
    """
    session = new_session()
    address = AppAddress(url, headers, auth_token, terms.tls, terms.connect_timeout_s)
    with desk.hub.subscribed({call}, EVENTS) as subscription:
        try:
            earlier = await _wait_answered(desk, call, subscription.inbox)
            if earlier is None:
                return RelayEnded(call, session, "completed", "it ended before it was answered")
            setup = setup_message(desk.call(call), session, terms.account_sid)
            async with open_app_socket(address) as socket:
                await socket.send(encode_message(setup))
                feed = Feed(subscription.inbox, earlier)
                ended = await Connected(desk, call, socket, feed, terms).converse(session)
        except RequestError as exc:
            return RelayEnded(call, session, "completed", f"there is no such call any more: {exc}")
        except (AppLostError, ConfigError, SubscriptionCutError) as exc:
            ended = RelayEnded(call, session, "failed", str(exc))
        if ended.status == "failed":
            await _hang_up(desk, call)
    return ended


async def _wait_answered(desk: RelayDesk, call: str, inbox: Inbox[Event]) -> Sequence[Event] | None:
    """Wait for a call's audio and return what happened after that; None if the call is over."""
    state = desk.call(call).state
    if state in {"up", "lost"}:
        return []
    while state != "ended":
        events = await inbox.take()
        if not events:
            return None
        for place, event in enumerate(events):
            if isinstance(event, CallAnswered):
                return events[place + 1 :]
            if isinstance(event, CallEnded):
                return None
    return None


async def _hang_up(desk: RelayDesk, call: str) -> None:
    """End a call whose application is gone: nobody is left to end it."""
    with trio.move_on_after(_HANG_UP_S):
        try:
            await desk.command(call, HangUp())
        except TrioaudioError:
            return  # it is over, or its carrier cannot: the daemon's own limits end it
