"""How a message becomes JSON, whatever its texts hold.

A text may hold half of a surrogate pair: JSON can spell it, and Python's reader lets it pass, so
what a carrier or an engine wrote may bring one. UTF-8 has no such character, and most readers
refuse its escape, too (https://www.rfc-editor.org/rfc/rfc8259#section-8.2). U+FFFD stands in its
place then, so that one text never costs the message, or those that wait behind it.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

_encode: Final = msgspec.json.Encoder().encode


def encode(value: object) -> bytes:
    """Return the value as JSON in UTF-8; TypeError for what is no message."""
    try:
        return _encode(value)
    except UnicodeEncodeError:
        return _encode(_mended(msgspec.to_builtins(value)))


def _mended(value: Any) -> Any:
    match value:
        case str():  # the two halves of a pair, if they stand together, become what they mean
            return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        case dict():
            return {_mended(key): _mended(each) for key, each in value.items()}
        case list() | tuple():
            return [_mended(each) for each in value]
        case _:
            return value
