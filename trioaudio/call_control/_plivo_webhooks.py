"""Plivo's webhooks, and Vobiz's, which look alike and are signed in another way.

Plivo, https://docs.plivo.com/docs/voice/concepts/signature-validation (documented) and its own
client, `utils/signature_v3` (read in code): V3 is HMAC-SHA256 over the URL with its query in order,
for POST with the form's names and values in order behind it, then a point and a nonce. V2, over the
URL without query and the nonce, says nothing of the body; it counts only where no V3 was sent.
Vobiz, https://www.vobiz.ai/docs/concepts/validating-callbacks (documented): V3 and V2 are both over
the URL without query and the nonce, with a point between them in V3. It may leave them out for an
account that has not set them up, says a third party.

`CallUUID`, `From`, `To`, `Direction`, `CallStatus` and `Event`: StartApp asks, Ring and the events
of the stream only tell, Hangup ends. Plivo tells the answer URL of the end, if no other is named.
"""

from __future__ import annotations

import base64
import hmac

import attrs

from trioaudio.call_control._twilio_webhooks import OVER
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

_ASKS = frozenset({"StartApp", "Redirect"})


@attrs.frozen
class PlivoSignature:
    """How one member of the family signs."""

    prefix: str
    """Of its headers: `X-Plivo-Signature`."""
    covers_more: bool
    """Whether V3 is over query and form as well."""
    always: bool

    @property
    def check(self) -> WebhookCheck:
        """Its check."""
        return WebhookCheck(
            self._check, missing_setting("auth_token"), f"{self.prefix}-V3", always=self.always
        )

    def _check(self, settings: CarrierSettings, request: WebhookRequest) -> None:
        key = as_bytes(text_setting(settings, "auth_token"))
        version = "V3" if self._sent("V3", request) else "V2"
        given = self._sent(version, request)
        if not given:
            signed_header(request, f"{self.prefix}-V3")  # it is not there, and so it says
        nonce = signed_header(request, f"{self.prefix}-{version}-Nonce")
        signed = f"{self._signed(request)}." if version == "V3" else _without_query(request)
        text = as_bytes(f"{signed}{nonce}")
        # Plivo's client for Python encodes what is no ASCII twice; its others do it once.
        spelled = {text, text.decode("latin-1").encode()}
        wanted = [base64.b64encode(hmac.digest(key, each, "sha256")) for each in spelled]
        if not (any_fits(given, wanted) and key):  # without a key anybody can sign
            raise unlike(
                f"{self.prefix}-{version}", request, "are the public URL and auth_token right?"
            )

    def _sent(self, version: str, request: WebhookRequest) -> list[bytes]:
        """Return the account's signatures, and those of the main account it belongs to."""
        names = (f"{self.prefix}-{version}", f"{self.prefix}-Ma-{version}")
        sent = (request.headers.get(each.lower()) for each in names)
        return [each for header in sent if header for each in signatures_in(header)]

    def _signed(self, request: WebhookRequest) -> str:
        base = _without_query(request)
        if not self.covers_more:
            return base
        query = "&".join(f"{name}={value}" for name, value in sorted(request.query_pairs))
        # A body that is no form is not read, since nothing signs it.
        form = "".join(f"{name}{value}" for name, value in sorted(request.form))
        if form:
            return f"{base}?{query}{'.' if query else ''}{form}"
        return f"{base}?{query}" if query else base


def _without_query(request: WebhookRequest) -> str:
    return f"{request.origin}{request.path}"


def read_webhook(request: WebhookRequest) -> IncomingCall:
    """Read what both tell alike."""
    told = attrs.evolve(request, json=None)
    status, event = told.text("CallStatus"), told.text("Event")
    return read_call(
        told,
        told.text("CallUUID"),
        _stage(status, event),
        numbers=(told.text("From"), told.text("To")),
        inbound=(told.text("Direction") or "inbound") == "inbound",
        status=status or event,
    )


def _stage(status: str | None, event: str | None) -> CallStage:
    if event == "Hangup" or (status or "").lower() in OVER:
        return CallStage.OVER
    return CallStage.ASKS if event is None or event in _ASKS else CallStage.GOES_ON
