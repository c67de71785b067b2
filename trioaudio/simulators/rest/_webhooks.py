"""How simulated carriers ask what to do with a call that comes in, signed as documented.

Twilio: https://www.twilio.com/docs/usage/webhooks/webhooks-security. SignalWire:
https://developer.signalwire.com/guides/webhook-security. Plivo:
https://docs.plivo.com/docs/voice/concepts/signature-validation. Vobiz:
https://www.vobiz.ai/docs/concepts/validating-callbacks. Vonage:
https://developer.vonage.com/en/getting-started/concepts/webhooks. Telnyx:
https://developers.telnyx.com/docs/development/api-fundamentals/webhooks. TeleCMI signs nothing.
The account's secret is the key of all of them; Telnyx's private key is made of it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import warnings
from collections.abc import Callable, Mapping
from functools import partial
from typing import TypeAlias
from urllib.parse import urlencode

import attrs
import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"


@attrs.frozen
class CallInNews:
    """What a carrier asks or tells of a call that comes in."""

    url: str
    """What is asked, as it was set in the carrier's console."""
    call_id: str
    caller: str
    called: str
    secret: str = attrs.field(repr=False)
    at: float
    """Seconds since 1970."""
    over: bool = False
    """Whether it is told that the call has ended; else it is asked what to do with it."""


@attrs.frozen
class HttpAsk:
    """An HTTP request to be sent: POST if it has a body."""

    url: str
    headers: Mapping[str, str] = attrs.field(repr=False)
    body: bytes | None = None


Ask: TypeAlias = Callable[[CallInNews], HttpAsk]


def _mac(secret: str, text: str, digest: str) -> str:
    return base64.b64encode(hmac.digest(secret.encode(), text.encode(), digest)).decode()


def _twilio(header: str, news: CallInNews) -> HttpAsk:
    form = {
        "CallSid": news.call_id,
        "From": f"+{news.caller}",
        "To": f"+{news.called}",
        "Direction": "inbound",
        "CallStatus": "completed" if news.over else "ringing",
    }
    signed = news.url + "".join(name + form[name] for name in sorted(form))
    headers = {header: _mac(news.secret, signed, "sha1"), "Content-Type": FORM}
    return HttpAsk(news.url, headers, urlencode(form).encode())


def _plivo_form(news: CallInNews) -> dict[str, str]:
    return {
        "CallUUID": news.call_id,
        "From": news.caller,
        "To": news.called,
        "Direction": "inbound",
        "CallStatus": "completed" if news.over else "ringing",
        "Event": "Hangup" if news.over else "StartApp",
    }


def _plivo(news: CallInNews) -> HttpAsk:
    form, nonce = _plivo_form(news), str(secrets.randbelow(10**20))
    base, _, query = news.url.partition("?")
    told = "".join(name + form[name] for name in sorted(form))
    ordered = "&".join(sorted(query.split("&"))) if query else ""
    signed = f"{base}?{ordered}{'.' if ordered else ''}{told}.{nonce}"
    headers = {
        "X-Plivo-Signature-V3": _mac(news.secret, signed, "sha256"),
        "X-Plivo-Signature-V3-Nonce": nonce,
        "Content-Type": FORM,
    }
    return HttpAsk(news.url, headers, urlencode(form).encode())


def _vobiz(news: CallInNews) -> HttpAsk:
    nonce = str(secrets.randbelow(10**20))
    signed = f"{news.url.partition('?')[0]}.{nonce}"
    headers = {
        "X-Vobiz-Signature-V3": _mac(news.secret, signed, "sha256"),
        "X-Vobiz-Signature-V3-Nonce": nonce,
        "Content-Type": FORM,
    }
    return HttpAsk(news.url, headers, urlencode(_plivo_form(news)).encode())


def _vonage(news: CallInNews) -> HttpAsk:
    told = {"uuid": news.call_id, "from": news.caller, "to": news.called}
    if news.over:
        told |= {"status": "completed", "direction": "inbound"}
    body = json.dumps(told).encode()
    claims = {
        "iat": int(news.at),
        "jti": secrets.token_hex(8),
        "payload_hash": hashlib.sha256(body).hexdigest(),
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # how long the secret is, is the account's affair
        token = jwt.encode(claims, news.secret, algorithm="HS256")
    return HttpAsk(news.url, {"Authorization": f"Bearer {token}", "Content-Type": JSON}, body)


def telnyx_key(secret: str) -> Ed25519PrivateKey:
    """Return the key a simulated Telnyx signs with; its public half is the account's."""
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(secret.encode()).digest())


def _telnyx(news: CallInNews) -> HttpAsk:
    payload = {
        "call_control_id": news.call_id,
        "direction": "incoming",
        "from": f"+{news.caller}",
        "to": f"+{news.called}",
    }
    kind = "call.hangup" if news.over else "call.initiated"
    body = json.dumps({"data": {"event_type": kind, "payload": payload}}).encode()
    time = str(int(news.at))
    signature = telnyx_key(news.secret).sign(f"{time}|".encode() + body)
    headers = {
        "telnyx-signature-ed25519": base64.b64encode(signature).decode(),
        "telnyx-timestamp": time,
        "Content-Type": JSON,
    }
    return HttpAsk(news.url, headers, body)


def _telecmi(news: CallInNews) -> HttpAsk:
    told = {
        "action": "inbound",
        "from": news.caller,
        "to": news.called,
        "time": int(news.at * 1000),
        "cmiuuid": news.call_id,
        **({"status": "hangup"} if news.over else {}),
    }
    return HttpAsk(news.url, {"Content-Type": JSON}, json.dumps(told).encode())


ASKS: Mapping[str, Ask] = {
    "twilio": partial(_twilio, "X-Twilio-Signature"),
    "signalwire": partial(_twilio, "X-SignalWire-Signature"),
    "plivo": _plivo,
    "vobiz": _vobiz,
    "vonage": _vonage,
    "telnyx": _telnyx,
    "telecmi": _telecmi,
}
"""By the carrier's name."""
