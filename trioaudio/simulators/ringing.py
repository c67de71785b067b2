"""A call at a simulated REST interface: it rings, and then it is a process."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from functools import partial

import attrs
import trio


@attrs.define(eq=False)
class Ringing:
    """One call: it waits to be answered, and then is a process."""

    scope: trio.CancelScope = attrs.field(factory=trio.CancelScope)
    _process: trio.Process | None = None

    def end(self) -> None:
        """Hang up: a process that is there still tells what it heard."""
        if self._process is None:
            self.scope.cancel()
        else:
            self._process.terminate()

    async def run(self, command: Sequence[str], environ: Mapping[str, str]) -> tuple[bytes, bytes]:
        """Run the simulated carrier to its end; return what it printed."""
        run = partial(
            trio.run_process,
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            check=False,
            env=dict(environ),
        )
        found: dict[str, bytes] = {}

        async def collect(name: str, stream: trio.abc.ReceiveStream) -> None:
            found[name] = b"".join([chunk async for chunk in stream])

        async with trio.open_nursery() as nursery:
            process: trio.Process = await nursery.start(run)
            self._process = process
            assert process.stdout is not None
            assert process.stderr is not None
            nursery.start_soon(collect, "out", process.stdout)
            nursery.start_soon(collect, "err", process.stderr)
        return found["out"], found["err"]
