"""What can be asked behind a question mark, read into structs with the limits in their types."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any
from urllib.parse import parse_qsl

import msgspec
import trio
from msgspec import Meta, Struct

from trioaudio.api.request_error import RequestError
from trioaudio.api.shapes import (
    CallId,
    CallState,
    CarrierName,
    Interruptible,
    Milliseconds,
    Name,
    Rate,
    Then,
)
from trioaudio.api.views import CallView
from trioaudio.control.problems import ProblemError, misread

MOST_CALLS = 1000
MOST_SAYING = 100
_MOST_FIELDS = 100
_AT_ONCE = 32  # views: a millisecond


class Query(Struct, kw_only=True, forbid_unknown_fields=True):
    """An unknown name is a mistake, and is told."""


class CallsQuery(Query):
    """Which calls."""

    state: CallState | None = None
    carrier: CarrierName | None = None
    label: Annotated[
        list[Annotated[str, Meta(pattern="^[^:]+:", max_length=321, description="key:value")]],
        Meta(max_length=16),
    ] = []
    """key:value; of several, all have to fit."""
    limit: Annotated[int, Meta(ge=1, le=MOST_CALLS)] = 100
    after: CallId | None = None
    """The last call of the page before."""
    only: (
        Annotated[str, Meta(max_length=6500, pattern=r"^[A-Za-z0-9_-]+(,[A-Za-z0-9_-]+){0,99}$")]
        | None
    ) = None
    """Of these calls those that are known: at most 100 ids, separated by commas."""
    saying: bool = False
    """Tell what each is saying; of at most 100 calls at a time."""


class VoicesQuery(Query):
    """Whose voices; None: those of all engines of the chain."""

    engine: Name | None = None


class UploadQuery(Query):
    """How a recording is played."""

    sample_rate: Rate | None = None
    """Of bare PCM16 LE mono."""
    interruptible: Interruptible = "any"
    priority: Annotated[int, Meta(ge=-100, le=100)] = 0
    then: Then | None = None
    tail_ms: Milliseconds | None = None


def read_query(text: str, kind: type[Query] | None) -> Any:
    """Return a `kind`, or None if the route takes no query; ProblemError."""
    if kind is None:
        return None
    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError as exc:
        raise ProblemError("bad-request", f"the query cannot be read: {exc}") from exc
    lists = {"label"} & set(kind.__struct_fields__)
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in lists:
            found.setdefault(name, []).append(value)
        elif name in found:
            raise ProblemError("invalid", f"{name} stands twice in the query")
        else:
            found[name] = value
    try:
        return msgspec.convert(found, kind, strict=False)
    except msgspec.ValidationError as exc:
        raise misread(exc) from None


async def choose_calls(
    calls: Sequence[str], look: Callable[[str], CallView], query: CallsQuery
) -> tuple[list[CallView], bool]:
    """Return a page of what fits, in the order given, and whether there is more.

    A view is made of no more calls than need be, and of a few at a time: of a thousand in one go
    nobody would be sent anything for twenty milliseconds.
    """
    wanted = [tuple(each.split(":", 1)) for each in query.label]
    page: list[CallView] = []
    for place, call in enumerate(calls[_begin(calls, query.after) :]):
        if place % _AT_ONCE == 0:
            await trio.lowlevel.checkpoint()
        try:
            view = look(call)
        except RequestError:  # forgotten: the list is of those that are known
            continue
        if (
            query.state in {None, view.state}
            and query.carrier in {None, view.carrier}
            and all(view.labels.get(key) == value for key, value in wanted)
        ):
            page.append(view)
        if len(page) > query.limit:
            return page[: query.limit], True
    return page, False


def _begin(calls: Sequence[str], after: str | None) -> int:
    if after is None:
        return 0
    if after not in calls:
        raise ProblemError("invalid", f"after: there is no call {after!r} (any more)")
    return calls.index(after) + 1
