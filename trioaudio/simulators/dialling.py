"""A carrier that dials: a call's connections, one after the other, until it is over."""

from __future__ import annotations

import secrets
import time
from pathlib import Path

import attrs
import trio

from trioaudio.core.errors import LegLostError, TrioaudioError
from trioaudio.net.dialler import Endpoint
from trioaudio.simulators.call import Closed
from trioaudio.simulators.dialect import Credentials, Handshake
from trioaudio.simulators.ending import Ending
from trioaudio.simulators.faults import Amount
from trioaudio.simulators.groups import first_of
from trioaudio.simulators.handshake import dialled_facts, open_as_dialler
from trioaudio.simulators.link import Link, converse
from trioaudio.simulators.metronome import Metronome
from trioaudio.simulators.place import Place
from trioaudio.simulators.reach import Reached, endpoint_of, reach

_PATIENCE_SECONDS = 10


async def dial_calls(place: Place, url: str, metronome: Metronome, ending: Ending) -> None:
    """Dial, and dial again after a loss where that was asked for; errors end in the call."""
    wait = place.options.faults.seconds(Amount.REDIAL_AFTER)
    while True:
        try:
            closed = await _hold(place, url, metronome, ending)
        except TrioaudioError as exc:
            place.call.failure = exc
            return
        if closed is None or closed.in_order or wait is None or place.call.failure is not None:
            return
        with ending.interrupted():
            await trio.sleep(wait)


async def _hold(place: Place, url: str, metronome: Metronome, ending: Ending) -> Closed | None:
    """Live one connection; None when told to end before there was one."""
    options = place.options
    place.become(url)
    facts = place.facts()
    handshake = options.kind.handshake(url, facts, _credentials(place))
    handshake = attrs.evolve(handshake, headers=(*handshake.headers, *options.headers))
    endpoint = endpoint_of(handshake.url, options.kind.transport)
    closed: Closed | None = None
    failures: list[TrioaudioError] = []
    try:
        with ending.interrupted() as go_on:
            reached = await _reach(handshake, endpoint, options.tls_ca, patient=options.patient)
            async with open_as_dialler(
                reached,
                endpoint,
                handshake,
                options.kind.transport,
                options.faults.seconds(Amount.SLOW_READER),
            ) as opened:
                go_on()
                place.call.handshake = dialled_facts(handshake)
                link = Link(opened.connection, opened.socket)
                conversation = place.conversation(facts, link)
                closed = await converse(link, conversation, metronome, ending)
    except* TrioaudioError as group:
        failures.append(first_of(group))
    if failures and closed is None:
        raise failures[0]
    return closed


async def _reach(
    handshake: Handshake, endpoint: Endpoint, ca_file: Path | None, *, patient: bool
) -> Reached:
    give_up = trio.current_time() + (_PATIENCE_SECONDS if patient else 0)
    wait = 0.05
    while True:
        try:
            return await reach(handshake.url, endpoint, ca_file)
        except LegLostError:
            if trio.current_time() >= give_up:
                raise
        await trio.sleep(wait)
        wait = min(0.5, 2 * wait)


def _credentials(place: Place) -> Credentials:
    # Signatures hold the time of day, which Trio's clock does not know.
    now = time.time()  # noqa: TID251
    return Credentials(place.options.secret.get(), at=now, nonce=secrets.token_hex(16))
