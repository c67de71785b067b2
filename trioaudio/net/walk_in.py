"""Carriers that come without having been expected: to a URL set once, `/media/{carrier}`.

Their console holds one URL for all calls, so nothing in it is secret. Whether they may come in is
for the function that answers to say: it is given the request, checks the carrier's proof, makes a
call, and returns a door that was opened for it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeAlias

import attrs

from trioaudio.core.carrier import Transport
from trioaudio.core.upgrade import UpgradeRequest
from trioaudio.net.door import Door
from trioaudio.net.refusal import Refusal

_PATH = re.compile(r"/media/([a-z0-9_]{1,40})/?")


@attrs.frozen
class WalkIn:
    """Somebody nobody waits for."""

    carrier: str | None
    """As the path names it; None for AudioSocket, which names none."""
    transport: Transport
    peer: str
    """The far end's own address."""
    request: UpgradeRequest | None
    """None for AudioSocket."""
    key: str = attrs.field(repr=False)
    """The path, or the UUID an AudioSocket began with."""


WalkInFunction: TypeAlias = Callable[[WalkIn], Door | Refusal]
"""Returns a door that nobody else can find, or why there is none. It does not wait."""


def carrier_in(path: str) -> str | None:
    """Return the carrier a path without a token names; None if it names none."""
    found = _PATH.fullmatch(path)
    return None if found is None else found[1]
