"""Vobiz: XML and REST like Plivo's, with headers of its own for the credentials; not tried live.

https://docs.vobiz.ai/xml/stream (documented). Paths, parameters and the headers X-Auth-ID and
X-Auth-Token: the vendor's migration guide and tools at https://github.com/vobiz-ai (read). That a
call goes on with another document as at Plivo is inferred.
"""

from __future__ import annotations

from trioaudio.call_control._plivo_like import Account, PlivoLike
from trioaudio.call_control._plivo_webhooks import PlivoSignature
from trioaudio.call_control._wanted import own
from trioaudio.carriers.vobiz import VobizSettings
from trioaudio.core.carrier import CarrierSettings


def _account(settings: CarrierSettings) -> Account:
    ours = own(settings, VobizSettings)
    return Account(
        ours.rest_url,
        ours.auth_id,
        ours.auth_token,
        ours.transfer_url,
        root="/api/v1",
        own_headers=("X-Auth-ID", "X-Auth-Token"),
    )


CALL_CONTROL = PlivoLike(
    name="vobiz",
    documentation="https://docs.vobiz.ai/xml/stream",
    credentials=("auth_id", "auth_token"),
    account=_account,
    signature=PlivoSignature("X-Vobiz-Signature", covers_more=False, always=False),
).control
