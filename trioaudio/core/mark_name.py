"""The names of our marks: which utterance's end, and of which generation.

Short, since Asterisk ignores commands above 128 bytes; the generation makes two marks of one
utterance differ when it was cut and said again.
"""

from __future__ import annotations

import re

_NAME = re.compile(r"u(\d{1,18})g(\d{1,18})", re.ASCII)


def mark_name(utterance: int, generation: int) -> str:
    """Return the name of the mark at an utterance's end."""
    return f"u{utterance}g{generation}"


def marked_utterance(name: str) -> int | None:
    """Return the utterance a mark of ours belongs to; None for a name that is not ours."""
    found = _NAME.fullmatch(name)
    return int(found[1]) if found else None
