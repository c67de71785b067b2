"""Lines of carriers that press keys, or start late."""

from __future__ import annotations

import attrs

from call_rig import line
from fakes import SpelledCodec
from trioaudio.core.carrier import (
    Command,
    DtmfPressed,
    Event,
    Message,
    SendDtmf,
    Started,
    Starts,
)
from trioaudio.core.errors import LocalProtocolError
from trioaudio.line import Line


class KeyCodec(SpelledCodec):
    """Knows keys: `key 5` was pressed; pressing them is a message, or is not."""

    def __init__(self, *, presses: bool = False) -> None:
        super().__init__()
        self._presses = presses

    def receive(self, message: Message) -> list[Event]:
        if isinstance(message, str) and message.startswith("key "):
            return [DtmfPressed(message[4:], 120.0)]
        if isinstance(message, str) and message.startswith("begin "):
            call_id, _, stream_id = message[6:].partition(" ")
            return [Started(stream_id, call_id, metadata={"who": "me"})]
        return super().receive(message)

    def send(self, command: Command) -> list[Message]:
        if isinstance(command, SendDtmf):
            if not self._presses:
                raise LocalProtocolError("no way to press keys")
            return [f"press {command.digits}"]
        return super().send(command)


def key_line(*, presses: bool = False, starts_late: bool = False, **given: object) -> Line:
    made = line(new_codec=lambda *_: KeyCodec(presses=presses), **given)  # type: ignore[arg-type]
    if not starts_late:
        return made
    return attrs.evolve(made, carrier=attrs.evolve(made.carrier, starts=Starts.ON_MESSAGE))
