"""An application that conducts every call: connected when the call begins, ended with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from trioaudio.daemon.works import Works
from trioaudio.observe.logs import get_logger
from trioaudio.relay.runner import run_relay
from trioaudio.relay.terms import RelayTerms

if TYPE_CHECKING:
    from trioaudio.daemon.front_desk import FrontDesk


async def relay(
    call: str, works: Works, desk: FrontDesk, bug: Callable[[str, str, BaseException], None]
) -> None:
    """Have the application of a configuration conduct a call, and log how that ended."""
    url = works.configuration.serve.relay_url
    assert url is not None
    terms = RelayTerms(tls=works.tls)
    try:
        ended = await run_relay(desk, call, url, terms=terms)
    except Exception as exc:  # noqa: BLE001  a bug in one application's relay ends that one
        bug("", call, exc)
        return
    get_logger("trioaudio.relay").info(
        "relay.end", call=call, status=ended.status, detail=ended.detail
    )
