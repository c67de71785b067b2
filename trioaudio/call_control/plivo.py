"""Plivo: https://docs.plivo.com/docs/voice/api/calls (documented; not tried live)."""

from __future__ import annotations

from trioaudio.call_control._plivo_like import Account, PlivoLike
from trioaudio.call_control._plivo_webhooks import PlivoSignature
from trioaudio.call_control._wanted import own
from trioaudio.carriers.plivo import PlivoSettings
from trioaudio.core.carrier import CarrierSettings


def _account(settings: CarrierSettings) -> Account:
    ours = own(settings, PlivoSettings)
    return Account(ours.rest_url, ours.auth_id, ours.auth_token, ours.transfer_url)


CALL_CONTROL = PlivoLike(
    name="plivo",
    documentation="https://docs.plivo.com/docs/voice/api/calls",
    credentials=("auth_id", "auth_token"),
    account=_account,
    signature=PlivoSignature("X-Plivo-Signature", covers_more=True, always=True),
    shows_account=True,
).control
