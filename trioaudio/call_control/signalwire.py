"""SignalWire's Compatibility API: Twilio's REST interface and XML under another address.

https://developer.signalwire.com/compatibility-api (documented: address, credentials, form fields;
inferred: that a new call takes its document as `Twiml`, as Twilio's does and as SignalWire's own
client offers; an answer URL is the documented way). `<Stream>`'s `codec` and `authBearerToken`:
https://signalwire.com/docs/compatibility-api/cxml/reference/voice/stream. Not tried live.

Webhooks: https://developer.signalwire.com/guides/webhook-security (documented: signed with the
project's signing key, `X-SignalWire-Signature`). Read in SignalWire's own clients: forms are signed
as Twilio's are, other bodies behind the URL.
"""

from __future__ import annotations

from collections.abc import Mapping

from trioaudio.call_control._twilio_like import Account, TwilioLike
from trioaudio.call_control._twilio_webhooks import TwilioSignature
from trioaudio.call_control._wanted import own, rest_url
from trioaudio.carriers.signalwire import SignalwireSettings
from trioaudio.core.call_control import Placing
from trioaudio.core.carrier import CarrierSettings
from trioaudio.core.encoding import Encoding

_CODECS = {
    Encoding.MULAW: "PCMU",
    Encoding.ALAW: "PCMA",
    Encoding.PCM16: "L16",
    Encoding.PCM16_BE: "L16",
}


def _account(settings: CarrierSettings) -> Account:
    ours = own(settings, SignalwireSettings)
    # A space is a host; with a scheme it may be a simulated one.
    url = ours.space if "://" in ours.space else f"https://{ours.space}"
    return Account(f"{rest_url('space', url)}/api/laml", ours.project_id, ours.api_token)


def _attributes(settings: CarrierSettings, placing: Placing) -> Mapping[str, str]:
    media = placing.media
    codec = _CODECS[media.encoding]
    token = placing.stream_token or own(settings, SignalwireSettings).stream_token
    bearer = {"authBearerToken": token.get()} if token else {}
    return {"codec": f"{codec}@{media.sample_rate}h", **bearer}


CALL_CONTROL = TwilioLike(
    name="signalwire",
    documentation="https://developer.signalwire.com/compatibility-api",
    credentials=("project_id", "api_token", "space"),
    account=_account,
    signature=TwilioSignature("X-SignalWire-Signature", "signing_key", signs_bodies=True),
    attributes=_attributes,
).control
