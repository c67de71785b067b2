"""Telnyx call control v2: a call is placed with the media URL in the request.

https://developers.telnyx.com/api-reference/call-commands/dial (documented: `stream_*`),
https://developers.telnyx.com/api-reference/call-commands/hangup-call and
https://developers.telnyx.com/api-reference/call-commands/transfer-call, which takes a number or a
`sip:` URI. Not tried live. Inferred: that `stream_bidirectional_target_legs` `both` has a call with
one leg hear us; the documented default, `opposite`, is about calls with two.

Telnyx's webhooks are not answered with a document: the call is answered by a command,
https://developers.telnyx.com/api-reference/call-commands/answer-call (documented). So the
answer document is that command's body, for POST /v2/calls/{call_control_id}/actions/answer. TeXML
would be a document, but its `<Stream>` brings no token along and knows no L16.
"""

from __future__ import annotations

from trioaudio.call_control._replies import Replies, at
from trioaudio.call_control._telnyx_webhooks import CHECK, read_webhook
from trioaudio.call_control._wanted import e164, media_url, one_target, own, rest_url, segment
from trioaudio.carriers.telnyx import TelnyxSettings
from trioaudio.core.call_control import (
    AnswerDocument,
    CallControl,
    PlacedCall,
    Placing,
    RestReply,
    RestRequest,
    RestValue,
    revealed,
)
from trioaudio.core.carrier import CarrierSettings, Transfer
from trioaudio.core.encoding import Encoding
from trioaudio.core.errors import ConfigError
from trioaudio.core.wire_json import compact, text_of

_LONGEST_TOKEN = 4000
_RING_S = (5, 600)
_CALL_S = (30, 14_400)

_CODECS = {
    Encoding.MULAW: "PCMU",
    Encoding.ALAW: "PCMA",
    Encoding.PCM16: "L16",
    Encoding.PCM16_BE: "L16",
}
_CREDENTIALS = ("api_key", "connection_id")
_REPLIES = Replies(
    "telnyx",
    codes=(("errors", "0", "code"),),
    words=(("errors", "0", "detail"), ("errors", "0", "title")),
    credentials=_CREDENTIALS,
)


def _place(settings: CarrierSettings, placing: Placing) -> RestRequest:
    ours = own(settings, TelnyxSettings)
    return _request(
        ours,
        "",
        {
            "connection_id": ours.connection_id,
            "to": e164("to", placing.to),
            "from": e164("caller_id", placing.caller_id),
            "timeout_secs": _within(_RING_S, placing.ring_s),
            "time_limit_secs": _within(_CALL_S, placing.most_s),
            **_stream(ours, placing),
        },
    )


def _stream(ours: TelnyxSettings, placing: Placing) -> dict[str, RestValue]:
    codec = _CODECS[placing.media.encoding]
    token = placing.stream_token or ours.stream_token
    if len(token.get()) > _LONGEST_TOKEN:
        raise ConfigError(f"stream_token: longer than the {_LONGEST_TOKEN} characters telnyx takes")
    return {
        "stream_url": media_url("telnyx", placing.media_url),
        "stream_track": "inbound_track",
        "stream_codec": codec,
        "stream_bidirectional_mode": "rtp",
        "stream_bidirectional_codec": codec,
        "stream_bidirectional_sampling_rate": placing.media.sample_rate,
        "stream_bidirectional_target_legs": "both",
        **({"stream_auth_token": token} if token else {}),
    }


def _request(
    ours: TelnyxSettings, path: str, json: dict[str, RestValue], *, safe: bool = False
) -> RestRequest:
    return RestRequest(
        "POST",
        f"{rest_url('rest_url', ours.rest_url)}/v2/calls{path}",
        json=json,
        bearer=ours.api_key,
        safe_to_repeat=safe,
    )


def _within(limits: tuple[int, int], seconds: int) -> int:
    return max(limits[0], min(seconds, limits[1]))


def _read_placed(reply: RestReply) -> PlacedCall:
    call_id = _REPLIES.text(reply, "data", "call_control_id")
    return PlacedCall(call_id, text_of(at(_REPLIES.object_in(reply), ("data", "state"))))


def _hang_up(settings: CarrierSettings, call_id: str) -> RestRequest:
    path = f"/{segment('call_id', call_id)}/actions/hangup"
    return _request(own(settings, TelnyxSettings), path, {}, safe=True)


def _transfer(settings: CarrierSettings, call_id: str, transfer: Transfer) -> RestRequest:
    target = one_target("telnyx", transfer)
    caller = {}
    if transfer.caller_id is not None:
        caller = {"from": e164("caller_id", transfer.caller_id)}
    return _request(
        own(settings, TelnyxSettings),
        f"/{segment('call_id', call_id)}/actions/transfer",
        {
            "to": target if target.startswith("sip:") else e164("to", target),
            **caller,
            "timeout_secs": _within(_RING_S, transfer.timeout_s),
            "time_limit_secs": _within(_CALL_S, transfer.duration_s),
        },
    )


def _probe(settings: CarrierSettings) -> RestRequest:
    """Ask for the application our calls are placed by, so that its id is checked too.

    https://developers.telnyx.com/api-reference/call-control-applications/retrieve-a-call-control-application
    """
    ours = own(settings, TelnyxSettings)
    application = segment("connection_id", ours.connection_id)
    return RestRequest(
        "GET",
        f"{rest_url('rest_url', ours.rest_url)}/v2/call_control_applications/{application}",
        bearer=ours.api_key,
        safe_to_repeat=True,
    )


def _answer_document(settings: CarrierSettings, placing: Placing) -> AnswerDocument:
    command = revealed(_stream(own(settings, TelnyxSettings), placing))
    return AnswerDocument("application/json", compact(command))


def _answer(settings: CarrierSettings, call_id: str, placing: Placing) -> RestRequest:
    ours = own(settings, TelnyxSettings)
    path = f"/{segment('call_id', call_id)}/actions/answer"
    return _request(ours, path, _stream(ours, placing), safe=True)


CALL_CONTROL = CallControl(
    name="telnyx",
    documentation="https://developers.telnyx.com/api-reference/call-commands/dial",
    credentials=_CREDENTIALS,
    place=_place,
    read_placed=_read_placed,
    hang_up=_hang_up,
    probe=_probe,
    transfer=_transfer,
    check_reply=_REPLIES.check,
    # Such a call was never there; it has ended already.
    over=frozenset({"404", "90018"}),
    answer_document=_answer_document,
    answer=_answer,
    webhook_check=CHECK,
    read_webhook=read_webhook,
)
