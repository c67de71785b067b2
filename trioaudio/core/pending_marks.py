"""Marks a carrier was asked to echo and has not yet: what is known of what was played.

A mark lives and dies with its leg. A clear forgets all of them: one that comes back afterwards
was not heard, whatever the carrier says.
"""

from __future__ import annotations

from typing import Final

import attrs

MOST_MARKS: Final = 64
"""Marks waited for at a time; the oldest is given up for a new one."""


@attrs.define(eq=False)
class PendingMarks:
    """One leg's marks. Times are seconds on Trio's clock."""

    stale: int = 0
    """Marks that came back and were not waited for."""
    _names: dict[str, None] = attrs.field(factory=dict)  # the oldest first
    _answered_at: float = 0.0
    _newest: str = ""

    def ask(self, name: str) -> None:
        """Wait for a mark from now on."""
        if len(self._names) == MOST_MARKS:
            del self._names[next(iter(self._names))]
        self._names[name] = None
        self._newest = name

    def answer(self, name: str, now: float) -> bool:
        """Take a mark that came back; False, and counted, if it is not waited for."""
        if name not in self._names:
            self.stale += 1
            return False
        del self._names[name]
        self._answered_at = now
        return True

    def forget(self) -> None:
        """Wait for none any more."""
        self._names.clear()

    @property
    def are_awaited(self) -> bool:
        """Whether the carrier owes one."""
        return bool(self._names)

    def played_at(self, estimate: float, patience: float) -> float:
        """Return when all that was sent will have been played, as far as can be known.

        The estimate while the carrier owes a mark, plus the patience there is with it; if its
        last word came later than the estimate, then that.
        """
        if self._newest in self._names:  # a later one that came back speaks for those before
            return estimate + patience
        return max(estimate, self._answered_at)
