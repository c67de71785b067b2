"""Which call a line is about: whoever writes it names the call at most, the rest is filled in.

What is bound follows into the tasks started from there, so other libraries' records have it too.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from typing import Any, TypeAlias

DescribeCall: TypeAlias = Callable[[str], Mapping[str, object]]
"""Returns what is known of a call by its id, to stand in lines about it; nothing if it is unknown.

It may be asked from any thread, whenever something is logged: it must be quick and not raise."""

_DESCRIBE: ContextVar[DescribeCall | None] = ContextVar("describe_call", default=None)
_CALL: ContextVar[str | None] = ContextVar("call", default=None)


@contextlib.contextmanager
def describing_calls(describe: DescribeCall) -> Iterator[None]:
    """Have lines that name a call say more of it, in this task and those started from it."""
    token = _DESCRIBE.set(describe)
    try:
        yield
    finally:
        _DESCRIBE.reset(token)


@contextlib.contextmanager
def about_call(call: str) -> Iterator[None]:
    """Have lines of this task, and of those started from it, name the call."""
    token = _CALL.set(call)
    try:
        yield
    finally:
        _CALL.reset(token)


def with_call(event: Mapping[str, Any]) -> dict[str, Any]:
    """Return an event with the call it is about; what it says itself is left as it is."""
    call = event.get("call", _CALL.get())
    if not isinstance(call, str):
        return dict(event)
    describe = _DESCRIBE.get()
    known = {} if describe is None else describe(call)
    return {**event, "call": call, **{key: known[key] for key in known if key not in event}}
