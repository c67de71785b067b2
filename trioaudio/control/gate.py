"""Who asks, and whether that is allowed: for HTTP and the stream alike."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final

import attrs
import trio

from trioaudio.api.shapes import Role
from trioaudio.control.limits import FailureRecord, TokenBucket
from trioaudio.control.options import ControlOptions
from trioaudio.control.problems import ProblemError
from trioaudio.control.tokens import Holder

_CHALLENGE: Final = (("WWW-Authenticate", 'Bearer realm="trioaudio"'),)
_WRONG: Final = (("WWW-Authenticate", 'Bearer realm="trioaudio", error="invalid_token"'),)
_TOO_SMALL: Final = (("WWW-Authenticate", 'Bearer realm="trioaudio", error="insufficient_scope"'),)

Headers = Iterable[tuple[bytes, bytes]]


@attrs.define(eq=False)
class Gate:
    """Admits holders of tokens. A good token passes even from where many wrong ones came.

    Otherwise one mistaken client would shut out all others behind the same address; and tokens are
    too long to be guessed at any rate.
    """

    options: ControlOptions
    _failures: FailureRecord = attrs.field(factory=FailureRecord, init=False)
    _buckets: dict[str, TokenBucket] = attrs.field(factory=dict, init=False)

    def admit(self, headers: Headers, peer: str) -> Holder:
        """Return who brings the token of the Authorization header; ProblemError 401 or 429."""
        given = bearer(headers)
        if given is None:
            self._fail(peer)
            raise ProblemError(
                "token", "send a token: Authorization: Bearer ta_…", headers=_CHALLENGE
            )
        return self.admit_token(given, peer)

    def admit_token(self, token: str, peer: str) -> Holder:
        """Return whose token it is; ProblemError 401 or 429."""
        holder = self.options.tokens.check(token)
        if holder is None:
            self._fail(peer)
            raise ProblemError(
                "token", "this token is not known here; it may be revoked", headers=_WRONG
            )
        return holder

    def spend(self, holder: Holder) -> None:
        """Count a request; ProblemError 429 when there were too many."""
        bucket = self._buckets.get(holder.name)
        if bucket is None:
            bucket = TokenBucket(self.options.requests_per_s, self.options.request_burst)
            self._buckets[holder.name] = bucket
        wait = bucket.take(trio.current_time())
        if wait:
            rate = self.options.requests_per_s
            raise ProblemError(
                "rate",
                f"more than {rate:g} requests a second with one token; slow down",
                retry_after_s=round(wait, 3),
            )

    def require(self, holder: Holder, role: Role) -> None:
        """ProblemError 403 when the holder's role is too small."""
        if not holder.may(role):
            raise ProblemError(
                "forbidden",
                f"this needs the role {role}; the token {holder.name!r} has {holder.role}",
                headers=_TOO_SMALL,
            )

    def _fail(self, peer: str) -> None:
        self.options.on_wrong_token()
        now = trio.current_time()
        if wait := self._failures.wait(peer, now):
            raise ProblemError(
                "rate",
                "too many wrong tokens from this address; wait, and look at the token",
                retry_after_s=float(math.ceil(wait)),
            )
        self._failures.add(peer, now)


def bearer(headers: Headers) -> str | None:
    """Return the token of the Authorization header, if it has one."""
    for name, value in headers:
        if name == b"authorization":
            scheme, _, token = value.partition(b" ")
            if scheme.lower() == b"bearer" and token.strip():
                return token.strip().decode("latin-1")
            return None
    return None
