"""A value that is used but never shown, and addresses shown without what is secret in them."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

MASK: Final = "***"


class Secret:
    """Text that only `get` gives away.

    repr, str, format, logs and error messages show `***`, or nothing at all when it is empty.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str = "") -> None:
        self._value = value

    def get(self) -> str:
        """Return the text itself: where it is used, and nowhere else."""
        return self._value

    def __bool__(self) -> bool:
        """Say whether there is anything to hide."""
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        """Compare the hidden texts."""
        return self._value == other._value if isinstance(other, Secret) else NotImplemented

    def __hash__(self) -> int:
        """Agree with equality."""
        return hash(self._value)

    def __str__(self) -> str:
        """Show that something is there, not what."""
        return MASK if self._value else ""

    def __repr__(self) -> str:
        """Show that something is there, not what."""
        return f"Secret({str(self)!r})"

    def __format__(self, spec: str) -> str:
        """Format what is shown, so that padding works and reveals nothing."""
        return format(str(self), spec)


def masked_url(url: str) -> str:
    """Return a URL without user, password, query and fragment, where people keep tokens.

    What is no URL shows only if nothing in it could be one of those.
    """
    if not any(each in url for each in ("://", "@", "?", "#")):
        return url
    try:
        parts = urlsplit(url)
    except ValueError:
        return MASK
    if not parts.netloc:
        return MASK  # a URL without its scheme: where its secret is cannot be told
    _, at, host = parts.netloc.rpartition("@")
    return (
        f"{parts.scheme}://{MASK if at else ''}{at}{host}{parts.path}"
        f"{f'?{MASK}' if parts.query else ''}{f'#{MASK}' if parts.fragment else ''}"
    )
