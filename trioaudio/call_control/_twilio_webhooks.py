"""Twilio's webhooks, and those made like them: the signature, and the call they tell of.

https://www.twilio.com/docs/usage/webhooks/webhooks-security (documented): HMAC-SHA1 over the URL
and the form's names and values in the names' order; a body that is no form is hashed into the query
as `bodySHA256`. Read in Twilio's own libraries: a name that comes twice counts once for each
different value, and the URL may have been signed with its port or without.
https://www.twilio.com/docs/voice/twiml#request-parameters and
https://www.twilio.com/docs/voice/api/call-resource#statuscallback (documented): `CallSid`, `From`,
`To`, `Direction`, `CallStatus`; a status callback has a `CallbackSource`, or tells of an end.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Iterator

import attrs

from trioaudio.call_control._webhooks import (
    any_fits,
    read_call,
    signatures_in,
    signed_header,
    unlike,
)
from trioaudio.carriers._door_checks import as_bytes, missing_setting, text_setting
from trioaudio.core.carrier import CarrierSettings
from trioaudio.core.webhook import CallStage, IncomingCall, WebhookCheck, WebhookRequest

OVER = frozenset({"completed", "busy", "failed", "no-answer", "canceled", "cancelled", "timeout"})
_ASKS = frozenset({"", "queued", "ringing", "in-progress"})
_TELLS_ONLY = ("CallbackSource", "StreamEvent")
_BODY_HASH = "bodySHA256"
_HASHES = {"HMAC_SHA1": "sha1", "HMAC_SHA256": "sha256"}
_SETTINGS_HEADER = "x-twilio-webhooks-signature-settings"
_DEFAULT_PORTS = {"https": ":443", "http": ":80"}
_PORT = re.compile(r":[0-9]+$")


@attrs.frozen
class TwilioSignature:
    """How one member of the family signs."""

    header: str
    key_field: str
    """The setting that holds the key."""
    signs_bodies: bool = False
    """Whether a body that is no form is signed behind the URL, in hexadecimal digits."""

    @property
    def check(self) -> WebhookCheck:
        """Its check."""
        return WebhookCheck(self._check, missing_setting(self.key_field), self.header)

    def _check(self, settings: CarrierSettings, request: WebhookRequest) -> None:
        header = signed_header(request, self.header)
        key = as_bytes(text_setting(settings, self.key_field))
        fits = any_fits(signatures_in(header), self._wanted(key, request))
        if not (fits and key):  # anybody can sign with no key
            raise unlike(self.header, request, f"are the public URL and {self.key_field} right?")

    def _wanted(self, key: bytes, request: WebhookRequest) -> Iterator[bytes]:
        """Yield each signature that would do; none leaves a part of the request unsigned."""
        digest = _HASHES.get(_announced_hash(request.headers.get(_SETTINGS_HEADER, "")))
        if digest is None:
            return
        is_form = bool(request.form) or not request.body
        behind = _sorted_form(request) if is_form else b""
        for url in map(as_bytes, sorted(_spellings(request.url))):
            if is_form or _has_body_hash(request):
                yield base64.b64encode(hmac.digest(key, url + behind, digest))
            if self.signs_bodies and not is_form:
                yield hmac.new(key, url + request.body, digest).hexdigest().encode()


def _sorted_form(request: WebhookRequest) -> bytes:
    return b"".join(as_bytes(name + value) for name, value in sorted(set(request.form)))


def _has_body_hash(request: WebhookRequest) -> bool:
    told = next((value for name, value in request.query_pairs if name == _BODY_HASH), "")
    return hmac.compare_digest(as_bytes(told), hashlib.sha256(request.body).hexdigest().encode())


def _announced_hash(header: str) -> str:
    """Return the algorithm that `key=…,algorithm=HMAC_SHA256` names; else the usual one."""
    parts = (each.partition("=") for each in header.split(","))
    named = (value.strip() for name, _, value in parts if name.strip() == "algorithm")
    return next(filter(None, named), "HMAC_SHA1").upper()


def _spellings(url: str) -> set[str]:
    """Return the URL as asked for, without its port, and with the scheme's own where it has none.

    With a port, Twilio's libraries sign the URL without it.
    """
    scheme, _, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    port = _PORT.search(host)
    bare = _PORT.sub("", host)
    with_port = bare + (port[0] if port else _DEFAULT_PORTS.get(scheme, ""))
    return {url, f"{scheme}://{bare}{slash}{path}", f"{scheme}://{with_port}{slash}{path}"}


def read_webhook(request: WebhookRequest) -> IncomingCall:
    """Read what all members of the family tell alike."""
    status = request.text("CallStatus")
    return read_call(
        request,
        request.text("CallSid"),
        _stage(request, status or ""),
        numbers=(request.text("From"), request.text("To")),
        inbound=(request.text("Direction") or "inbound").startswith("inbound"),
        status=status,
    )


def _stage(request: WebhookRequest, status: str) -> CallStage:
    if status in OVER:
        return CallStage.OVER
    if status in _ASKS and request.text(*_TELLS_ONLY) is None:
        return CallStage.ASKS
    return CallStage.GOES_ON
