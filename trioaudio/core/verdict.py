"""From an exception to what is done about the leg it came from."""

from __future__ import annotations

import enum

from trioaudio.core.errors import (
    LegLostError,
    LegRefusedError,
    RemoteProtocolError,
    TrioaudioError,
)


class Verdict(enum.IntEnum):
    """Ordered by how final it is; of several failures the most final one counts."""

    LOST = 0
    REFUSED = 1
    BUG = 2


def judge(exc: Exception) -> Verdict:
    """Say what a leg's failure means.

    Takes what `split_control` left: no Cancelled, no KeyboardInterrupt. EngineError and
    ConfigError never reach a leg's edge; one that does is a bug, like anything unknown.
    """
    match exc:
        case ExceptionGroup():
            return max(judge(each) for each in exc.exceptions)
        case LegLostError():
            return Verdict.LOST
        case LegRefusedError() | RemoteProtocolError():
            return Verdict.REFUSED
        case _:
            return Verdict.BUG


def split_control(exc: BaseException) -> tuple[BaseException | None, Exception | None]:
    """Part what unwinds the program (Cancelled, KeyboardInterrupt …) from what went wrong.

    The first is to be re-raised as it is; the second can be judged. Nurseries raise groups
    that may hold both.
    """
    match exc:
        case BaseExceptionGroup():
            failures, control = exc.split(Exception)
            return control, failures
        case Exception():
            return None, exc
        case _:
            return exc, None


def leaves(exc: BaseException) -> list[BaseException]:
    """Return the exceptions inside nested groups, in order; the exception itself if it is none."""
    if isinstance(exc, BaseExceptionGroup):
        return [leaf for each in exc.exceptions for leaf in leaves(each)]
    return [exc]


def known_error(group: BaseExceptionGroup[BaseException]) -> TrioaudioError:
    """Return the error a group holds if all in it was raised on purpose; else raise the group."""
    known = [leaf for leaf in leaves(group) if isinstance(leaf, TrioaudioError)]
    if len(known) < len(leaves(group)):
        raise group
    return known[0]
