"""A Fonoster stream with protocol `twilio`, as a carrier sees it.

Documented: the messages (https://docs.fonoster.com/reference/twilio-compatibility), a clear that
returns pending marks, and the signed upgrade (https://docs.fonoster.com/streams/verify-signatures).
Fonoster itself ignores the stream id we name and what it does not understand; here both must be
as Twilio has them.
"""

from __future__ import annotations

import hmac

from trioaudio.core.carrier import MarksAfterClear
from trioaudio.core.encoding import Encoding
from trioaudio.simulators.dialect import CallFacts, Credentials, Dialect, DialectKind, Handshake
from trioaudio.simulators.dialects._twilio_like import MULAW, OPTIONS, Ids, twilio_like

_APP = "8cde8ea9-3c58-4dbe-b2cf-23c4413dd4cc"
_WORKSPACE = "WO0123456789abcdef0123456789abcdef"


def _new(facts: CallFacts) -> Dialect:
    ids = Ids(_WORKSPACE, facts.stream_id, facts.call_id)
    return twilio_like(facts, ids, {Encoding.MULAW: MULAW})


def _sign(url: str, _facts: CallFacts, credentials: Credentials) -> Handshake:
    if not credentials.secret:
        return Handshake(url)
    at = str(int(credentials.at))
    return Handshake(
        url,
        (
            ("x-fonoster-timestamp", at),
            ("x-fonoster-signature", _signature(credentials, f"{at}.{url}")),
            ("x-fonoster-app-ref", _APP),
            ("x-fonoster-workspace-ref", _WORKSPACE),
            (
                "x-fonoster-app-signature",
                _signature(credentials, "\n".join((at, url, _APP, _WORKSPACE))),
            ),
        ),
    )


def _signature(credentials: Credentials, text: str) -> str:
    return hmac.digest(credentials.secret.encode(), text.encode(), "sha256").hex()


DIALECT = DialectKind(
    "fonoster",
    new=_new,
    encodings=(Encoding.MULAW,),
    sample_rates=(8000,),
    marks_after_clear=MarksAfterClear.RETURNED,
    handshake=_sign,
    options=OPTIONS,
)
