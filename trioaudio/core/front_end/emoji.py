"""Which characters are pictures, and the invisible ones that only change a picture.

Unicode's Emoji property (https://www.unicode.org/Public/UCD/latest/ucd/emoji/emoji-data.txt),
but for those that are also ordinary writing: digits, # and *, arrows in a line, ©, ® and ™.
"""

from __future__ import annotations

import re

_PICTURES = (
    "\u2194-\u2199\u21a9\u21aa\u231a\u231b\u2328\u23cf\u23e9-\u23fa\u24c2\u25aa\u25ab\u25b6\u25c0"
    "\u25fb-\u25fe\u2600-\u2775\u2794-\u27bf\u2934\u2935\u2b05-\u2b07\u2b1b\u2b1c\u2b50\u2b55"
    "\u3030\u303d\u3297\u3299\U0001f000-\U0001f0ff\U0001f170-\U0001faff"
)
# Text and picture selectors, the keycap's frame, and the letters of a flag's region.
_CHANGERS = "\ufe0e\ufe0f\u20e3\U000e0020-\U000e007f"

EMOJI = _PICTURES + _CHANGERS
"""The inside of a regular expression's character class. The joiner is not in it: it belongs to a
picture only after one; elsewhere it decides how Indic text is read."""
KEYCAP_PARTS = frozenset("\ufe0f\u20e3")
"""After a digit, # or * they make a keycap, of which the character itself is said: press 1."""
_ONE = re.compile(rf"[{EMOJI}]")


def is_emoji(character: str) -> bool:
    """Say whether a character (one, or none) is a picture or changes one."""
    return _ONE.fullmatch(character) is not None
