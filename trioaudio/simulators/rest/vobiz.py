"""Vobiz, simulated: Plivo's resources below another root, with headers for the credentials.

https://docs.vobiz.ai/xml/stream, and the migration guide at https://github.com/vobiz-ai.
"""

from __future__ import annotations

from trioaudio.simulators.rest._plivo_like import plivo_like
from trioaudio.simulators.rest.desk import RestAccount
from trioaudio.simulators.services.http import Request


def _headers(account: RestAccount, request: Request) -> bool:
    given = (request.headers.get("x-auth-id"), request.headers.get("x-auth-token"))
    return given == (account.id, account.secret)


REST = plivo_like("vobiz", signs=False, root="/api/v1", proof=_headers)
