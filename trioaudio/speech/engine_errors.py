"""One engine's errors out of its own tasks as one error."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from trioaudio.core.errors import EngineError
from trioaudio.core.verdict import leaves


@contextmanager
def one_engine_error() -> Iterator[None]:
    """Raise the first of a group of EngineErrors in the group's place.

    A group with anything else in it is a bug, and stays as it is.
    """
    try:
        yield
    except ExceptionGroup as group:
        errors = leaves(group)
        if all(isinstance(each, EngineError) for each in errors):
            raise errors[0]  # noqa: B904  it keeps the cause it has
        raise
