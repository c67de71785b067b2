"""Twilio: https://www.twilio.com/docs/voice/api/call-resource (documented; not tried live).

The media URL must be wss:// without a query: https://www.twilio.com/docs/voice/twiml/stream.
"""

from __future__ import annotations

from trioaudio.call_control._twilio_like import Account, TwilioLike
from trioaudio.call_control._twilio_webhooks import TwilioSignature
from trioaudio.call_control._wanted import own, rest_url
from trioaudio.carriers.twilio import TwilioSettings
from trioaudio.core.carrier import CarrierSettings


def _account(settings: CarrierSettings) -> Account:
    ours = own(settings, TwilioSettings)
    return Account(rest_url("rest_url", ours.rest_url), ours.account_sid, ours.auth_token)


CALL_CONTROL = TwilioLike(
    name="twilio",
    documentation="https://www.twilio.com/docs/voice/api/call-resource",
    credentials=("account_sid", "auth_token"),
    account=_account,
    signature=TwilioSignature("X-Twilio-Signature", "auth_token"),
).control
