"""Help with a name nobody knows: near matches, or the whole list when it is short."""

from __future__ import annotations

import difflib
from collections.abc import Collection

_SHORT_LIST = 12


def did_you_mean(name: str, known: Collection[str]) -> str:
    """Return half a sentence naming what was probably meant, or what there is."""
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.6)
    if near:
        return f"did you mean {' or '.join(near)}?"
    if len(known) <= _SHORT_LIST:
        return f"there are: {', '.join(sorted(known))}"
    return f"nothing among the {len(known)} known ones is near it"
