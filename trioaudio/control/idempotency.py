"""Answers kept so that a request that is repeated is not carried out twice.

The header is that of draft-ietf-httpapi-idempotency-key-header: a client that got no answer asks
again with the same key. What was refused for lack of room, and what failed on our side, is not
kept: asking again may then succeed.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from typing import Final

import attrs

from trioaudio.control.problems import ProblemError

KEYS: Final = 10_000
KEPT_S: Final = 24 * 3600.0
KEPT_BYTES: Final = 64 * 1024 * 1024
LONGEST_KEY: Final = 255


@attrs.frozen
class HttpAnswer:
    """A whole answer."""

    status: int
    body: bytes
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()


@attrs.frozen
class RequestKey:
    """What makes two requests the same one: token, path and key. The body has to be so, too."""

    who: str
    path: str
    key: str


@attrs.frozen
class _Kept:
    body: bytes
    answer: HttpAnswer
    until: float


@attrs.define(eq=False)
class KeptAnswers:
    """A bounded number of answers; the oldest goes first."""

    _kept: OrderedDict[RequestKey, _Kept] = attrs.field(factory=OrderedDict, init=False)
    _begun: dict[RequestKey, bytes] = attrs.field(factory=dict, init=False)
    _size: int = attrs.field(default=0, init=False)

    def begin(self, request: RequestKey, body: bytes, now: float) -> HttpAnswer | None:
        """Return the answer given before, or None: then carry it out, and `finish` in any case.

        ProblemError when it is being carried out, or the key was used for something else.
        """
        self._forget(now)
        digest = hashlib.sha256(body).digest()
        kept = self._kept.get(request)
        known = self._begun.get(request) if kept is None else kept.body
        if known is not None and known != digest:
            raise ProblemError(
                "invalid", "this Idempotency-Key was used for another body; take a new one"
            )
        if kept is not None:
            return kept.answer
        if known is not None:
            raise ProblemError(
                "in-progress",
                "the request with this Idempotency-Key is being carried out; ask again",
                retry_after_s=1.0,
            )
        self._begun[request] = digest
        return None

    def finish(self, request: RequestKey, answer: HttpAnswer | None, now: float) -> None:
        """Keep the answer, unless asking again may change it; None: there was none."""
        digest = self._begun.pop(request)
        if answer is None or answer.status >= 500 or answer.status in {409, 429}:
            return
        self._kept[request] = _Kept(digest, answer, now + KEPT_S)
        self._size += len(answer.body)
        while len(self._kept) > KEYS or self._size > KEPT_BYTES:
            self._drop_oldest()

    def _forget(self, now: float) -> None:
        while self._kept and next(iter(self._kept.values())).until <= now:
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        _, kept = self._kept.popitem(last=False)
        self._size -= len(kept.answer.body)
