"""One error for several: those of an engine's own tasks, and those of all engines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from trioaudio.core.errors import EngineError, EngineFault, TextError, TrioaudioError
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


def nobody_could(failed: Sequence[tuple[str, TrioaudioError]]) -> TrioaudioError:
    """Return the error of an utterance that nobody could speak: the only one, or all of them."""
    if len(failed) == 1 or all(isinstance(error, TextError) for _, error in failed):
        return failed[0][1]
    last = failed[-1][1]
    kind = last.kind if isinstance(last, EngineError) else EngineFault.BAD_REQUEST
    reasons = "; ".join(str(error) for _, error in failed)
    return EngineError(f"no engine could speak: {reasons}", kind=kind, retryable=True)
