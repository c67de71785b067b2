"""What a rule is: a form of writing, and how what is written so is said."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

import attrs

from trioaudio.core.front_end.normalise.locale import Locale


@attrs.frozen
class Found:
    """Something written in a rule's form, and what stands around it."""

    match: re.Match[str]
    text_before: str
    """Some text up to it, of the clause before as well."""
    text_after: str
    """Some text after it."""
    locale: Locale

    def get(self, group: str) -> str:
        """Return what a named group matched; an empty text if it took no part."""
        return self.match[group] or ""


@attrs.frozen
class Rule:
    """A form of writing. What is said replaces the group `it`, or all where there is none."""

    pattern: re.Pattern[str]
    say: Callable[[Found], str | None]
    """Returns the words; None: it looks like it, but is not understood, and stays."""


def any_of(written: Iterable[str]) -> str:
    """Return a regular expression for one of some texts, the longest that fits."""
    return "|".join(re.escape(each) for each in sorted(written, key=len, reverse=True))
