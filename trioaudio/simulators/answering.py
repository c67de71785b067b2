"""A carrier that is dialled: who may come, and which call they come for."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import attrs
import trio

from trioaudio.core.errors import OutputError, TrioaudioError
from trioaudio.net.upgrade_head import UpgradeHead
from trioaudio.simulators.call import Closed
from trioaudio.simulators.carrier_socket import CarrierSocket
from trioaudio.simulators.ending import Ending
from trioaudio.simulators.faults import Amount
from trioaudio.simulators.handshake import (
    LARGEST_MESSAGE,
    admit,
    answered_facts,
    open_as_listener,
    read_request,
)
from trioaudio.simulators.link import Link, converse
from trioaudio.simulators.metronome import Metronome
from trioaudio.simulators.options import Options
from trioaudio.simulators.place import Place
from trioaudio.simulators.reach import listen, own, url_of


@attrs.define(eq=False)
class Switchboard:
    """Which calls wait for somebody: computes only."""

    waiting: list[Place]
    """Calls without a connection that are not over."""
    unfinished: int

    def assign(self, path: str) -> Place:
        """Take the call that was dialled by this path before, else a new one, else any."""
        place = (
            next((each for each in self.waiting if each.path == path), None)
            or next((each for each in self.waiting if each.path is None), None)
            or self.waiting[0]
        )
        self.waiting.remove(place)
        place.path = path
        return place

    def give_back(self, place: Place, *, over: bool) -> None:
        """Let a call wait again, or be over."""
        if over:
            self.unfinished -= 1
        else:
            self.waiting.append(place)


async def answer_calls(
    places: Sequence[Place],
    tell_url: Callable[[str], None],
    metronome: Metronome,
    ending: Ending,
) -> None:
    """Take connections until every call has ended in order; LegLostError if nobody can come.

    No more are taken at a time than there are calls that wait for one.
    """
    options = places[0].options
    switchboard = Switchboard(list(places), len(places))
    room = trio.Semaphore(len(places))
    async with (
        await listen(options.listen or ("127.0.0.1", 0)) as listener,
        trio.open_nursery() as nursery,
    ):
        tell_url(url_of(listener))

        async def take(stream: trio.SocketStream) -> None:
            if not await _take(stream, options, switchboard, metronome, ending):
                room.release()
            if not switchboard.unfinished:
                nursery.cancel_scope.cancel()

        with ending.interrupted():
            while True:
                await room.acquire()
                nursery.start_soon(take, await listener.accept())


async def _take(
    stream: trio.SocketStream,
    options: Options,
    switchboard: Switchboard,
    metronome: Metronome,
    ending: Ending,
) -> bool:
    """Live one connection, or refuse it; return whether a call is over with it."""
    place: Place | None = None
    closed: Closed | None = None
    socket: CarrierSocket | None = None
    try:
        with ending.interrupted() as go_on:
            reached = own(stream)
            socket = CarrierSocket(
                reached.sock,
                reached.peer,
                masked=True,
                largest_message=LARGEST_MESSAGE,
                bytes_per_second=options.faults.seconds(Amount.SLOW_READER),
            )
            head = await read_request(socket)
            await admit(socket, head, options.headers, options.kind.subprotocols)
            async with open_as_listener(socket, options.kind.subprotocols) as opened:
                go_on()
                place = switchboard.assign(_whole_path(head))
                place.call.handshake = answered_facts(head)
                link = Link(opened.connection, opened.socket)
                conversation = place.conversation(place.facts(), link)
                closed = await converse(link, conversation, metronome, ending)
    except* TrioaudioError:
        # Somebody who does not want this call, such as a port scanner, is no failure of any call,
        # and what ends a conversation is in its report.
        pass
    finally:
        if socket is not None:
            socket.close_now()
    if place is None:
        return False
    over = closed is None or closed.in_order or isinstance(place.call.failure, OutputError)
    switchboard.give_back(place, over=over)
    return over


def _whole_path(head: UpgradeHead) -> str:
    return f"{head.path}?{head.query}"
