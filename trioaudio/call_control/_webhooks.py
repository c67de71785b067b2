"""What carriers' webhooks share: headers and signatures that are compared, calls that are read."""

from __future__ import annotations

import hmac
from collections.abc import Iterable

from trioaudio.call_control._replies import one_line
from trioaudio.carriers._door_checks import as_bytes
from trioaudio.core.upgrade import UNAUTHORIZED
from trioaudio.core.webhook import (
    CallStage,
    IncomingCall,
    UnreadableWebhookError,
    WebhookRefusedError,
    WebhookRequest,
)
from trioaudio.core.wire_json import number_of

CLOCK_SKEW_S = 300
"""How far a signature's time and ours may be apart: what vendors' own libraries allow."""

_MOST_SIGNATURES = 16
_LONGEST_CALL_ID = 256


def signed_header(request: WebhookRequest, *names: str) -> str:
    """Return the first of these headers that was sent; WebhookRefusedError if none was."""
    for name in names:
        value = request.headers.get(name.lower())
        if value is not None:
            return value
    raise WebhookRefusedError(f"{request.peer} sent no {names[0]} header", status=UNAUTHORIZED)


def signatures_in(header: str) -> list[bytes]:
    """Return the signatures of a header that may hold several, separated by commas."""
    parts = header.split(",", _MOST_SIGNATURES)[:_MOST_SIGNATURES]
    return [as_bytes(each.strip()) for each in parts]


def any_fits(given: Iterable[bytes], wanted: Iterable[bytes]) -> bool:
    """Compare all with all, always: the time it takes tells nothing."""
    known = list(wanted)
    fits = False
    for signature in given:
        for each in known:
            fits |= hmac.compare_digest(signature, each)
    return fits


def unlike(proof: str, request: WebhookRequest, advice: str) -> WebhookRefusedError:
    """Return the refusal of a request whose signature does not fit."""
    return WebhookRefusedError(
        f"{proof} from {request.peer} does not fit {request.origin}/...; {advice}"
    )


def check_age(proof: str, request: WebhookRequest, signed_at: str) -> None:
    """Refuse a request that was signed at another time than now: somebody kept it."""
    time = number_of(signed_at)
    if time is None or abs(request.at - time) > CLOCK_SKEW_S:
        raise WebhookRefusedError(
            f"{proof} from {request.peer} was signed more than {CLOCK_SKEW_S} s from now; is this"
            " machine's clock right?"
        )


def read_call(
    request: WebhookRequest,
    call_id: str | None,
    stage: CallStage,
    *,
    numbers: tuple[str | None, str | None],
    inbound: bool,
    status: str | None,
) -> IncomingCall:
    """Return a call; `numbers` are the caller's and the called one's."""
    if call_id is None or len(call_id) > _LONGEST_CALL_ID:
        raise UnreadableWebhookError(
            f"{request.carrier} sent a webhook that names no call; is it one about telephone calls?"
        )
    caller, called = (None if each is None else one_line(each) for each in numbers)
    return IncomingCall(
        call_id=call_id,
        stage=stage,
        inbound=inbound,
        caller=caller,
        called=called,
        status=None if status is None else one_line(status),
        facts=request.facts(),
    )
