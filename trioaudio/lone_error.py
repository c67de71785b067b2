"""One error out of a nursery as itself, not as a group of one."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator


@contextlib.contextmanager
def lone_error() -> Iterator[None]:
    """Raise the only member of an exception group in the group's place.

    Several errors stay a group, and so does whatever has a Cancelled in it: that is Trio's.
    """
    error: Exception
    try:
        yield
    except ExceptionGroup as group:
        error = group
        while isinstance(error, ExceptionGroup) and len(error.exceptions) == 1:
            error = error.exceptions[0]
    else:
        return
    raise error  # out here, or the group would become its context and hide its cause
