"""What a request that went wrong is answered with: RFC 9457, https://www.rfc-editor.org/rfc/rfc9457.

Each problem's type is a URI whose last part is one word, and that word decides status and title.
"""

from __future__ import annotations

import functools
import re
from typing import Any, Final

import msgspec

from trioaudio.api.request_error import RequestError, RequestFault
from trioaudio.api.views import Problem

PROBLEM_BASE: Final = "https://trioaudio.dev/problems/"
PROBLEM_TYPE: Final = "application/problem+json"
KINDS: Final[dict[str, tuple[int, str]]] = {
    RequestFault.NOT_FOUND.value: (404, "There is no such thing"),
    RequestFault.ENDED.value: (410, "It is over"),
    RequestFault.CONFLICT.value: (409, "Not in this state"),
    RequestFault.INVALID.value: (422, "The request makes no sense"),
    RequestFault.UNSUPPORTED.value: (422, "There is no way to do it here"),
    RequestFault.FORBIDDEN.value: (403, "Not allowed"),
    RequestFault.FULL.value: (429, "A bound of the call is reached"),
    RequestFault.BUSY.value: (503, "No new calls are taken"),
    RequestFault.CARRIER.value: (502, "The carrier did not do it"),
    RequestFault.ENGINE.value: (502, "No engine could do it"),
    "bad-request": (400, "The request cannot be read"),
    "token": (401, "A token is needed"),
    "method": (405, "Not by this method"),
    "slow": (408, "The request took too long to come"),
    "in-progress": (409, "It is being done"),
    "too-large": (413, "The request is too large"),
    "media-type": (415, "Not in this form"),
    "upgrade": (426, "A WebSocket is needed"),
    "rate": (429, "Too many requests"),
    "bug": (500, "A mistake of ours"),
    "streams": (503, "There are too many streams"),
    "stopping": (503, "The node is stopping"),
}


_OF_AN_OBJECT: Final = re.compile(
    r"Object (?:contains unknown|missing required) field `(.*)`", re.DOTALL
)


class ProblemError(Exception):
    """A request is refused by the server itself, before or without the daemon."""

    def __init__(
        self,
        kind: str,
        detail: str,
        *,
        retry_after_s: float | None = None,
        errors: list[dict[str, Any]] | None = None,
        headers: tuple[tuple[str, str], ...] = (),
    ) -> None:
        super().__init__(detail)
        self.problem = describe(kind, detail, retry_after_s=retry_after_s, errors=errors)
        self.headers = headers


def describe(
    kind: str,
    detail: str,
    *,
    retry_after_s: float | None = None,
    errors: list[dict[str, Any]] | None = None,
) -> Problem:
    """Return a problem of one of `KINDS`."""
    status, title = KINDS[kind]
    return Problem(
        type=PROBLEM_BASE + kind,
        title=title,
        status=status,
        detail=detail,
        retry_after_s=retry_after_s,
        errors=errors,
    )


def problem_of(error: RequestError | ProblemError) -> Problem:
    """Return what to answer after an error that somebody named."""
    if isinstance(error, ProblemError):
        return error.problem
    return describe(error.fault.value, str(error), retry_after_s=error.retry_after_s)


def read_json(content: bytes | str, kind: Any) -> Any:
    """Return a `kind`; ProblemError when it is no JSON, or not what is wanted."""
    try:
        return _decoder(kind).decode(content)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as exc:
        raise misread(exc) from None


@functools.cache
def _decoder(kind: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(kind)


def misread(error: Exception) -> ProblemError:
    """Return what to raise after msgspec refused something."""
    if not isinstance(error, msgspec.ValidationError):
        return ProblemError("bad-request", f"this is no JSON: {error}")
    field, problem = _field_and_problem(str(error))
    where = f"{field}: {problem}" if field else problem
    return ProblemError("invalid", where, errors=[{"field": field, "problem": problem}])


def a_bug() -> Problem:
    """Return what to answer after an error nobody foresaw; the log has the rest."""
    return describe("bug", "it failed by a mistake of the server's, which has been logged")


def _field_and_problem(message: str) -> tuple[str, str]:
    """Take msgspec's "Expected `int`, got `str` - at `$.utterance`" apart.

    Of an object with a field too many, or too few, the path is the object's.
    """
    problem, found, path = message.rpartition(" - at `")
    if not found:
        problem, path = message, ""
    place = path.rstrip("`").removeprefix("$")
    if field := _OF_AN_OBJECT.fullmatch(problem):
        place += f".{field[1]}"
    return place.removeprefix("."), problem
