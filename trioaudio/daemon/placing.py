"""One call placed by a carrier's REST interface that all calls share."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager

import attrs

from trioaudio.answering import Answering
from trioaudio.calls.live_call import LiveCall
from trioaudio.core.call_control import Placing
from trioaudio.core.connection import Connect
from trioaudio.core.errors import ConfigError
from trioaudio.net.carrier_rest import CarrierRest
from trioaudio.net.door import Door
from trioaudio.net.listener import Listener
from trioaudio.net.rest_link import RestLink
from trioaudio.placement import patience_for, placement
from trioaudio.placing_check import check_placing


@attrs.frozen
class PlacingOrder:
    """Whom the carrier is asked through, as which number, and how long it may take to answer."""

    rest: CarrierRest
    caller_id: str
    rest_timeout_s: float


@asynccontextmanager
async def place_call(
    live: LiveCall,
    order: PlacingOrder,
    listener: Listener,
    answering: Answering,
    key: str,
    door: Door,
) -> AsyncIterator[Connect]:
    """Have the carrier call somebody and connect the audio to `door`. ConfigError."""
    control, settings, wanted = order.rest.control, live.line.settings, live.wanted
    assert wanted.to is not None
    placing = Placing(
        to=wanted.to,
        caller_id=order.caller_id,
        media_url=listener.url(key, live.line.carrier.transport),
        media=live.line.shape.media,
        ring_s=wanted.ring_s,
    )
    with ExitStack() as stack:
        if control.wants_answer_url:
            if control.answer_document is None:
                raise ConfigError(
                    f"carrier={control.name}: what it is to be answered with is not known"
                )
            path = answering.open_page(control.name, control.answer_document(settings, placing))
            stack.callback(answering.close_page, path)
            placing = attrs.evolve(placing, answer_url=listener.web_url(path))
        check_placing(control, settings, placing)
        async with placement(
            order.rest,
            placing,
            door.connect,
            ends_by_message=live.line.carrier.hangs_up,
            tell=live.teller.take_fact,
            patience_s=patience_for(order.rest_timeout_s),
            link=live.control if isinstance(live.control, RestLink) else None,
        ) as made:
            yield made.connect
