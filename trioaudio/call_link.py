"""The way round the media stream to the telephone call, where the carrier's credentials are set."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from trioaudio.call_control import find_call_control
from trioaudio.core.carrier import Carrier, CarrierSettings
from trioaudio.core.connection import CallControlLink
from trioaudio.settings import Settings


@asynccontextmanager
async def open_call_link(
    settings: Settings, carrier: Carrier, own: CarrierSettings
) -> AsyncIterator[CallControlLink | None]:
    """Open the carrier's REST interface for one call; None where that cannot be done."""
    control = find_call_control(carrier.name)
    if control is None or control.missing(own) or not (control.hang_up or control.transfer):
        yield None
        return
    # httpx takes longer to import than many a text to say.
    from trioaudio.net.carrier_rest import RestTiming, open_carrier_rest  # noqa: PLC0415
    from trioaudio.net.rest_link import RestLink  # noqa: PLC0415

    async with open_carrier_rest(
        control, own, timing=RestTiming(whole=settings.rest_timeout_s)
    ) as rest:
        yield RestLink(rest)
