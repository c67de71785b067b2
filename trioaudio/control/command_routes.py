"""The routes of the commands to a call, made of one table."""

from __future__ import annotations

from typing import Any, Final

import attrs
import msgspec

from trioaudio.api import commands, views
from trioaudio.control.operation import Asked, Operation, Outcome

PLAIN_FAULTS: Final = (
    "not-found",
    "ended",
    "conflict",
    "unsupported",
    "full",
    "forbidden",
    "engine",
)


@attrs.frozen
class Told:
    """A command and what it is answered with."""

    command: Any
    reply: Any = views.Done
    status: int = 200
    slow: bool = False
    """It may wait for somebody outside: what follows it on a stream is not kept waiting."""
    faults: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Return the last part of its path."""
        return str(self.command.__struct_config__.tag)

    @property
    def needs_body(self) -> bool:
        """Say whether some field has no default."""
        return any(each.required for each in msgspec.structs.fields(self.command))


COMMANDS: Final = (
    Told(commands.Say, views.Accepted, 202),
    Told(commands.Append, views.TextTaken),
    Told(commands.Flush, views.Done | views.TextTaken),
    Told(commands.Close, views.Done | views.TextTaken),
    Told(commands.Play, views.Accepted, 202, slow=True, faults=("carrier",)),
    Told(commands.Pause),
    Told(commands.Resume),
    Told(commands.Stop, views.Dropped),
    Told(commands.BargeIn, views.Dropped),
    Told(commands.Mark, views.Accepted, 202),
    Told(commands.Dtmf, views.Done | views.Accepted),
    Told(commands.Gain),
    Told(commands.Prepare, views.Prepared, slow=True, faults=("busy",)),
    Told(commands.HangUp, slow=True, faults=("carrier",)),
    Told(commands.Transfer, slow=True, faults=("carrier",)),
    Told(commands.Record),
)
SLOW: Final = tuple(each.command for each in COMMANDS if each.slow)


async def _tell(asked: Asked) -> Outcome:
    return Outcome(await asked.desk.command(asked.call, asked.body))


async def _end(asked: Asked) -> Outcome:
    return Outcome(await asked.desk.command(asked.call, commands.HangUp()))


def command_operations() -> list[Operation]:
    """Return an operation a command, and DELETE, which hangs up."""
    made = [
        Operation(
            method="POST",
            path=f"/v1/calls/{{call}}/{each.name}",
            name=each.name,
            summary=(each.command.__doc__ or "").strip(),
            guard="operator",
            run=_tell,
            status=each.status,
            reply=each.reply,
            form="json",
            body=each.command,
            body_needed=each.needs_body,
            faults=PLAIN_FAULTS + each.faults,
        )
        for each in COMMANDS
    ]
    delete = Operation(
        method="DELETE",
        path="/v1/calls/{call}",
        name="delete-call",
        summary="Hang up now.",
        guard="operator",
        run=_end,
        reply=views.Done,
        faults=(*PLAIN_FAULTS, "carrier"),
    )
    return [*made, delete]
