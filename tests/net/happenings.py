"""What a far end may do to a leg, and what is to come of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import attrs

from net.carrier_rig import LARGEST, FarEnd
from net.far_ends import Role
from trioaudio.core.websocket_frame import Opcode

FINAL = 0x80
RESERVED = 0x40
NO_UTF8 = b"\xc3\x28"
PAYLOAD = b"\x00are you there\xff"


async def _close(far: FarEnd) -> None:
    far.close(1000, "enough")
    await far.utter()


async def _close_amid_a_message(far: FarEnd) -> None:
    far.say_part("never to be ended")
    await _close(far)


async def _close_and_be_gone(far: FarEnd) -> None:
    await _close(far)
    await far.abort()


async def _reset(far: FarEnd) -> None:
    await far.utter()
    await far.abort()


async def _half_close(far: FarEnd) -> None:
    await far.utter()
    await far.close_half()


async def _ping(far: FarEnd) -> None:
    far.ping(PAYLOAD)
    await far.utter()


async def _mask_wrongly(far: FarEnd) -> None:
    wrong = Role(dialling=not far.role.dialling, certificates=None)
    far.blurt(wrong.frame(FINAL | Opcode.BINARY, b"speech"))
    await far.utter()


async def _set_reserved_bits(far: FarEnd) -> None:
    far.blurt(far.role.frame(FINAL | RESERVED | Opcode.BINARY, b"squeezed"))
    await far.utter()


async def _say_no_utf8(far: FarEnd) -> None:
    in_parts = far.theirs.protocol.expect_continuation_frame
    opcode = Opcode.CONTINUATION if in_parts else Opcode.TEXT
    far.blurt(far.role.frame(FINAL | opcode, NO_UTF8))
    await far.utter()


async def _say_too_much(far: FarEnd) -> None:
    if far.theirs.protocol.expect_continuation_frame:
        far.say_part("x" * (LARGEST - 1000))
        far.say_part("x" * 2000, last=True)
    else:
        far.say(bytes(LARGEST + 1))
    await far.utter()


@attrs.frozen
class Happening:
    """Something the far end does, and what is to come of it."""

    do: Callable[[FarEnd], Awaitable[None]]
    outcome: str
    """How the leg ends, a regular expression."""
    outcome_amid_a_message: str | None = None
    """The same where a message is half received, if that is otherwise."""
    farewell: frozenset[int | None] = frozenset((None,))
    """Codes our close frame may have; None: there may be none. A breach of the protocol has none:
    trio-websocket ends the connection there."""
    hears_all: bool = True
    """Whether what was said before is handed on even if we are speaking."""
    plain_only: bool = False


NO_FRAME = r"refused: 127\.0\.0\.1:\d+ sent what is no WebSocket frame, or .* over 100000 bytes"
IN_ORDER = "closed: 1000 enough"

EVENTS = {
    "ping": Happening(_ping, "closed: 1000", farewell=frozenset((1000,))),
    "close": Happening(_close, IN_ORDER, farewell=frozenset((1000,))),
    "close-amid": Happening(_close_amid_a_message, IN_ORDER, farewell=frozenset((1000,))),
    "close-gone": Happening(_close_and_be_gone, IN_ORDER),
    "reset": Happening(
        _reset, r"lost: connection to 127\.0\.0\.1:\d+ (broke: |was lost).*", hears_all=False
    ),
    "half-close": Happening(
        _half_close, r"lost: connection to 127\.0\.0\.1:\d+ was lost \(1006\)", plain_only=True
    ),
    "mask": Happening(_mask_wrongly, NO_FRAME),
    "reserved": Happening(_set_reserved_bits, NO_FRAME),
    "no-utf8": Happening(
        _say_no_utf8,
        "refused: the carrier sent text that is no UTF-8",
        r"refused: connection to 127\.0\.0\.1:\d+ ended with 1007 .*",
        farewell=frozenset((None, 1007)),
    ),
    # What is still on its way to us may turn our close into a reset before it is read.
    "too-much": Happening(
        _say_too_much,
        NO_FRAME,
        r"refused: connection to 127\.0\.0\.1:\d+ ended with 1009 .*",
        farewell=frozenset((None, 1009)),
    ),
}
