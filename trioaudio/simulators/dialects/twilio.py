"""Twilio Media Streams as a carrier sees them: the far end of a bidirectional `<Connect><Stream>`.

Documented: https://www.twilio.com/docs/voice/media-streams/websocket-messages for the messages,
a clear that returns pending marks and errors 31931 (more than ten minutes waiting), 31950 (no
text) and 31951 (unexpected or missing fields, another stream's id);
https://www.twilio.com/docs/usage/webhooks/webhooks-security for the signature. The header that
announces SHA-256 is that of `request_validator` in Twilio's Python library from 9.13.
"""

from __future__ import annotations

import base64
import hmac

from trioaudio.core.carrier import MarksAfterClear
from trioaudio.core.encoding import Encoding
from trioaudio.simulators.dialect import (
    Backlog,
    CallFacts,
    Credentials,
    Dialect,
    DialectKind,
    Handshake,
)
from trioaudio.simulators.dialects._form import sid
from trioaudio.simulators.dialects._options import choice
from trioaudio.simulators.dialects._twilio_like import MULAW, OPTIONS, Ids, twilio_like

_ACCOUNT = "AC0123456789abcdef0123456789abcdef"
_TEN_MINUTES_MS = 600_000


def _new(facts: CallFacts) -> Dialect:
    ids = Ids(_ACCOUNT, sid("MZ", facts.stream_id), sid("CA", facts.call_id))
    return twilio_like(facts, ids, {Encoding.MULAW: MULAW})


def _sign(url: str, facts: CallFacts, credentials: Credentials) -> Handshake:
    """Sign the URL as it is dialled, scheme and query included."""
    method = choice(facts.options, "signature", "sha1", "sha256")
    if not credentials.secret:
        return Handshake(url)
    digest = hmac.digest(credentials.secret.encode(), url.encode(), method)
    signature = ("X-Twilio-Signature", base64.b64encode(digest).decode())
    if method == "sha1":
        return Handshake(url, (signature,))
    settings = f"key={sid('webhooks_sharedkey_', facts.call_id)},algorithm=HMAC_SHA256"
    return Handshake(url, (signature, ("X-Twilio-Webhooks-Signature-Settings", settings)))


DIALECT = DialectKind(
    "twilio",
    new=_new,
    encodings=(Encoding.MULAW,),
    sample_rates=(8000,),
    marks_after_clear=MarksAfterClear.RETURNED,
    backlog=Backlog(most_ms=_TEN_MINUTES_MS),
    handshake=_sign,
    options={
        **OPTIONS,
        "signature": "sha1 (default) or sha256, which is announced in a header of its own",
    },
)
