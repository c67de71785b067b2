"""What a carrier says when it has no message for an occasion: nothing."""

from __future__ import annotations

from collections.abc import Sequence

from trioaudio.core.carrier import Message


class SaysNothing:
    """The silent answers of a dialect, which overrides those it has a message for."""

    def late_opening(self) -> Sequence[Message]:
        """Say nothing more."""
        return ()

    def mark_played(self, name: str) -> Sequence[Message]:  # noqa: ARG002 -- the interface's
        """Say nothing; nobody can ask."""
        return ()

    def cleared(self, marks: Sequence[str]) -> Sequence[Message]:  # noqa: ARG002 -- the interface's
        """Confirm nothing."""
        return ()

    def dtmf(self, digit: str) -> Sequence[Message]:  # noqa: ARG002 -- the interface's
        """Report no keys."""
        return ()

    def flow(self, *, paused: bool) -> Sequence[Message]:  # noqa: ARG002 -- the interface's
        """Ask for no pause."""
        return ()

    def drained(self) -> Sequence[Message]:
        """Report no silence."""
        return ()

    def closing(self, reason: str) -> Sequence[Message]:  # noqa: ARG002 -- the interface's
        """Close without a word."""
        return ()
