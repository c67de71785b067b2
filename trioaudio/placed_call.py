"""The far end of a call we place: the carrier is asked by REST to call somebody and to dial us.

One call with a REST client of its own, checked before anybody is called. How it is placed, and
ended if nothing comes of it, is `placement`'s affair.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import attrs

from trioaudio.core.call_control import (
    AnswerDocument,
    CallControl,
    CallOrder,
    Placing,
)
from trioaudio.core.carrier import CarrierSettings
from trioaudio.core.encoding import MediaFormat
from trioaudio.core.errors import ConfigError
from trioaudio.core.facts import Tell
from trioaudio.far_end import FarEnd
from trioaudio.net.answer_page import AnswerPage, open_answer_page
from trioaudio.net.carrier_rest import RestTiming, open_carrier_rest
from trioaudio.placement import patience_for, placement
from trioaudio.placing_check import check_placing
from trioaudio.settings import Settings


@attrs.frozen
class WantedCall:
    """A call to be placed: whom to call, at which carrier, and what its stream is to carry."""

    order: CallOrder
    control: CallControl
    settings: CarrierSettings
    media: MediaFormat
    ends_by_message: bool
    """Whether a call whose stream is up is ended by a message on it."""


@asynccontextmanager
async def placed(
    settings: Settings,
    wanted: WantedCall,
    awaiting: AbstractAsyncContextManager[FarEnd],
    tell: Tell,
) -> AsyncIterator[FarEnd]:
    """Have the carrier call somebody, and dial the far end that `awaiting` opens.

    `tell` is given that the carrier has accepted the call, and what went wrong in ending it.
    ConfigError when the call cannot be placed with these settings; what the carrier says no to
    comes out of `connect`, as LegRefusedError.
    """
    control = wanted.control
    timing = RestTiming(whole=settings.rest_timeout_s)
    async with (
        open_carrier_rest(control, wanted.settings, timing=timing) as rest,
        awaiting as listening,
        _answer_page(wanted.order) as page,
    ):
        placing = _prepare(wanted, listening, page)
        async with placement(
            rest,
            placing,
            listening.connect,
            ends_by_message=wanted.ends_by_message,
            tell=tell,
            patience_s=max(settings.shutdown_s, patience_for(settings.rest_timeout_s)),
        ) as made:
            far_end = FarEnd(made.connect, placing.media_url, control=made.link)
            far_end.tell_report(None)
            yield far_end


def _prepare(wanted: WantedCall, listening: FarEnd, page: AnswerPage | None) -> Placing:
    """Return what the carrier will be asked for, once it is known to be sense. ConfigError."""
    assert listening.url is not None
    placing = Placing(
        to=wanted.order.to,
        caller_id=wanted.order.caller_id,
        media_url=listening.url,
        media=wanted.media,
        answer_url=_answer_url(wanted.order, page),
    )
    if page is not None:
        page.document = _document(wanted.control, wanted.settings, placing)
    check_placing(wanted.control, wanted.settings, placing)
    return placing


@asynccontextmanager
async def _answer_page(order: CallOrder) -> AsyncIterator[AnswerPage | None]:
    """Serve the answer document of one call, if it is ours to serve."""
    if order.answer_at is None:
        yield None
        return
    async with open_answer_page(*order.answer_at) as page:
        yield page


def _answer_url(order: CallOrder, page: AnswerPage | None) -> str | None:
    """Return what the carrier is told to fetch."""
    if page is None:
        return order.answer_url
    return (order.answer_url or f"http://{page.address}").rstrip("/") + page.path


def _document(control: CallControl, settings: CarrierSettings, placing: Placing) -> AnswerDocument:
    if control.answer_document is None:
        raise ConfigError(f"carrier={control.name}: what it is to be answered with is not known")
    return control.answer_document(settings, placing)
