"""Exotel: a call is placed by a form that names the media URL.

https://developer.exotel.com/docs/agentstream/connect-voice-ai (documented; not tried live): POST
`Calls/connect` with `From` (whom to call), `CallerId` (an ExoPhone), `StreamUrl`,
`StreamType=bidirectional`; https://developer.exotel.com/api/make-a-call-api (`.json` for a reply in
JSON, `TimeLimit`, `TimeOut`). There is no hang-up: a call placed so ends when the stream does. The
sample rate is asked for in the media URL's query, and user and password before its host are
brought back as Basic authorization.

The answer document is what Exotel's Voicebot applet fetches: `{"url": "wss://…"}`,
https://developer.exotel.com/docs/agentstream/stream-voicebot-applet. It is asked for by GET with
`CallSid`, `CallFrom`, `CallTo`, `Direction` in the query, as other applets are
(https://support.exotel.com/support/solutions/articles/3000096873, documented). A status callback
is a POST with `Status`; have it sent as JSON. Nothing is signed.
"""

from __future__ import annotations

import re
from urllib.parse import quote, urlsplit

from trioaudio.call_control._replies import Replies, at
from trioaudio.call_control._twilio_webhooks import OVER
from trioaudio.call_control._wanted import e164, media_url, own, rest_url, segment
from trioaudio.call_control._webhooks import read_call
from trioaudio.carriers.exotel import ExotelSettings
from trioaudio.core.call_control import (
    AnswerDocument,
    CallControl,
    PlacedCall,
    Placing,
    RestReply,
    RestRequest,
)
from trioaudio.core.carrier import CarrierSettings
from trioaudio.core.errors import ConfigError
from trioaudio.core.secret import Secret
from trioaudio.core.webhook import CallStage, IncomingCall, WebhookRequest
from trioaudio.core.wire_json import compact, text_of

_LONGEST_STREAM_URL = 600
_LONGEST_CALL_S = 14_400
_USUAL_RATE = 8000
_EXOPHONE = re.compile(r"\+?[0-9]{6,15}")

_CREDENTIALS = ("account_sid", "api_key", "api_token")
_REPLIES = Replies(
    "exotel",
    codes=(("RestException", "Code"), ("code",)),
    words=(("RestException", "Message"), ("message",)),
    credentials=_CREDENTIALS,
)


def _place(settings: CarrierSettings, placing: Placing) -> RestRequest:
    ours = own(settings, ExotelSettings)
    caller_id = placing.caller_id.strip()
    if not _EXOPHONE.fullmatch(caller_id):
        raise ConfigError(
            f"caller_id={caller_id!r}: not an ExoPhone; digits only, such as 08040000000"
        )
    account = segment("account_sid", ours.account_sid)
    return RestRequest(
        "POST",
        f"{rest_url('rest_url', ours.rest_url)}/v1/Accounts/{account}/Calls/connect.json",
        form=(
            ("From", e164("to", placing.to)),
            ("CallerId", caller_id),
            ("StreamUrl", _stream_url(ours, placing)),
            ("StreamType", "bidirectional"),
            ("TimeOut", str(placing.ring_s)),
            ("TimeLimit", str(min(placing.most_s, _LONGEST_CALL_S))),
        ),
        basic=(ours.api_key, ours.api_token),
    )


def _stream_url(ours: ExotelSettings, placing: Placing) -> Secret:
    parts = urlsplit(media_url("exotel", placing.media_url))
    query = parts.query
    if placing.media.sample_rate != _USUAL_RATE:
        query += f"{'&' if query else ''}sample-rate={placing.media.sample_rate}"
    host = parts.netloc
    if ours.user or ours.password:
        host = f"{quote(ours.user, safe='')}:{quote(ours.password.get(), safe='')}@{host}"
    url = parts._replace(netloc=host, query=query).geturl()
    if len(url) > _LONGEST_STREAM_URL:
        raise ConfigError(
            f"media_url: longer than the {_LONGEST_STREAM_URL} characters exotel takes, with user,"
            " password and sample rate"
        )
    return Secret(url)


def _read_placed(reply: RestReply) -> PlacedCall:
    call_id = _REPLIES.text(reply, "Call", "Sid")
    return PlacedCall(call_id, text_of(at(_REPLIES.object_in(reply), ("Call", "Status"))))


def _probe(settings: CarrierSettings) -> RestRequest:
    """Ask for one of the calls of late: https://developer.exotel.com/api/call-details-bulk."""
    ours = own(settings, ExotelSettings)
    account = segment("account_sid", ours.account_sid)
    return RestRequest(
        "GET",
        f"{rest_url('rest_url', ours.rest_url)}/v1/Accounts/{account}/Calls.json?PageSize=1",
        basic=(ours.api_key, ours.api_token),
        safe_to_repeat=True,
    )


def _answer_document(settings: CarrierSettings, placing: Placing) -> AnswerDocument:
    url = _stream_url(own(settings, ExotelSettings), placing)
    return AnswerDocument("application/json", compact({"url": url.get()}))


def _read_webhook(request: WebhookRequest) -> IncomingCall:
    status = request.text("Status", "CallStatus")
    stage = CallStage.ASKS if request.method == "GET" else CallStage.GOES_ON
    if (status or "").lower() in OVER:
        stage = CallStage.OVER
    return read_call(
        request,
        request.text("CallSid"),
        stage,
        numbers=(request.text("CallFrom", "From"), request.text("CallTo", "To")),
        inbound=(request.text("Direction") or "incoming").startswith("in"),
        status=status,
    )


CALL_CONTROL = CallControl(
    name="exotel",
    documentation="https://developer.exotel.com/docs/agentstream/connect-voice-ai",
    credentials=_CREDENTIALS,
    place=_place,
    read_placed=_read_placed,
    probe=_probe,
    check_reply=_REPLIES.check,
    answer_document=_answer_document,
    read_webhook=_read_webhook,
)
